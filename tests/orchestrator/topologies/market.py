"""A market without databases: one step for a crew, and peers that answer as a test says."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from orchestrator.patterns.base import Finish, History, Move, Note, PastStep, PlannedStep
from orchestrator.patterns.states import FINAL
from orchestrator.topologies.decentralized import Decentralized
from tests.orchestrator.patterns.engine import Engine

PEERS = ("ann", "bob", "cid")
EACH_HIS_OWN = {name: f"the owner of {name}" for name in (*PEERS, "lead")}
NET = {"award": "lowest_price", "bid_deadline": "30s", "ack_timeout": "30s"}


class Market:
    """A run of `draft`, which is for the crew of all peers and may be announced `by` agents."""

    def __init__(
        self,
        *,
        by: Sequence[str] = (),
        who: Mapping[str, str] | None = None,
        owners: Mapping[str, str] | None = None,
        **fields: Any,
    ) -> None:
        whose = {"who": who or {}, "owners": EACH_HIS_OWN if owners is None else owners}
        self.options = {**NET, **fields, "peers": {"crew": PEERS}, **whose}

        def assign(step: PlannedStep, history: History) -> str | Move:
            announced = replace(step, options={**step.options, "announced_by": by})
            return Decentralized().assign(announced, replace(history, options=self.options))

        self.engine = Engine([PlannedStep("draft", agent="crew")], assign=assign)
        self.engine.advance()

    @property
    def end(self) -> Finish | None:
        """Return how the run stands once it stands still."""
        move = self.engine.moves[-1].move
        return move if isinstance(move, Finish) else None

    def rows(self, kind: str, *, path: str = "draft/") -> list[PastStep]:
        """Return the rows of a kind within the step, in the order in which they were made."""
        every = self.engine.rows.values()
        return [row for row in every if row.kind == kind and row.path.startswith(path)]

    def open(self) -> list[PastStep]:
        """Return what has not ended."""
        return sorted(self.engine.open_leaves(), key=lambda row: (row.path, row.iteration))

    def asked(self) -> list[str]:
        """Return what has not ended and is no clock, by name."""
        return [row.path.removeprefix("draft/") for row in self.open() if row.kind != "timer"]

    def say(self, path: str, number: int = 0, /, **output: Any) -> None:
        """Let a peer answer, and the run go on."""
        self.become(f"draft/{path}", number, "succeeded", output)
        self.engine.advance()

    def fail(self, path: str, number: int = 0, *, state: str = "failed", code: str = "") -> None:
        """Let a peer fail, and the run go on."""
        self.become(f"draft/{path}", number, state, {}, code)
        self.engine.advance()

    def bid(self, name: str, price: int, number: int = 0, **more: Any) -> None:
        """Let a peer bid."""
        self.become_bid(name, price, number, **more)
        self.engine.advance()

    def become_bid(self, name: str, price: int, number: int = 0, **more: Any) -> None:
        """Let a peer bid without anybody deciding about it yet."""
        bid = {"price_micro_usd": price, "eta_s": 10, "confidence": 0.5, **more}
        self.become(f"draft/bid-{name}", number, "succeeded", bid)

    def become(
        self, path: str, number: int, state: str, output: Mapping[str, Any], code: str = ""
    ) -> None:
        """Let a row come to a state without anybody deciding about it yet."""
        self.engine.end(path, state, number, **output)
        row = self.engine.rows[path, number]
        self.engine.rows[path, number] = replace(row, error_code=code)

    def noted(self, type: str) -> list[Mapping[str, Any]]:
        """Return what was told of this type."""
        return [note.payload for note in self._notes() if note.type == type]

    def _notes(self) -> Iterator[Note]:
        yield from self.engine.notes


def is_over(row: PastStep) -> bool:
    """Whether a row has ended."""
    return row.state in FINAL
