"""What a verb on a step that needs a person would cost, and what it would undo, in a sentence."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from governance.models import Unit
from governance.selectors.budgets import HoldingView, words_of
from orchestrator.selectors.escalations import Packet
from orchestrator.selectors.rollback import Fate

MOST_NAMED = 3


def consequence_of(verb: str, packet: Packet, budget: HoldingView | None) -> str:
    """Return the sentence beside a verb, from what the tries cost and what is in place."""
    match verb:
        case "retry" if packet.is_undo:
            return _("Undoing draws on no budget.")
        case "retry" | "reroute":
            return _cost(packet, budget)
        case "fail" if not packet.is_undo:
            return _undoing(packet)
        case "reconcile" | "supply_output" | "skip":
            return _("Costs nothing, and undoes nothing.")
        case _closing:
            return _("Undoes nothing more.")


def spent_words(packet: Packet) -> str:
    """Return what the tries so far cost."""
    return words_of(Unit.MICRO_USD, packet.spent.cost_micro_usd)


def _cost(packet: Packet, budget: HoldingView | None) -> str:
    spent = packet.spent
    each = words_of(Unit.MICRO_USD, spent.cost_micro_usd // max(1, spent.attempts))
    left = next((bar.left for bar in budget.bars if bar.left), "") if budget else ""
    if not spent.cost_micro_usd:
        said = _("A try cost nothing so far.")
    else:
        said = _("A try cost about %(each)s so far.") % {"each": each}
    return f"{said} {_('The run has %(left)s left.') % {'left': left}}" if left else said


def _undoing(packet: Packet) -> str:
    undone, kept = packet.stakes.undone, packet.stakes.kept
    if not undone and not kept:
        return _("Nothing outside was changed; there is nothing to undo.")
    said = []
    if undone:
        said.append(_("If the run ends by it, this is undone: %(what)s.") % _named(undone))
    if kept:
        said.append(_("This stays whatever comes: %(what)s.") % _named(kept))
    return " ".join(said)


def _named(fates: Sequence[Fate]) -> dict[str, str]:
    names = [fate.sentence.rstrip(".") for fate in fates[:MOST_NAMED]]
    more = len(fates) - len(names)
    if more:
        names.append(_("and %(n)d more") % {"n": more})
    return {"what": "; ".join(names)}
