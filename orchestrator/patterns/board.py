"""A run as it stands while one decision is played out on it."""

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from operator import attrgetter

from orchestrator.patterns.base import Ask, Finish, PastStep, Start, Wait
from orchestrator.patterns.changes import Changes, Key, Settled, TreeMove
from orchestrator.patterns.paths import inside, joined
from orchestrator.patterns.states import FINAL, is_under_way, is_unstarted, reason_to_wait

_ALL_BUT_PATH = attrgetter(*(part.name for part in fields(PastStep) if part.name != "path"))


class Board:
    """The children of every block, by the block's path, each under its path within the block."""

    def __init__(self, past: Sequence[PastStep]) -> None:
        self._children: dict[str, dict[Key, PastStep]] = {}
        self._unfinished: set[str] = set()
        self._finishes: dict[str, tuple[str, Finish]] = {}
        self._rank = max((child.order for child in past), default=0)
        self._changes = Changes()
        self._lay(past)

    def children(self, block: str) -> list[PastStep]:
        """Return what stands at the children of a block."""
        return list(self._children.get(block, {}).values())

    def is_unfinished(self, block: str) -> bool:
        """Whether anything within a block has been asked and has not ended."""
        return block in self._unfinished

    def ask(self, block: str, ask: Ask) -> None:
        """Put a child on the board that is now ready, or a block that begins."""
        self._claim(block, ask)
        state = "running" if ask.kind == "block" else "ready"
        child = PastStep(ask.path, ask.iteration, state, agent=ask.agent, kind=ask.kind)
        self._put(block, replace(child, task=ask.task))
        path = joined(block, ask.path)
        self._changes.asked[path, ask.iteration] = replace(ask, path=path)

    def settle(self, block: str, ask: Ask, finish: Finish) -> None:
        """Put a child on the board that nobody is asked for: it is skipped, or needs a person."""
        self._claim(block, ask)
        child = PastStep(ask.path, ask.iteration, "blocked", kind=ask.kind, task=ask.task)
        self._end(block, child, finish)

    def show(self, block: str, child: PastStep, move: Wait | Finish) -> None:
        """Let a block that had not ended show its parent what its own pattern says of it."""
        key = joined(block, child.path), child.iteration
        if isinstance(move, Wait):
            if child.state == "escalated":
                self._changes.resumed.add(key)
            self._put(block, replace(child, state=move.reason, error_code=""))
            return
        self._finishes[key[0]] = inside(*key), move
        if (child.state, child.error_code) != (move.state, move.error_code):
            self.follow(inside(*key), move)
            self._end(block, child, move)

    def follow(self, block: str, move: Start | Finish) -> None:
        """Cancel what a block's move cancels and keep what it notes."""
        for key in move.cancel:
            self._cancel(block, key)
        self._changes.notes += [(block, note) for note in move.notes]

    def result(self, move: Wait | Finish) -> TreeMove:
        """Return what changed, given what the root says of itself."""
        if isinstance(move, Finish) and move.state == "succeeded":
            move = self._last_losers() or move
        if isinstance(move, Finish):
            self.follow("", move)
            move = self._blamed(move)
        return self._changes.told(move)

    def _last_losers(self) -> Wait | None:
        """Wait for losers that may finish, before the run succeeds; not for one that is stuck."""
        left = self._open()
        moving = [child for _, child in left if child.kind != "block" and is_under_way(child)]
        if moving:
            return Wait(reason_to_wait(moving))
        for block, child in left:
            self._cancel(block, (child.path, child.iteration))
        return None

    def _lay(self, past: Sequence[PastStep]) -> None:
        blocks = {inside(p.path, p.iteration) for p in past if p.kind == "block"}
        for child in past:
            block = next((b for b in _ancestors(child.path) if b in blocks), "")
            self._put(block, _at(child, child.path[len(block) :].lstrip("/")))
            if child.state not in FINAL and not is_unstarted(child):
                self._unfinished.update(_ancestors(child.path))

    def _next_rank(self) -> int:
        self._rank += 1
        return self._rank

    def _put(self, block: str, child: PastStep) -> None:
        self._children.setdefault(block, {})[child.path, child.iteration] = child

    def _end(self, block: str, child: PastStep, finish: Finish) -> None:
        key = joined(block, child.path), child.iteration
        cause = joined(inside(*key), finish.cause) if finish.cause else ""
        told = Settled(*key, child.kind, replace(finish, cause=cause, cancel=(), notes=()))
        self._changes.settle(key, told)
        self._finishes[key[0]] = inside(*key), finish
        ended = replace(child, state=finish.state, error_code=finish.error_code)
        order = self._next_rank() if finish.state in FINAL else 0
        self._put(block, replace(ended, output=finish.output, order=order))

    def _claim(self, block: str, ask: Ask) -> None:
        known = self._children.get(block, {}).get((ask.path, ask.iteration))
        if not is_unstarted(known):
            raise ValueError(f"{joined(block, ask.path)} is asked for a second time")
        if known is None:
            self._changes.new.add((joined(block, ask.path), ask.iteration))

    def _cancel(self, block: str, key: Key) -> None:
        """End a child that has not ended, with all that is in it."""
        child = self._children[block].get(key)
        if child is None or child.state in FINAL:
            return
        path = joined(block, child.path), child.iteration
        for inner in list(self._children.get(inside(*path), ())):
            self._cancel(inside(*path), inner)
        self._put(block, replace(child, state="cancelled", order=self._next_rank()))
        self._changes.cancel(path, inside(*path))

    def _open(self) -> list[tuple[str, PastStep]]:
        every = ((block, child) for block in self._children for child in self.children(block))
        return [(block, child) for block, child in every if child.state not in FINAL]

    def _blamed(self, finish: Finish) -> Finish:
        """Return the finish with the innermost child to blame as its cause."""
        cause, detail = finish.cause, finish.detail
        while cause in self._finishes:
            within, inner = self._finishes[cause]
            detail = detail or inner.detail
            if not inner.cause:
                break
            cause = joined(within, inner.cause)
        return replace(finish, cause=cause, detail=detail, cancel=(), notes=())


def _at(child: PastStep, path: str) -> PastStep:
    """Return the child at another path; `replace` takes too long for all rows of a run."""
    return child if child.path == path else PastStep(path, *_ALL_BUT_PATH(child))


def _ancestors(path: str) -> Iterator[str]:
    """Yield the paths that a path lies within, the nearest first."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path
