"""What a move says in the run's stream, in the order in which it is made.

The engine writes exactly these fields and may add words for people; replay compares the fields.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from audit.canonical import canonical_bytes, digest
from orchestrator.history.places import Key
from orchestrator.patterns.base import Ask, Note, Start
from orchestrator.patterns.changes import Settled, TreeMove
from orchestrator.patterns.paths import inside

MOST_NOTE_BYTES = 131_072


@dataclass(frozen=True, slots=True)
class Told:
    """One event of a move. `key` is the step it is about, `about` what the move says of it."""

    type: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    key: Key | None = None
    about: Ask | Settled | None = None


def told(move: TreeMove) -> Iterator[Told]:
    """Yield every event of a move but the last one of a run: how it ends."""
    yield from map(of_note, move.notes)
    yield from map(of_resumed, move.resumed)
    yield from map(of_begun, move.begun)
    yield from map(of_settled, move.settled)
    yield from map(of_cancelled, move.cancel)
    if isinstance(move.move, Start):
        yield from map(of_ready, move.move.steps)


def of_note(note: Note) -> Told:
    """Return what a decision says; one too long for an event is named by its digest."""
    payload = {**note.payload, "decider": note.decider}
    if len(canonical_bytes(payload)) > MOST_NOTE_BYTES:
        payload = {"decider": note.decider, "digest": digest(payload)}
    return Told(note.type, payload)


def of_cancelled(key: Key) -> Told:
    """Return what is said of a step that nobody waits for any more."""
    return _about("step.cancelled", key)


def of_resumed(key: Key) -> Told:
    """Return what is said of a block that needs nobody any more."""
    return _about("block.resumed", key)


def of_begun(ask: Ask) -> Told:
    """Return what is said of a block that begins."""
    asked = digest(dict(ask.task))
    return _about("block.started", (ask.path, ask.iteration), ask, asked=asked)


def of_settled(settled: Settled) -> Told:
    """Return what is said of a block that ends or needs a person, and of a step's condition.

    A condition that does not hold skips a step; one that is unclear leaves it to a person.
    """
    key, finish = (settled.path, settled.iteration), settled.finish
    if finish.state == "skipped":
        return _about("step.skipped", key, settled)
    if settled.kind != "block":
        code = finish.error_code
        return _about(f"step.{finish.state}", key, settled, code=code, because="condition")
    how = {"code": finish.error_code, "output_digest": digest(dict(finish.output))}
    return _about(f"block.{finish.state}", key, settled, **how)


def of_ready(ask: Ask) -> Told:
    """Return what is said of a step that somebody may now do."""
    asked = digest(dict(ask.task))
    how = {"kind": ask.kind, "agent": ask.agent, "asked": asked}
    return _about("step.ready", (ask.path, ask.iteration), ask, **how)


def _about(type: str, key: Key, about: Ask | Settled | None = None, /, **payload: Any) -> Told:
    return Told(type, {"step": inside(*key), **payload}, key, about)
