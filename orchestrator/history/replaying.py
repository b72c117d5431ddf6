"""Derives every move of a run again from its stream, and finds the first that comes out otherwise.

Nothing is looked up but the events and the definition. What agents answered, people decided,
tools did and clocks said stands in the events; everything the engine made of it has to follow.
A run that is wound down decides no more: how it came to that follows, what is undone does not.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from audit.canonical import canonical_bytes
from orchestrator.history import telling
from orchestrator.history.deciding import next_move, unmet_success
from orchestrator.history.folding import Fold
from orchestrator.history.lull import Lull
from orchestrator.history.places import key_of
from orchestrator.history.telling import Told
from orchestrator.patterns.base import Ask, Finish
from orchestrator.patterns.changes import Settled, TreeMove
from orchestrator.workflow.definition import Definition
from orchestrator.workflow.selection import as_told, from_told, select

_RUN_ENDS = frozenset({"run.succeeded", "run.failed", "run.rejected", "run.escalated"})
_STEP_ENDS = frozenset({"step.succeeded", "step.failed", "step.rejected", "step.timed_out"})
_HOLDS = frozenset({"run.paused", "run.timed_out"})
# Decisions that no move of a pattern made: they stand in the stream as what happened.
_DECIDED_ELSEWHERE = ("checkpoint.", "gate.", "verdict.", "step.")
_NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Recorded:
    """One event of the run's stream. `subject` is the id of what it is about."""

    seq: int
    type: str
    subject: str
    payload: Mapping[str, Any]

    @property
    def is_decided(self) -> bool:
        """Whether the engine decided it, so that it has to follow from what was before."""
        if self.type == "step.ready":
            return "asked" in self.payload
        if self.type == "step.cancelled":
            return self.payload.get("because") != "run_ended"
        if self.type == "step.skipped":
            return self.payload.get("because") != "person"
        if self.type == "step.escalated":
            return self.payload.get("because") == "condition"
        return (
            self.type in _RUN_ENDS
            or self.type in {"step.spared", "agent.selected"}
            or self.type.startswith("block.")
            or ("decider" in self.payload and not self.type.startswith(_DECIDED_ELSEWHERE))
        )


@dataclass(frozen=True, slots=True)
class Difference:
    """The first event that does not follow: what was derived instead, and what is recorded."""

    seq: int
    derived: str
    recorded: str


