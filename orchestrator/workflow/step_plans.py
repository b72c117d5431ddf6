"""The nodes of a workflow file as frozen values: steps of agents, and blocks of steps."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from orchestrator.patterns.base import CheckpointRule, Jump
from orchestrator.workflow.guarding import NOTHING, Guard, guard_in
from orchestrator.workflow.money import amounts_of

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
# What every node of the file may say; all else in a block is its pattern's.
NODE_FIELDS = frozenset(
    {
        "id",
        "pattern",
        "needs",
        "with",
        "context",
        "timeouts",
        "budget",
        "checkpoint",
        "when",
        "when_skipped",
        "on_failure",
        "on_reject",
        "on_timeout",
        "mutex",
        "risk",
        "steps",
        "branches",
        "do",
    }
)
# Where each of these may send a sequence back to, by the state that it follows.
_JUMPS = {"on_reject": "rejected", "on_failure": "failed", "on_timeout": "timed_out"}
_DURATION = re.compile(r"([1-9][0-9]{0,5})([smhd])")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a step may take (engine.md 5.6); None is bounded by the run's deadline alone.

    `start_to_close` bounds one attempt, `schedule_to_start` each wait for a worker,
    `schedule_to_close` everything from the first wait to the end, waiting for people included.
    `heartbeat` is how long its worker may be silent; None is the setting of the installation.
    """

    start_to_close: timedelta
    schedule_to_start: timedelta | None = None
    schedule_to_close: timedelta | None = None
    heartbeat: timedelta | None = None


@dataclass(frozen=True, slots=True)
class StepPlan:
    """One node of the file: an agent's turn, or a block with a `pattern` and steps of its own.

    `arguments` is its `with`; None gives the agent the run's inputs. `options` are a block's own
    fields, `steps` its declared children: the steps of a sequence, the branches or the `do` of a
    concurrent block. `jumps` says where a sequence goes back to when the step went wrong,
    `on_timeout` what follows when its time is used up, nothing said as after a failure,
    `mutexes` what nobody else may use while it runs, as templates,
    `when_skipped` whether it is skipped with a step that it needs. `writes` are the members of
    its output that become shared state. Once what a `pivot` does is done, nothing is undone.
    `budget` is what a turn holds, or what a block may use, by unit.
    """

    id: str
    agent: str
    needs: tuple[str, ...]
    arguments: Mapping[str, Any] | None
    context: str | tuple[str, ...]
    timeouts: Timeouts
    checkpoint: tuple[CheckpointRule, ...]
    on_failure: str
    on_reject: str
    risk: str
    on_timeout: str = ""
    mutexes: tuple[str, ...] = ()
    when: str = ""
    when_skipped: str = "run"
    pattern: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    steps: tuple["StepPlan", ...] = ()
    jumps: Mapping[str, Jump] = field(default_factory=dict)
    pivot: bool = False
    writes: tuple[str, ...] = ()
    guard: Guard = NOTHING
    budget: Mapping[str, int] = field(default_factory=dict)

    def turn(self) -> "StepPlan":
        """Return what an agent's turn within this block is, which the file does not declare.

        Its failures are its pattern's business, so none of them waits for a person by itself.
        """
        alone = replace(self, pattern="", steps=(), needs=(), jumps={}, budget={})
        free = replace(alone, checkpoint=(), writes=(), guard=NOTHING, mutexes=())
        return replace(free, on_failure="stop", on_timeout="")


def sequence_of(
    plain: Sequence[Mapping[str, Any]], limits: Mapping[str, Any]
) -> tuple[StepPlan, ...]:
    """Return the steps of a sequence, each of which needs the one before if it does not say."""
    steps: list[StepPlan] = []
    for step in plain:
        before = (steps[-1].id,) if steps else ()
        steps.append(_step(step, before, limits))
    return tuple(steps)


def children_of(plain: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the nodes that a node of the file declares inside, each with its id."""
    if "steps" in plain:
        return list(plain["steps"])
    named = {"do": plain["do"]} if "do" in plain else plain.get("branches", {})
    return [{"id": name, **node} for name, node in named.items()]


def duration(text: str) -> timedelta:
    """Read `20m`; raises ValueError on anything the schema would refuse."""
    found = _DURATION.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is not a duration such as 20m")
    return timedelta(**{_UNITS[found.group(2)]: int(found.group(1))})


def _inner(plain: Mapping[str, Any], limits: Mapping[str, Any]) -> tuple[StepPlan, ...]:
    children = children_of(plain)
    if "steps" in plain:
        return sequence_of(children, limits)
    return tuple(_step(branch, (), limits) for branch in children)


def _step(
    plain: Mapping[str, Any], before: tuple[str, ...], limits: Mapping[str, Any]
) -> StepPlan:
    context = plain.get("context", "last")
    pattern = plain.get("pattern", "")
    return StepPlan(
        id=plain["id"],
        agent=plain.get("agent", ""),
        needs=tuple(plain.get("needs", before)),
        arguments=plain.get("with"),
        context=context if isinstance(context, str) else tuple(context),
        timeouts=_timeouts(plain, limits),
        checkpoint=tuple(CheckpointRule(**rule) for rule in plain.get("checkpoint", ())),
        on_failure=_ending(plain, "on_failure", "stop" if pattern else "escalate"),
        on_reject=_ending(plain, "on_reject", "stop"),
        on_timeout=_ending(plain, "on_timeout", ""),
        mutexes=tuple(plain.get("mutex", ())),
        risk=plain.get("risk", ""),
        when=plain.get("when", ""),
        when_skipped=plain.get("when_skipped", "run"),
        pattern=pattern,
        options=_options(plain, limits) if pattern else {},
        steps=_inner(plain, limits),
        jumps=dict(_jumps(plain)),
        pivot=plain.get("pivot", False),
        writes=tuple(plain.get("writes", ())),
        guard=NOTHING if pattern else guard_in(plain),
        budget=amounts_of(plain.get("budget", {})),
    )


def _options(plain: Mapping[str, Any], limits: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that are the pattern's own; a limit of the file bounds its blocks."""
    options = {name: value for name, value in plain.items() if name not in NODE_FIELDS}
    if plain["pattern"] == "concurrent" and "max_parallel" in limits:
        options.setdefault("max_parallel", limits["max_parallel"])
    return options


def _timeouts(plain: Mapping[str, Any], limits: Mapping[str, Any]) -> Timeouts:
    """Return how long turns may take; a block that asks nobody itself has no turns."""
    given = plain.get("timeouts", {"start_to_close": limits["deadline"]})
    return Timeouts(**{name: duration(text) for name, text in given.items()})


def _ending(plain: Mapping[str, Any], name: str, default: str) -> str:
    """Return what follows when a step went wrong; where it goes back, it ends first."""
    chosen = plain.get(name, default)
    return chosen if isinstance(chosen, str) else "stop"


def _jumps(plain: Mapping[str, Any]) -> Iterator[tuple[str, Jump]]:
    for name, how in _JUMPS.items():
        chosen = plain.get(name)
        if isinstance(chosen, Mapping):
            yield how, Jump(chosen["to"], chosen["max"])
