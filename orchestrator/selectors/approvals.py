"""Who agreed to what a run did, and the authority that came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Prefetch

from governance.models import Effect, Gate, Review, Warrant
from orchestrator.selectors.run_view import RunView


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one person last said on a gate."""

    person: str
    verb: str
    comment: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Approval:
    """One gate of a run, the people behind its outcome, and the warrant it issued, if any."""

    gate_id: UUID
    step_path: str
    sentence: str
    state: str
    action_digest: str
    decided_at: datetime | None
    opinions: Sequence[Opinion]
    warrant_id: UUID | None
    warrant_state: str
    claimed_at: datetime | None
    effect_id: UUID | None


def approvals_of(run: RunView) -> tuple[Approval, ...]:
    """Return the gates of a run the caller may see, oldest first, in two queries."""
    # What was presented can be a whole diff; the gate's own page shows it.
    reviews = Review.objects.select_related("person").defer("presentation", "statement")
    gates = (
        Gate.objects.filter(action__run_id=run.id)
        .select_related("action", "warrant__effect")
        .prefetch_related(Prefetch("reviews", reviews))
        .order_by("opened_at", "id")
    )
    return tuple(_approval(gate) for gate in gates)


def _approval(gate: Gate) -> Approval:
    warrant: Warrant | None = getattr(gate, "warrant", None)
    effect: Effect | None = getattr(warrant, "effect", None)
    return Approval(
        gate_id=gate.pk,
        step_path=gate.action.step_path,
        sentence=gate.sentence,
        state=gate.state,
        action_digest=gate.action.digest,
        decided_at=gate.decided_at,
        opinions=_latest(list(gate.reviews.all())),
        warrant_id=warrant.pk if warrant else None,
        warrant_state=warrant.state if warrant else "",
        claimed_at=warrant.claimed_at if warrant else None,
        effect_id=effect.pk if effect else None,
    )


def _latest(reviews: Sequence[Review]) -> tuple[Opinion, ...]:
    counting = {review.person_id: review for review in sorted(reviews, key=_ordinal)}
    return tuple(
        Opinion(str(r.person), r.verb, r.comment, r.created_at)
        for r in sorted(counting.values(), key=_ordinal)
    )


def _ordinal(review: Review) -> int:
    return review.ordinal
