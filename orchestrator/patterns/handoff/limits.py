"""What no chain of handoffs gets past. Reaching a limit needs a person; it is never success."""

from collections.abc import Sequence

from orchestrator.patterns.children import STRIKES, Fault
from orchestrator.patterns.handoff.rules import Rules
from orchestrator.patterns.handoff.transfer import Baton, Pass

PING_PONG_WINDOW = 6
PING_PONG_EXCHANGES = 2


def limit_of_holding(baton: Baton) -> Fault | None:
    """Return why the present holder may not go on; None while it may."""
    if baton.fault and baton.faults >= STRIKES:
        return Fault(baton.fault.code, f"{baton.holder} failed three times: {baton.fault.detail}")
    if baton.is_stranded:
        detail = f"Everybody who was offered the work of {baton.holder} declined it, twice over."
        return Fault("declined", detail)
    return None


def limit_of_passing(baton: Baton, receiver: str, rules: Rules) -> Fault | None:
    """Return why the work may not go on to `receiver`; None when it may."""
    if len(baton.passes) >= rules.max_handoffs:
        return Fault("limit_reached", f"There were {rules.max_handoffs} handoffs already.")
    if baton.visits(receiver, rules.start) >= rules.max_visits:
        detail = f"{receiver} has held the work {rules.max_visits} times already."
        return Fault("limit_reached", detail)
    if _is_ping_pong(baton.passes, {baton.holder, receiver}):
        return Fault("ping_pong", f"The work goes back and forth with {receiver}.")
    return None


def _is_ping_pong(passes: Sequence[Pass], pair: set[str]) -> bool:
    """Whether one more pass makes two exchanges, each there and back, within the last six."""
    before = passes[1 - PING_PONG_WINDOW :]
    between = sum({step.sender, step.receiver} == pair for step in before) + 1
    return between >= 2 * PING_PONG_EXCHANGES
