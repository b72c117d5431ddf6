"""What this process knows of the runs it drives, so that no step reads the whole past again.

Everything is taken over when the transaction commits that wrote or read it, and is trusted only
while the run's `version` says that nobody took hold of the run in between. Otherwise the past is
read anew: the lock and the conditional updates stay the truth. Hooks on commit carry it, so what
a savepoint takes back is forgotten too; what was not sealed at the end of its transaction is
dropped, because a hook in between may have failed and kept the others from running.
"""

import threading
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from orchestrator.history.lull import Lull
from orchestrator.history.places import Key
from orchestrator.models import Run, Step, StepState
from orchestrator.patterns.base import PastStep
from orchestrator.workflow.definition import Definition

_NONE: Mapping[str, Any] = {}
_OPEN = -1
# In the order of PastStep's own fields; a wide fan has a thousand of these rows.
PAST = (
    "path",
    "iteration",
    "state",
    "output",
    "error_code",
    "alias",
    "kind",
    "task",
    "order",
)
# A worker drives one run at a time; a few more are kept for those it takes turns with.
MOST_RUNS = 8


@dataclass(slots=True)
class _Known:
    """A run at one version; while hooks run it is open until it is sealed at what it `reached`.

    `ended` is the rank of the step that ended last, `rows` are steps that this process took over.
    """

    reached: int
    steps: dict[Key, PastStep]
    version: int = _OPEN
    ended: int = 0
    rows: dict[Key, Step] = field(default_factory=dict)
    lull: Lull | None = None

    def see(self, past: PastStep) -> None:
        """Take over how a step stands now."""
        self.steps[past.path, past.iteration] = past
        self.ended = max(self.ended, past.order)


class _OfThread(threading.local):
    """A thread has a connection of its own, so its hooks run before its next transaction."""

    def __init__(self) -> None:
        self.runs: OrderedDict[UUID, _Known] = OrderedDict()


_here = _OfThread()


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    """The run was taken hold of, which moved it on to this version."""

    run_id: UUID
    version: int

    def __call__(self) -> None:
        known = _here.runs.get(self.run_id)
        if known is not None and self.version - 1 in {known.version, known.reached}:
            known.version, known.reached, known.lull = _OPEN, self.version, None
        else:
            _here.runs.pop(self.run_id, None)


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """The whole past was read, which is known from then on, to this transaction too."""

    run_id: UUID
    known: _Known

    def __call__(self) -> None:
        _here.runs[self.run_id] = self.known
        while len(_here.runs) > MOST_RUNS:
            _here.runs.popitem(last=False)


@dataclass(frozen=True, slots=True, eq=False)
class _Moved:
    """A step came to stand like this."""

    run_id: UUID
    past: PastStep

    def __call__(self) -> None:
        known = _here.runs.get(self.run_id)
        if known is not None:
            known.see(self.past)


@dataclass(frozen=True, slots=True, eq=False)
class _Decided:
    """Nothing is left to decide of what was written so far; `lull` has counted the last ends."""

    run_id: UUID
    lull: Lull | None

    def __call__(self) -> None:
        known = _here.runs.get(self.run_id)
        if known is not None:
            known.lull = self.lull


@dataclass(frozen=True, slots=True, eq=False)
class _Sealed:
    """Everything that was done to the run up to this version has been taken over."""

    run_id: UUID
    version: int

    def __call__(self) -> None:
        known = _here.runs.get(self.run_id)
        if known is not None and known.reached == self.version:
            known.version = self.version


@dataclass(frozen=True, slots=True, eq=False)
class _TakenOver:
    """A turn of ours succeeded, and this is its row."""

    row: Step

    def __call__(self) -> None:
        known = _here.runs.get(self.row.run_id)
        if known is not None:
            known.rows[self.row.path, self.row.iteration] = self.row


_Hook = _Held | _Read | _Moved | _Decided


def held(run: Run) -> None:
    """Remember that the caller took hold of the run."""
    transaction.on_commit(_Held(run.pk, run.version))


def read(run: Run, past: list[PastStep]) -> None:
    """Remember the whole past of a run that the caller holds."""
    known = _Known(run.version, {})
    for step in past:
        known.see(step)
    transaction.on_commit(_Read(run.pk, known))


