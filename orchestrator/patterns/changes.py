"""What one decision about a run changes, told by absolute path."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from orchestrator.patterns.base import Ask, Finish, Kind, Move, Note, Start, Wait

Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Settled:
    """A child that ends, or needs a person, without anybody at work on it.

    It is a block that its pattern finishes, or a child that is skipped, or whose condition is
    unclear; then it may be new.
    """

    path: str
    iteration: int
    kind: Kind
    finish: Finish


@dataclass(frozen=True, slots=True)
class TreeMove:
    """Everything that one decision changes.

    `move` is how the run stands afterwards: Start of leaves, Wait or Finish. What it cancels and
    notes is in `cancel` and `notes`, as for any block. Rows are made for `begun` blocks and for
    the leaves; `settled` rows come to the state of their finish; `resumed` blocks, which were
    escalated, run again. What ends is ranked in the order given: `settled`, then `cancel`.
    """

    move: Move
    begun: Sequence[Ask] = ()
    settled: Sequence[Settled] = ()
    resumed: Sequence[Key] = ()
    cancel: Sequence[Key] = ()
    notes: Sequence[Note] = ()


@dataclass(slots=True)
class Changes:
    """The changes so far. A child that is new and cancelled at once never was."""

    new: set[Key] = field(default_factory=set)
    asked: dict[Key, Ask] = field(default_factory=dict)
    settled: dict[Key, Settled] = field(default_factory=dict)
    resumed: set[Key] = field(default_factory=set)
    cancelled: set[Key] = field(default_factory=set)
    notes: list[tuple[str, Note]] = field(default_factory=list)

    def settle(self, key: Key, settled: Settled) -> None:
        """Keep what a child came to last, after what others came to before it."""
        self.settled.pop(key, None)
        self.settled[key] = settled

    def cancel(self, key: Key, within: str) -> None:
        """Take back what became of a child, whose own children lie `within`, and end it."""
        self.asked.pop(key, None)
        self.settled.pop(key, None)
        self.resumed.discard(key)
        if key in self.new:
            self._forget(f"{within}/")
        else:
            self.cancelled.add(key)

    def told(self, move: Wait | Finish) -> TreeMove:
        """Return the changes, given what the root says of itself."""
        leaves = [ask for ask in self.asked.values() if ask.kind != "block"]
        return TreeMove(
            Start(leaves) if leaves and isinstance(move, Wait) else move,
            begun=[ask for ask in self.asked.values() if ask.kind == "block"],
            settled=list(self.settled.values()),
            resumed=sorted(self.resumed),
            cancel=sorted(self.cancelled),
            notes=list(self._placed_notes()),
        )

    def _forget(self, within: str) -> None:
        for key in [key for key in self.new if key[0].startswith(within)]:
            self.asked.pop(key, None)
            self.settled.pop(key, None)
        self.notes = [note for note in self.notes if not f"{note[0]}/".startswith(within)]

    def _placed_notes(self) -> Iterator[Note]:
        for block, note in self.notes:
            yield replace(note, payload={**note.payload, "block": block})
