"""How a chat votes: when, who, again after a faulty paper, and what a tie leads to."""

from orchestrator.patterns.base import Ask, Decider, Finish, Move, Note, Start
from orchestrator.patterns.children import STRIKES, fault_of
from orchestrator.patterns.group_chat.ballots import REASON
from orchestrator.patterns.group_chat.chat import Chat
from orchestrator.patterns.group_chat.endings import agreed, escalated
from orchestrator.patterns.group_chat.news import news, tally_json, tally_of
from orchestrator.patterns.group_chat.papers import VOTE, vote_schema


def is_due(chat: Chat) -> bool:
    """Whether a round has just ended and there is something to vote on.

    Those who must speak have spoken by then, and a file may keep ballots to later rounds.
    """
    rules = chat.rules
    ended = chat.number > 0 and chat.number % rules.turns_in_a_round == 0
    heard = all(chat.has_spoken(name) for name in rules.speaking.must_speak)
    return ended and heard and chat.round >= rules.voting.from_round and bool(chat.proposals)


def vote(chat: Chat) -> Move | None:
    """Return the next move of the ballot; None when it is closed and decided nothing.

    A faulty paper is asked for again, until its voter is removed.
    """
    if not chat.is_ballot_closed:
        papers = [_paper(chat, name) for name in chat.voters if name not in chat.ballot.papers]
        return Start(papers, notes=() if chat.ballot.is_begun else news(chat))
    tally = tally_of(chat)
    if tally.outcome == "decided":
        return agreed(chat, tally.leaders[0], tally_json(chat), news(chat))
    return _break_tie(chat, tally.leaders) if tally.outcome == "tied" else None


def _paper(chat: Chat, voter: str) -> Ask:
    schema = vote_schema(chat.rules, chat.turns, voter)
    faults = [fault for name, fault in chat.ballot.faults if name == voter]
    error = faults[-1] if faults else None
    return chat.ask(f"{VOTE}{voter}", voter, schema, error, ballot=chat.round)


def _break_tie(chat: Chat, leaders: tuple[str, ...]) -> Move:
    for tie_break in chat.rules.voting.tie_break:
        if tie_break == "earliest_proposal":
            return _broken(chat, leaders[0], tie_break, "rule")
        if tie_break == "judge" and (move := _judged(chat, leaders)):
            return move
    detail = f"The ballot after round {chat.round} is a tie between {', '.join(leaders)}."
    return escalated(chat, "tie", detail, tally=tally_json(chat), notes=news(chat))


def _judged(chat: Chat, leaders: tuple[str, ...]) -> Move | None:
    schema = {
        "type": "object",
        "additionalProperties": False,
        "required": ["vote"],
        "properties": {"vote": {"enum": list(leaders)}, "reason": REASON},
    }
    answers = chat.asked("judge")
    fault = fault_of(answers[-1], schema) if answers else None
    if answers and fault is None:
        return _broken(chat, answers[-1].output["vote"], "judge", "model")
    if len(answers) >= STRIKES:
        return None
    return Start([chat.ask("judge", chat.rules.voting.judge, schema, fault)], notes=news(chat))


def _broken(chat: Chat, winner: str, decided_by: str, decider: Decider) -> Finish:
    tally = tally_json(chat, decided_by=decided_by, winner=winner)
    payload = {"winner": winner, "leaders": tally["leaders"], "by": decided_by}
    broken = Note("chat.tie_broken", decider, payload)
    return agreed(chat, winner, tally, (*news(chat), broken))