def moved(step: Step, changes: Mapping[str, Any] = _NONE) -> None:
    """Remember how a step stands that the caller's transaction wrote, with what it changed.

    An undo is no part of what a pattern decides about, nor is a step that was never asked for.
    """
    if step.undoes_id or step.state == StepState.BLOCKED:
        return
    values = [changes.get(name, getattr(step, name)) for name in PAST]
    past = PastStep(*values)
    transaction.on_commit(_Moved(step.run_id, past))


def taken_over(step: Step) -> None:
    """Remember the row of a step that succeeded: with its output, and its agent loaded."""
    transaction.on_commit(_TakenOver(step))


def succeeded(run: Run, paths: Collection[str]) -> list[Step] | None:
    """Return every step at `paths` that succeeded, or None unless all of them are known."""
    known = _here.runs.get(run.pk)
    if known is None or known.version != run.version:
        return None
    keys = [key for path in paths for key in _iterations(known, path)]
    done = [key for key in keys if known.steps[key].state == "succeeded"]
    return [known.rows[key] for key in done] if known.rows.keys() >= set(done) else None


def _iterations(known: _Known, path: str) -> Iterator[Key]:
    key = path, 0
    while key in known.steps:
        yield key
        key = path, key[1] + 1


def seal(run: Run) -> None:
    """Let what was remembered of the run be used: the last thing its transaction does with it."""
    transaction.on_commit(_Sealed(run.pk, run.version))


def past_of(run: Run) -> list[PastStep] | None:
    """Return the past of a run that the caller holds, or None if it has to be read."""
    known, since = _standing(run.pk)
    return None if known is None else _past(known, since)


def decided(run: Run, lull: Lull | None = None) -> None:
    """Remember that nothing is left to decide of what was written so far."""
    transaction.on_commit(_Decided(run.pk, lull))


def lull_of(run: Run, definition: Definition, state: Mapping[str, Any]) -> Lull | None:
    """Return the run as it waits, if nothing was written since but ends that it absorbs.

    What it has counted is taken from memory and comes back only if the transaction commits.
    """
    known, since = _standing(run.pk)
    if known is None:
        return None
    decisions = [n for n, hook in enumerate(since) if isinstance(hook, _Decided)]
    first = decisions[-1] + 1 if decisions else 0
    moves = _moves(since[first:])
    lull = _lull_in(since[first - 1]) if decisions else known.lull
    known.lull = None
    if lull is None:
        scope = {"inputs": run.inputs, "state": state}
        lull = Lull(definition, _past(known, since[:first]), scope)
    return lull if moves and all(map(lull.absorbs, moves)) else None


def _past(known: _Known, since: Sequence[_Hook]) -> list[PastStep]:
    latest = {(move.path, move.iteration): move for move in _moves(since)}
    return list({**known.steps, **latest}.values() if latest else known.steps.values())


def _moves(since: Sequence[_Hook]) -> list[PastStep]:
    return [hook.past for hook in since if isinstance(hook, _Moved)]


def _lull_in(hook: _Hook) -> Lull | None:
    return hook.lull if isinstance(hook, _Decided) else None


def last_rank(run_id: UUID) -> int | None:
    """Return the rank of the step that ended last, or None if it has to be read."""
    known, since = _standing(run_id)
    if known is None:
        return None
    return max([known.ended, *(move.order for move in _moves(since))])


def _standing(run_id: UUID) -> tuple[_Known | None, Sequence[_Hook]]:
    """Return what is known of the run, and what this transaction did to it since.

    What it read itself it knows, for it holds the run. Otherwise nothing is known unless it took
    hold of the run right after we let go of it.
    """
    hooks = list(_hooks(run_id))
    for place, hook in reversed(list(enumerate(hooks, start=1))):
        if isinstance(hook, _Read):
            return hook.known, hooks[place:]
    known = _here.runs.get(run_id)
    holds = [hook for hook in hooks if isinstance(hook, _Held)]
    if known and holds and holds[-1].version == known.version + len(holds):
        return known, hooks
    return None, ()


def _hooks(run_id: UUID) -> Iterator[_Hook]:
    for hook in (entry[1] for entry in connection.run_on_commit):
        if isinstance(hook, _Hook) and hook.run_id == run_id:
            yield hook