@dataclass(slots=True)
class Replay:
    """A run that is derived event by event. `decided` counts the events that followed."""

    definition: Definition
    fold: Fold = field(default_factory=Fold)
    decided: int = 0
    is_over: bool = True
    is_ending: bool = False
    _due: deque[Told] = field(default_factory=deque)
    _move: TreeMove | None = None
    _lull: Lull | None = None

    def read(self, event: Recorded) -> Difference | None:
        """Take over the next event, or say why it does not follow."""
        if self.is_ending:
            return None
        if event.type == "run.started":
            self.fold.begin(event.payload)
            self.is_over = False
        elif event.is_decided:
            is_choice = event.type == "agent.selected"
            return self._selected(event) if is_choice else self._decided(event)
        elif event.type in {"run.rolling_back", "run.cancel_requested"}:
            return self._winds_down(event)
        elif event.type in _HOLDS or event.type == "run.resumed":
            self.is_over = event.type in _HOLDS
        elif event.type in _STEP_ENDS and (due := self._next()):
            return Difference(event.seq, _said(due), event.type)
        else:
            return self._happened(event)
        return None

    def end(self, seq: int) -> Difference | None:
        """Say what should have followed the last event, if anything."""
        due = self._next()
        return Difference(seq + 1, _said(due), _NOTHING) if due else None

    def _selected(self, event: Recorded) -> Difference | None:
        """Choose again, from the candidates that are recorded, who fills a slot."""
        slot, candidates = str(event.payload.get("slot", "")), from_told(event.payload)
        choice = select(self.definition.slots[slot], candidates)
        due = Told(event.type, as_told(slot, candidates, choice))
        if not _is_told(due, event):
            return Difference(event.seq, _said(due), _said(Told(event.type, event.payload)))
        self.decided += 1
        return None

    def _winds_down(self, event: Recorded) -> Difference | None:
        """Take over that the run ends: a person or the clock said so, or it has to follow."""
        due = self._next()
        ending = Told(f"run.{event.payload.get('ending', '')}", event.payload)
        self.is_over = self.is_ending = True
        if ending.type in _RUN_ENDS and due:
            if not _is_told(due, replace(event, type=ending.type)):
                return Difference(event.seq, _said(due), _said(ending))
            self.decided += 1
        return None

    def _happened(self, event: Recorded) -> Difference | None:
        is_end = event.type == "step.cancelled"
        if is_end:
            # A step that is cancelled because the run ends must not change how it ends.
            self._next()
        lull = self._lull_before(event)
        try:
            changed = self.fold.happened(event.type, event.subject, event.payload)
        except LookupError:
            return Difference(event.seq, _NOTHING, f"{event.type} of a step that never started")
        if changed and not is_end and not self._is_absorbed(lull, event):
            self._move = self._lull = None
        return None

    def _lull_before(self, event: Recorded) -> Lull | None:
        """Return the run as it waits before an event; None while something is to be decided."""
        if self._move is None or self._due or isinstance(self._move.move, Finish):
            return None
        if self._lull is None and event.type == "step.succeeded":
            fold = self.fold
            scope = {"inputs": fold.inputs, "state": fold.state(self.definition)}
            self._lull = Lull(self.definition, fold.past, scope)
        return self._lull

    def _is_absorbed(self, lull: Lull | None, event: Recorded) -> bool:
        """Whether nothing follows: that a step was begun is the same to every pattern."""
        if event.type == "step.started":
            return not self._due
        if lull is None or event.type != "step.succeeded":
            return False
        return lull.absorbs(self.fold.steps[key_of(str(event.payload["step"]))])

    def _decided(self, event: Recorded) -> Difference | None:
        due = self._next()
        if due is None or not _is_told(due, event):
            derived = _said(due) if due else _NOTHING
            return Difference(event.seq, derived, _said(Told(event.type, event.payload)))
        self.decided += 1
        self._take_over(due, event)
        return None

    def _next(self) -> Told | None:
        """Return the event that must be decided next; None while there is nothing to decide."""
        if self.is_over:
            return None
        if self._move is None:
            self._move = self._derived()
            self._due = deque(telling.told(self._move))
        if self._due:
            return self._due[0]
        return self._ending(self._move.move) if isinstance(self._move.move, Finish) else None

    def _derived(self) -> TreeMove:
        fold = self.fold
        return next_move(
            self.definition,
            fold.past,
            fold.inputs,
            fold.state(self.definition),
            charges=fold.charges,
            owners=fold.owners,
            absent=fold.absent,
        )

    def _ending(self, finish: Finish) -> Told:
        if finish.state != "succeeded":
            return Told(f"run.{finish.state}", {"code": finish.error_code or finish.state})
        fold, state = self.fold, self.fold.state(self.definition)
        if unmet_success(self.definition, fold.inputs, fold.outputs(), state):
            return Told("run.failed", {"code": "success_not_met"})
        if self.fold.has_open_effect:
            return Told("run.failed", {"code": "effect_unsettled"})
        return Told("run.succeeded")

    def _take_over(self, due: Told, event: Recorded) -> None:
        if event.type in _RUN_ENDS:
            self.is_over = True
            return
        self._due.popleft()
        if event.type != "step.spared":
            _apply(self.fold, due)


def replay(definition: Definition, events: Iterable[Recorded]) -> Replay | Difference:
    """Return the run as derived, or the first difference."""
    replayed, seq = Replay(definition), 0
    for event in events:
        seq = event.seq
        if difference := replayed.read(event):
            return difference
    return replayed.end(seq) or replayed


def _apply(fold: Fold, due: Told) -> None:
    if isinstance(due.about, Ask):
        fold.asked(due.about, "running" if due.type == "block.started" else "ready")
    elif isinstance(due.about, Settled):
        fold.settled(due.about)
    elif due.key:
        fold.moved(due.key, "cancelled" if due.type == "step.cancelled" else "running")


def _is_told(due: Told, event: Recorded) -> bool:
    if event.type == "step.spared":
        return due.type == "step.cancelled" and due.payload["step"] == event.payload.get("step")
    found = {name: event.payload.get(name) for name in due.payload}
    return due.type == event.type and canonical_bytes(found) == canonical_bytes(dict(due.payload))


def _said(told: Told) -> str:
    words = canonical_bytes(dict(told.payload)).decode() if told.payload else ""
    return f"{told.type} {words}".strip()[:600]
