"""Chats among Ada, Ben and Cleo, and how their agents answer."""

from collections.abc import Collection, Mapping
from typing import Any

from orchestrator.patterns.base import Ask
from orchestrator.patterns.group_chat.pattern import GroupChat
from tests.orchestrator.patterns.world import Answer, Ended, World, play, said

PANEL = ("ada", "ben", "cleo")


def options(
    *,
    speaker: Mapping[str, Any] | None = None,
    terminate: Mapping[str, Any] | None = None,
    participants: tuple[str, ...] = PANEL,
    **consensus: Any,
) -> dict[str, Any]:
    voting = {"method": "majority", "tie_break": ["human"]} | consensus
    return {
        "participants": list(participants),
        "speaker": dict(speaker or {}),
        "terminate": {"max_rounds": 3, **(terminate or {})},
        "consensus": voting,
    }


def chat(
    answer: Answer,
    fields: Mapping[str, Any] | None = None,
    absent: Collection[str] = (),
    **scope: Any,
) -> World:
    return play(GroupChat(), fields or options(), answer, scope=scope, absent=absent)


def proposes(text: str = "Restart it", **data: Any) -> Ended:
    return said(kind="proposal", text=text, data=data)


def reports(text: str) -> Ended:
    return said(kind="evidence", text=text)


def talks(text: str) -> Ended:
    return said(kind="message", text=text)


def new_words(ask: Ask) -> Ended:
    """Say something nobody said before, which is no news either."""
    return talks(f"word {ask.task['turn']}")


def votes_for(choice: str) -> Ended:
    return said(vote=choice)


def each_proposes(ask: Ask) -> Ended:
    """Propose in the turn, then vote for one's own proposal."""
    if ask.path == "turn":
        return proposes(f"Plan {ask.task['turn']} of {ask.agent}")
    own = next(p["id"] for p in ask.task["proposals"].values() if p["author"] == ask.agent)
    return votes_for(own)


def all_for_the_first(ask: Ask) -> Ended:
    return each_proposes(ask) if ask.path == "turn" else votes_for("p1")


def speakers(world: World) -> list[str]:
    return [ask.agent for ask in world.asks if ask.path == "turn"]
