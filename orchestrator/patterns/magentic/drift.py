"""Plan drift: what is about to be done is not what was approved.

An approval covers the items it showed. Anything else, or the same at a higher risk, in more
places or at a price more than a fifth above, is asked for again.
"""

from orchestrator.patterns.magentic.task_ledger import RISKS, Item

_TOLERATED_FIFTHS = 6


def drift_of(item: Item, approved: Item | None) -> list[str]:
    """Return in what an item goes beyond the one that was approved; nothing when it does not."""
    if approved is None or not item.is_work_of(approved):
        return ["not_in_approved_plan"]
    signs = {
        "action_class": item.action_class != approved.action_class,
        "compensation": item.compensation != approved.compensation,
        "approval_dropped": approved.needs_approval and not item.needs_approval,
        "scopes": not set(item.scopes) <= set(approved.scopes),
        "risk": RISKS.index(item.risk) > RISKS.index(approved.risk),
        "cost": _is_dearer(item.est_cost_micro_usd, approved.est_cost_micro_usd),
        "tokens": _is_dearer(item.est_tokens, approved.est_tokens),
    }
    return [sign for sign, shows in signs.items() if shows]


def _is_dearer(now: int, approved: int) -> bool:
    """Whether a price is more than a fifth above the approved one, counted in whole numbers."""
    return now * 5 > approved * _TOLERATED_FIFTHS
