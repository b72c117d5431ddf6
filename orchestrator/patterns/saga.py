"""In which order a run is rolled back (engine.md 5.7). Pure, so it replays.

Effects are undone one at a time, the one that was committed last first, wherever in the file
they came from. One that cannot be undone does not keep the rest from being undone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

_ENDED = frozenset({"succeeded", "failed", "skipped", "cancelled"})


@dataclass(frozen=True, slots=True)
class Undo:
    """One compensation step: its state, and the rank in which its effect was committed.

    `commit_seq` is None for an effect of which nobody knows whether it happened; it was still
    under way when everything else had been committed, so it comes first.
    """

    key: str
    commit_seq: int | None
    state: str


@dataclass(frozen=True, slots=True)
class Begin:
    """Undo this one next."""

    key: str


@dataclass(frozen=True, slots=True)
class Busy:
    """One is being undone; wait for it."""


@dataclass(frozen=True, slots=True)
class Stuck:
    """All others are done with; these need a person."""

    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Over:
    """Nothing is left to undo."""


Next = Begin | Busy | Stuck | Over


def latest_first(undos: Sequence[Undo]) -> list[Undo]:
    """Return them in the order in which they are undone."""
    unknown = [undo for undo in undos if undo.commit_seq is None]
    known = [undo for undo in undos if undo.commit_seq is not None]
    return unknown + sorted(known, key=lambda undo: -(undo.commit_seq or 0))


def next_undo(undos: Sequence[Undo]) -> Next:
    """Return what happens next; equal histories give equal moves."""
    ordered = latest_first(undos)
    if any(undo.state not in _ENDED | {"blocked", "escalated"} for undo in ordered):
        return Busy()
    for undo in ordered:
        if undo.state == "blocked":
            return Begin(undo.key)
    stuck = tuple(undo.key for undo in ordered if undo.state == "escalated")
    return Stuck(stuck) if stuck else Over()
