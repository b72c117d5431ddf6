"""A release from build over test and security to deploy, and how its agents answer."""

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.patterns.base import Ask
from orchestrator.patterns.handoff.pattern import Handoff
from tests.orchestrator.patterns.world import Answer, Ended, World, play, said

GRAPH = {"build": ["test"], "test": ["build", "deploy"], "deploy": []}


def options(**fields: Any) -> dict[str, Any]:
    return {"start": "build", "transitions": GRAPH} | fields


def handoff(answer: Answer, fields: Mapping[str, Any] | None = None, **scope: Any) -> World:
    return play(Handoff(), fields or options(), answer, scope=scope)


def envelope(to: str, **more: Any) -> dict[str, Any]:
    return {"to": to, "reason": f"ready for {to}", "task": f"do {to}", **more}


def to(target: str, **output: Any) -> Ended:
    return said(handoff=envelope(target), **output)


def declines(reason: str = "too busy") -> Ended:
    return said(decline={"reason": reason})


def in_turn(*endings: Ended) -> Answer:
    """Answer one turn after the other with `endings`; people say yes."""
    left = list(endings)
    return lambda ask: said() if ask.kind == "approval" else left.pop(0)


def workers(world: World) -> list[str]:
    return [ask.agent for ask in world.asks if ask.path == "turn"]


def trail(world: World) -> Sequence[tuple[str, str]]:
    return [(step["from"], step["to"]) for step in world.end.output["trail"]]


def straight_on(ask: Ask) -> Ended:
    nexts = {"build": to("test", image="v1"), "test": to("deploy"), "deploy": said(healthy=True)}
    return nexts[ask.agent] if ask.kind == "turn" else said()
