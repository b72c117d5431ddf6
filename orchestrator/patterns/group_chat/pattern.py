"""Several agents talk until they agree, in the open and within limits (engine.md 3.3)."""

from orchestrator.patterns.base import Finish, History, Move
from orchestrator.patterns.children import interruption
from orchestrator.patterns.group_chat.chat import Chat, read_chat
from orchestrator.patterns.group_chat.endings import escalated, fulfilled
from orchestrator.patterns.group_chat.news import news, tally_json
from orchestrator.patterns.group_chat.progress import is_barren, is_repeating
from orchestrator.patterns.group_chat.speakers import next_speaker
from orchestrator.patterns.group_chat.voting import is_due, vote
from orchestrator.workflow.expressions import holds


class GroupChat:
    """Gives one participant after another the floor, and calls a ballot after each round.

    Only a ballot or the file's own predicate ends it well; every limit ends with a person.
    """

    name = "group_chat"
    judges_answers = True

    def decide(self, history: History) -> Move:
        """Return what happens next; equal histories give equal moves."""
        return interruption(history) or _next(read_chat(history))


def _next(chat: Chat) -> Move:
    return (
        _panel_lost(chat)
        or _predicate_holds(chat)
        or (vote(chat) if is_due(chat) else None)
        or _limit_reached(chat)
        or _stuck(chat)
        or next_speaker(chat)
    )


def _panel_lost(chat: Chat) -> Finish | None:
    quorum = chat.rules.voting.quorum
    if len(chat.voters) < quorum:
        detail = f"{len(chat.voters)} voters are left of the {quorum} that make a quorum."
        return _unresolved(chat, "quorum_unreachable", detail)
    for name in chat.rules.speaking.must_speak:
        if chat.is_removed(name) and not chat.has_spoken(name):
            detail = f"{name} must speak and was removed before it did."
            return _unresolved(chat, "participant_lost", detail)
    return None


def _predicate_holds(chat: Chat) -> Finish | None:
    predicate = chat.rules.predicate
    if predicate and chat.turns and holds(predicate, chat.variables()):
        return fulfilled(chat, news(chat))
    return None


def _limit_reached(chat: Chat) -> Finish | None:
    if chat.round < chat.rules.max_rounds:
        return None
    detail = f"No agreement in {chat.rules.max_rounds} rounds."
    return _unresolved(chat, "limit_reached", detail)


def _stuck(chat: Chat) -> Finish | None:
    said = [str(turn.answer["text"]) for turn in chat.turns if turn.kind]
    kinds = [turn.kind for turn in chat.turns]
    if not chat.rules.no_progress:
        return None
    if is_repeating(said):
        return _unresolved(chat, "no_progress", "The participants repeat themselves.")
    if is_barren(kinds, len(chat.rules.participants)):
        return _unresolved(
            chat, "no_progress", "Nothing new was proposed or found for two rounds."
        )
    return None


def _unresolved(chat: Chat, code: str, detail: str) -> Finish:
    tally = tally_json(chat) if chat.ballot.papers else None
    return escalated(chat, code, detail, tally=tally, notes=news(chat))
