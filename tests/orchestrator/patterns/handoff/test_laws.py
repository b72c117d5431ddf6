"""What holds of every handoff, whatever its agents answer."""

from collections.abc import Mapping
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.patterns.base import Ask, Start
from tests.harness.examples import tried
from tests.orchestrator.patterns.handoff.chain import declines, envelope, handoff, workers
from tests.orchestrator.patterns.world import Ended, failed, said

NAMES = ("a", "b", "c", "d")
some = st.lists(st.sampled_from(NAMES), unique=True, max_size=3)
GARBAGE: list[dict[str, Any]] = [
    {},
    {"handoff": None},
    {"handoff": "b"},
    {"handoff": {"to": ["a", "b"]}},
    {"handoff": [envelope("a"), envelope("b")]},
    {"handoff": envelope("mallory")},
    {"handoff": envelope("b"), "done": True},
    {"done": False},
    {"done": True},
    {"decline": None},
    {"satisfied": True, "holder": "a"},
]


@st.composite
def chains(draw: st.DrawFn) -> dict[str, Any]:
    graph = {name: [n for n in draw(some) if n != name] for name in NAMES}
    edges = [(a, b) for a in NAMES for b in graph[a]]
    chosen = draw(st.lists(st.sampled_from(edges), max_size=2)) if edges else []
    return {
        "start": draw(st.sampled_from(NAMES)),
        "transitions": graph,
        "must_handoff": draw(st.booleans() | some),
        "alternates": draw(st.dictionaries(st.sampled_from(NAMES), some, max_size=2)),
        "requires": {a: {b: "outputs.ok == true"} for a, b in chosen[:1]},
        "gates": {a: {b: "May it?"} for a, b in chosen[1:]},
        "max_handoffs": draw(st.integers(1, 6)),
        "max_visits": draw(st.integers(1, 6)),
    }


class Adversary:
    """Answers at random, and writes down who held the work when it was asked."""

    def __init__(self, options: Mapping[str, Any], random: Random, honesty: float) -> None:
        self.options, self.random, self.honesty = options, random, honesty

    def __call__(self, ask: Ask) -> Ended:
        if ask.kind == "approval":
            return said()
        if self.random.random() < self.honesty:
            return self._honest(ask)
        if self.random.random() < 0.3:
            return failed(self.random.choice(["crashed", "timed_out"]))
        return said(**self.random.choice(GARBAGE))

    def _honest(self, ask: Ask) -> Ended:
        if ask.task["offered"] and self.random.random() < 0.3:
            return declines()
        ok = self.random.random() < 0.7
        if targets := self.options["transitions"].get(ask.agent, []):
            return said(ok=ok, handoff=envelope(self.random.choice(targets)))
        return said(ok=ok)


plays = given(chains(), st.randoms(use_true_random=True), st.sampled_from([0.0, 0.5, 0.9, 1.0]))


@plays
@tried(200)
def test_every_handoff_ends_within_its_limits(
    options: dict[str, Any], random: Random, honesty: float
) -> None:
    world = handoff(Adversary(options, random, honesty), options)
    passed = world.noted("handoff.passed")
    assert world.end.state in {"succeeded", "escalated"}
    assert len(passed) <= options["max_handoffs"]
    for name in NAMES:
        held = (name == options["start"]) + sum(note["to"] == name for note in passed)
        assert held <= max(options["max_visits"], 1)
    holdings = options["max_handoffs"] + 1
    candidates = 1 + len(NAMES)
    assert len(workers(world)) <= holdings * (2 * candidates + 3 + 1)


@plays
@tried(200)
def test_exactly_one_agent_holds_the_work_and_only_it_or_who_is_offered_it_works(
    options: dict[str, Any], random: Random, honesty: float
) -> None:
    world = handoff(Adversary(options, random, honesty), options)
    holder = options["start"]
    for move in world.moves:
        for note in (note for note in getattr(move, "notes", ()) if note.type == "handoff.passed"):
            assert note.payload["from"] == holder
            assert note.payload["to"] in allowed(options, holder)
            holder = note.payload["to"]
        if isinstance(move, Start):
            [ask] = move.steps
            assert ask.kind == "approval" or ask.task["holder"] == holder
            offered = ask.kind == "turn" and ask.task["offered"]
            assert ask.kind == "approval" or offered or ask.agent == holder
            assert not offered or ask.agent in allowed(options, holder)
    assert world.end.output["holder"] == holder


@plays
@tried(200)
def test_the_work_ends_well_only_with_one_who_may_finish_it(
    options: dict[str, Any], random: Random, honesty: float
) -> None:
    world = handoff(Adversary(options, random, honesty), options)
    if world.end.state == "escalated":
        assert world.end.error_code
        assert world.end.detail
        return
    holder, must = world.end.output["holder"], options["must_handoff"]
    bound = set(NAMES) if must is True else set(must or [])
    assert not options["transitions"][holder] or holder not in bound
    assert workers(world)[-1] == holder


def allowed(options: Mapping[str, Any], holder: str) -> set[str]:
    targets = options["transitions"][holder]
    others = {name for target in targets for name in options["alternates"].get(target, [])}
    return {*targets, *others}
