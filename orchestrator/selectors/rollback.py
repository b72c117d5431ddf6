"""What became of every effect of a run: the statement a run ends with (engine.md 5.7)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from django.db.models import F, QuerySet
from django.utils.translation import gettext as _

from governance.models import Effect, EffectState, Receipt, Reversibility
from orchestrator.models import Errand, Step
from orchestrator.runners.undo import SLUG as UNDO
from orchestrator.workflow.definition import Definition
from orchestrator.workflow.undoing import is_pivot

Word = Literal[
    "undone", "to_undo", "not_undone", "in_place", "unknown", "under_way", "no_trace", "never"
]
# What leaves nothing behind that anybody would have to undo.
HARMLESS: frozenset[Word] = frozenset({"undone", "no_trace", "never"})
DONE = frozenset({EffectState.SUCCEEDED, EffectState.RECONCILED})


@dataclass(frozen=True, slots=True)
class Fate:
    """One effect of a run and what became of it. `detail` says why it could not be undone."""

    effect_id: UUID | str
    step_path: str
    tool: str
    sentence: str
    commit_seq: int | None
    word: Word
    detail: str


def done_by(run_id: UUID) -> QuerySet[Effect]:
    """Return the effects of a run's steps.

    Agreements to undo one are none of them: what they led to is the fate of that effect.
    """
    return Effect.objects.filter(run_id=run_id).exclude(action__tool=UNDO)


def past_pivot(run_id: UUID, definition: Definition) -> bool:
    """Whether a step that the file calls a point of no return has done what it does.

    From there the run only goes forward, and nothing is undone. What another domain did counts.
    """
    done = done_by(run_id).filter(state__in=DONE).values_list("action__step_path", flat=True)
    paths = [*done, *(fate.step_path for fate in abroad(run_id))]
    return any(is_pivot(definition, path) for path in paths)


def statement_of(run_id: UUID) -> Sequence[Fate]:
    """Return the fate of every effect of the run, the one committed last first."""
    effects = done_by(run_id).select_related("action__tool", "undoing")
    ordered = sorted(effects, key=lambda effect: (-(effect.commit_seq or 0), effect.started_at))
    return [*(_fate(effect) for effect in ordered), *abroad(run_id)]


def abroad(run_id: UUID) -> Sequence[Fate]:
    """Return what other domains did for the run by their receipts, and what stands there."""
    asked = Errand.objects.filter(step__run=run_id).select_related("step", "contract__callee")
    errands = {errand.pk: errand for errand in asked}
    accepted = Receipt.objects.filter(message__in=errands, holder=F("contract__caller"))
    return [
        _fate_abroad(errands[receipt.message], effect)
        for receipt in accepted.order_by("-created_at", "pk")
        for effect in receipt.body.get("effects", ())
    ]


def _fate_abroad(errand: Errand, effect: Mapping[str, str]) -> Fate:
    words = {"domain": errand.contract.callee.slug, "contract": errand.contract.name}
    return Fate(
        effect_id=effect["id"],
        step_path=errand.step.place if errand.step else "",
        tool=effect["tool"],
        sentence=_("Done in %(domain)s under contract %(contract)s") % words,
        commit_seq=None,
        word="in_place",
        detail=_("Only %(domain)s can undo it.") % words,
    )


def _fate(effect: Effect) -> Fate:
    undoing: Step | None = getattr(effect, "undoing", None)
    return Fate(
        effect_id=effect.pk,
        step_path=effect.action.step_path,
        tool=effect.action.tool.name,
        sentence=effect.action.sentence,
        commit_seq=effect.commit_seq,
        word=_word(effect, undoing),
        detail=undoing.error_detail if undoing else effect.error,
    )


_BY_STATE: Mapping[str, Word] = {
    EffectState.COMPENSATED: "undone",
    EffectState.FAILED: "never",
    EffectState.UNKNOWN: "unknown",
    EffectState.IN_FLIGHT: "under_way",
}


def _word(effect: Effect, undoing: Step | None) -> Word:
    if effect.state in _BY_STATE:
        return _BY_STATE[effect.state]
    if effect.action.tool.reversibility == Reversibility.READ_ONLY:
        return "no_trace"
    if undoing is None:
        return "in_place"
    return "not_undone" if undoing.finished_at or undoing.error_code else "to_undo"
