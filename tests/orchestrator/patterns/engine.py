"""An engine without a database: it keeps the rows that moves of a whole run ask for.

It holds every decision to the laws of the tree: nothing starts twice, equal histories give equal
moves however they are told, a decision leaves nothing to decide, and rooms are never overfull.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from audit.canonical import canonical_bytes
from orchestrator.patterns.base import Ask, Finish, Note, PastStep, PlannedStep, Start
from orchestrator.patterns.changes import Key, Settled, TreeMove
from orchestrator.patterns.paths import declared
from orchestrator.patterns.placing import Assign, as_named
from orchestrator.patterns.states import FINAL
from orchestrator.patterns.tree import decide_run

NO_LIMIT = 10_000


@dataclass(slots=True)
class Engine:
    """A run, its rows by path and iteration, and every note it made."""

    plan: Sequence[PlannedStep]
    inputs: Mapping[str, Any] = field(default_factory=dict)
    rows: dict[Key, PastStep] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    moves: list[TreeMove] = field(default_factory=list)
    assign: Assign = as_named

    def advance(self) -> TreeMove:
        """Make the run's next move."""
        move = self.decide(list(self.rows.values()))
        assert self.decide(list(reversed(self.rows.values()))) == move, "the telling matters"
        canonical_bytes([asdict(ask) for ask in self._asks(move)])
        self._apply(move)
        self.moves.append(move)
        if not isinstance(move.move, Finish):
            assert not changes(self.decide(list(self.rows.values()))), "it left something to do"
        self._check_room()
        return move

    def decide(self, past: list[PastStep]) -> TreeMove:
        return decide_run(self.plan, past, {"inputs": self.inputs}, assign=self.assign)

    def end(self, path: str, state: str, iteration: int = 0, /, **output: Any) -> None:
        """Let a child come to a state; a final one gets the next rank."""
        row = self.rows[path, iteration]
        assert row.state not in FINAL, f"{path} has ended"
        order = self._next_rank() if state in FINAL else 0
        self.rows[path, iteration] = replace(row, state=state, output=output, order=order)

    def open_leaves(self) -> list[PastStep]:
        return [r for r in self.rows.values() if r.kind != "block" and r.state not in FINAL]

    def stuck(self) -> list[PastStep]:
        """Return what a person can do something about: the innermost that is escalated."""
        escalated = [row for row in self.rows.values() if row.state == "escalated"]
        leaves = [row for row in escalated if row.kind != "block"]
        return leaves or sorted(escalated, key=lambda row: -row.path.count("/"))

    def output(self, path: str) -> Mapping[str, Any]:
        return self.rows[path, 0].output

    def _apply(self, move: TreeMove) -> None:
        for ask in self._asks(move):
            row = self.rows.get((ask.path, ask.iteration))
            assert row is None or row.state == "blocked", f"{ask.path} starts twice"
            state = "running" if ask.kind == "block" else "ready"
            row = PastStep(ask.path, ask.iteration, state, agent=ask.agent, kind=ask.kind)
            self._put(replace(row, task=ask.task))
        for settled in move.settled:
            self._settle(settled)
        for key in move.resumed:
            assert self.rows[key].state == "escalated"
            self._put(replace(self.rows[key], state="running"))
        for key in move.cancel:
            assert self.rows[key].state not in FINAL, f"{key} is cancelled after its end"
            self._put(replace(self.rows[key], state="cancelled", order=self._next_rank()))
        self.notes += move.notes
        fired = Counter(n.payload["block"] for n in self.notes if n.type == "join.fired")
        assert all(times == 1 for times in fired.values()), "a join fired twice"

    def _asks(self, move: TreeMove) -> Iterator[Ask]:
        yield from move.begun
        if isinstance(move.move, Start):
            yield from move.move.steps

    def _settle(self, settled: Settled) -> None:
        key = settled.path, settled.iteration
        row = self.rows.get(key) or PastStep(*key, "blocked", kind=settled.kind)
        assert row.state not in FINAL, f"{settled.path} ends twice"
        finish = settled.finish
        order = self._next_rank() if finish.state in FINAL else 0
        news = replace(row, state=finish.state, output=finish.output, order=order)
        self._put(replace(news, error_code=finish.error_code))

    def _put(self, row: PastStep) -> None:
        self.rows[row.path, row.iteration] = row
        assert len(self.rows) < NO_LIMIT, "it does not end"

    def _next_rank(self) -> int:
        return max((row.order for row in self.rows.values()), default=0) + 1

    def _check_room(self) -> None:
        busy = Counter(
            row.path.rpartition("/")[0]
            for row in self.rows.values()
            if row.state not in FINAL and row.kind != "timer" and not is_aggregation(row)
        )
        for path, number in busy.items():
            limit = options_at(self.plan, path).get("max_parallel", NO_LIMIT)
            assert number <= limit, f"{number} are under way in {path}"


def options_at(plan: Sequence[PlannedStep], path: str) -> Mapping[str, Any]:
    """Return the fields of the block that the file declares for a path of the run."""
    options: Mapping[str, Any] = {}
    for part in declared(path).split("/"):
        found = [step for step in plan if step.path == part]
        if not found:
            return {}
        plan, options = found[0].plan, found[0].options
    return options


def is_aggregation(row: PastStep) -> bool:
    return row.path.endswith("/aggregate")


def changes(move: TreeMove) -> list[Any]:
    started = list(move.move.steps) if isinstance(move.move, Start) else []
    return [*started, *move.begun, *move.settled, *move.resumed, *move.cancel, *move.notes]
