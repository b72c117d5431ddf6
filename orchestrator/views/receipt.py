"""What a run that succeeded can show for it: who agreed to what, and what was done."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orchestrator.selectors.approvals import Approval
from orchestrator.selectors.run_view import EffectRow, RunView
from orchestrator.views.showing import Said, in_short


@dataclass(frozen=True, slots=True)
class Receipt:
    """One effect, the approval that let it happen, and what the target answered.

    `approval` is None when policy allowed the action without asking people.
    """

    effect: EffectRow
    approval: Approval | None
    answer: Sequence[Said]


def receipt_of(run: RunView, approvals: Sequence[Approval]) -> tuple[Receipt, ...]:
    """Return the receipts of a run that succeeded, none of any other."""
    return tuple(_receipts(run, approvals)) if run.state == "succeeded" else ()


def _receipts(run: RunView, approvals: Sequence[Approval]) -> Iterator[Receipt]:
    for effect in run.effects:
        approval = next((a for a in approvals if a.effect_id == effect.id), None)
        yield Receipt(effect, approval, in_short(effect.response))
