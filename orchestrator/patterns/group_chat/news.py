"""What a chat's moves record: each decision once, with the first move that follows it."""

from dataclasses import asdict
from typing import Any

from orchestrator.patterns.base import Decider, Note
from orchestrator.patterns.children import STRIKES
from orchestrator.patterns.group_chat.ballots import Tally, count
from orchestrator.patterns.group_chat.chat import Chat


def news(chat: Chat) -> tuple[Note, ...]:
    """Return what the last turn or ballot brought and no move has told yet.

    Whoever was asked since, other than for a paper, was asked by a move that told it.
    """
    if chat.is_choosing:
        return ()
    if not chat.ballot.is_begun:
        return _removed(chat, [turn.participant for turn in chat.turns[-1:] if turn.fault])
    failed = sorted({name for name, _ in chat.ballot.faults})
    return (*_removed(chat, failed), *_tallied(chat))


def tally_of(chat: Chat) -> Tally:
    """Return the count of the ballot after the last turn.

    Whoever gave a paper and is out of service by now has not chosen, but what it vetoed stays
    so: to lose a voter may only make it harder to win.
    """
    voting = chat.rules.voting
    papers = [
        paper if name in chat.voters else {**paper, "abstain": True}
        for name, paper in chat.ballot.papers.items()
    ]
    return count(voting.method, list(chat.proposals), papers, quorum=voting.quorum)


def tally_json(chat: Chat, *, decided_by: str = "votes", winner: str = "") -> dict[str, Any]:
    """Return the tally with all of its papers, as it is recorded and handed on."""
    tally = tally_of(chat)
    if tally.outcome == "decided":
        winner = tally.leaders[0]
    return asdict(tally) | {
        "leaders": list(tally.leaders),
        "vetoed": list(tally.vetoed),
        "winner": winner,
        "decided_by": decided_by if winner else "",
        "quorum": chat.rules.voting.quorum,
        "round": chat.round,
        "papers": {name: dict(paper) for name, paper in sorted(chat.ballot.papers.items())},
    }


def _tallied(chat: Chat) -> tuple[Note, ...]:
    if not chat.is_ballot_closed:
        return ()
    decider: Decider = "model" if chat.rules.voting.method == "judge" else "rule"
    return (Note("chat.ballot_tallied", decider, tally_json(chat)),)


def _removed(chat: Chat, failed: list[str]) -> tuple[Note, ...]:
    payload = {"strikes": STRIKES, "turn": chat.number}
    removed = [name for name in failed if chat.is_removed(name)]
    return tuple(
        Note("chat.participant_removed", "rule", {"participant": name, **payload})
        for name in removed
    )
