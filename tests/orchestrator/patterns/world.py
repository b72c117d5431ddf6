"""A world for patterns without databases: it starts what they ask for and ends it as a test says.

Whatever it plays, it holds a pattern to the laws of all patterns: equal histories give equal
moves in whatever order they are told, nothing starts twice, a move can be stored as JSON.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from audit.canonical import canonical_bytes
from orchestrator.patterns.base import Ask, Finish, History, Move, Note, PastStep, Pattern, Start


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ends."""

    state: str
    output: Mapping[str, Any]
    error_code: str = ""


Answer = Callable[[Ask], Ended]


def said(**output: Any) -> Ended:
    return Ended("succeeded", output)


def failed(code: str = "crashed") -> Ended:
    return Ended("failed", {}, code)


def always(ended: Ended) -> Answer:
    return lambda _: ended


@dataclass(slots=True)
class World:
    """One play of a pattern: every move it made, and the history they made together."""

    pattern: Pattern
    history: History
    moves: list[Move]

    @property
    def asks(self) -> list[Ask]:
        return [ask for move in self.moves if isinstance(move, Start) for ask in move.steps]

    @property
    def notes(self) -> list[Note]:
        moves = (move for move in self.moves if isinstance(move, Start | Finish))
        return [note for move in moves for note in move.notes]

    @property
    def end(self) -> Finish:
        end = self.moves[-1]
        assert isinstance(end, Finish)
        return end

    def noted(self, type: str) -> list[Mapping[str, Any]]:
        return [note.payload for note in self.notes if note.type == type]


def play(
    pattern: Pattern,
    options: Mapping[str, Any],
    answer: Answer,
    *,
    scope: Mapping[str, Any] | None = None,
    absent: Collection[str] = (),
    longest: int = 2000,
) -> World:
    """Play until the pattern finishes; longer than `longest` children is a failure."""
    begin = History((), options=options, scope=scope or {}, absent=absent)
    world = World(pattern, begin, [])
    for move in _moves(world):
        world.moves.append(move)
        if isinstance(move, Finish):
            return world
        assert isinstance(move, Start), f"nothing is under way, yet it waits: {move}"
        assert move.steps, "it starts nothing"
        ended = [_ended(ask, answer(ask)) for ask in move.steps]
        assert not _keys(world.history.past) & _keys(ended), "it starts something twice"
        assert len(_keys(ended)) == len(ended), "it starts something twice at once"
        world.history = replace(world.history, past=(*world.history.past, *ended))
        assert len(world.history.past) <= longest, "it does not end"
    raise AssertionError


def under_way(world: World, state: str) -> History:
    """Return the world's history as it was while the children it asked for last were `state`."""
    [*_, start] = (move for move in world.moves if isinstance(move, Start))
    last = {(ask.path, ask.iteration) for ask in start.steps}
    past = [
        PastStep(p.path, p.iteration, state, agent=p.agent, kind=p.kind, task=p.task)
        if (p.path, p.iteration) in last
        else p
        for p in world.history.past
    ]
    return replace(world.history, past=past)


def _moves(world: World) -> Iterator[Move]:
    while True:
        move = world.pattern.decide(world.history)
        told_otherwise = replace(world.history, past=tuple(reversed(world.history.past)))
        assert world.pattern.decide(told_otherwise) == move, "the telling matters"
        canonical_bytes(asdict(move))
        yield move


def _ended(ask: Ask, ended: Ended) -> PastStep:
    return PastStep(
        ask.path,
        ask.iteration,
        ended.state,
        ended.output,
        ended.error_code,
        agent=ask.agent,
        kind=ask.kind,
        task=ask.task,
    )


def _keys(steps: Any) -> set[tuple[str, int]]:
    return {(step.path, step.iteration) for step in steps}
