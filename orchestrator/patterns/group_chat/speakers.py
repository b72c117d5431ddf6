"""Who speaks next. Every road leads through `eligible`, the fallback's too."""

from collections.abc import Callable, Mapping, Sequence

from orchestrator.patterns.base import Decider, Move, Note, PastStep, Start
from orchestrator.patterns.children import STRIKES, fault_of
from orchestrator.patterns.group_chat.ballots import REASON
from orchestrator.patterns.group_chat.chat import Chat
from orchestrator.patterns.group_chat.endings import escalated
from orchestrator.patterns.group_chat.news import news
from orchestrator.workflow.expressions import ExpressionError, evaluate

HIGHEST_BID = 100


def next_speaker(chat: Chat) -> Move:
    """Return the move that gives somebody the floor, or finds out who wants or should have it."""
    if among := eligible(chat):
        return _CHOOSERS[chat.rules.speaking.by](chat, among)
    detail = "Nobody may speak next: the rules exclude everybody who is left on the panel."
    return escalated(chat, "no_eligible_speaker", detail, notes=news(chat))


def eligible(chat: Chat) -> tuple[str, ...]:
    """Return who may speak next, in the order of the file.

    Once a round has no more turns left than there are participants who must still speak, only
    they may, as far as the other rules let them.
    """
    speaking = chat.rules.speaking
    free = tuple(name for name in chat.panel if speaking.may_follow(name, chat.last))
    waited_for = [name for name in speaking.must_speak if not chat.has_spoken(name)]
    turns_left = chat.rules.turns_in_a_round - chat.number % chat.rules.turns_in_a_round
    first = tuple(name for name in free if name in waited_for)
    return first if first and turns_left <= len(waited_for) else free


def _by_turns(chat: Chat, among: Sequence[str]) -> Move:
    return _give_floor(chat, among, _next_of(chat, among))


def _by_rule(chat: Chat, among: Sequence[str]) -> Move:
    variables = chat.variables() | {"eligible": list(among)}
    try:
        name = evaluate(chat.rules.speaking.rule, variables)
    except ExpressionError:
        return _fall_back(chat, among)
    return _give_floor(chat, among, name) if name in among else _fall_back(chat, among)


def _by_manager(chat: Chat, among: Sequence[str]) -> Move:
    speaker = {"speaker": {"enum": list(among)}, "reason": REASON}
    schema = _object(speaker, required="speaker")
    answers = chat.asked("speaker")
    fault = fault_of(answers[-1], schema) if answers else None
    if answers and fault is None:
        return _give_floor(chat, among, answers[-1].output["speaker"], decider="model")
    if len(answers) >= STRIKES:
        return _fall_back(chat, among)
    ask = chat.ask("speaker", chat.rules.speaking.agent, schema, fault)
    return Start([ask], notes=news(chat))


def _by_bids(chat: Chat, among: Sequence[str]) -> Move:
    bid = {"type": "integer", "minimum": 0, "maximum": HIGHEST_BID}
    schema = _object({"bid": bid, "reason": REASON}, required="bid")
    bids = {name: chat.asked(f"bid_{name}") for name in among}
    if not any(bids.values()):
        asks = [chat.ask(f"bid_{name}", name, schema, kind="bid") for name in among]
        return Start(asks, notes=news(chat))
    valid = {name: step for name, (step,) in bids.items() if fault_of(step, schema) is None}
    return _to_highest(chat, among, valid)


def _to_highest(chat: Chat, among: Sequence[str], bids: Mapping[str, PastStep]) -> Move:
    amounts = {name: int(step.output["bid"]) for name, step in bids.items()}
    highest = max(amounts.values(), default=0)
    if highest == 0:
        return _fall_back(chat, among)
    ahead = [name for name in among if amounts.get(name) == highest]
    return _give_floor(chat, among, _next_of(chat, ahead), bids=amounts)


def _fall_back(chat: Chat, among: Sequence[str]) -> Move:
    speaking = chat.rules.speaking
    if speaking.fallback == "round_robin_next_eligible":
        return _give_floor(chat, among, _next_of(chat, among), by=speaking.fallback)
    detail = f"No eligible speaker was named; eligible are {', '.join(among)}."
    return escalated(chat, "no_speaker_chosen", detail, notes=news(chat))


def _give_floor(
    chat: Chat,
    among: Sequence[str],
    name: str,
    *,
    by: str = "",
    decider: Decider = "rule",
    bids: Mapping[str, int] | None = None,
) -> Move:
    chosen = {"speaker": name, "turn": chat.number, "by": by or chat.rules.speaking.by}
    payload = {**chosen, "eligible": list(among)} | ({"bids": bids} if bids else {})
    note = Note("chat.speaker_chosen", decider, payload)
    turn = chat.ask("turn", name, chat.may_say(), chat.last_fault(name), round=chat.round + 1)
    return Start([turn], notes=(*news(chat), note))


def _next_of(chat: Chat, names: Sequence[str]) -> str:
    """Return the one of `names` that comes first after the last speaker, round the table."""
    table = chat.rules.participants
    last = table.index(chat.last) if chat.last else -1
    return min(names, key=lambda name: (table.index(name) - last - 1) % len(table))


def _object(properties: Mapping[str, object], *, required: str) -> dict[str, object]:
    closed = {"type": "object", "additionalProperties": False}
    return {**closed, "required": [required], "properties": dict(properties)}


_CHOOSERS: Mapping[str, Callable[[Chat, Sequence[str]], Move]] = {
    "round_robin": _by_turns,
    "rule": _by_rule,
    "manager": _by_manager,
    "bid": _by_bids,
}
