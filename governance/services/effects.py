"""The states of effects: what a claimed warrant started, and how it turned out.

Whoever writes for an effect in flight holds the step under a fence that only rises. A worker
that was replaced comes with an older fence and changes nothing.
"""

import uuid
from collections.abc import Mapping
from typing import Any, Literal

from django.db.models.functions import Now
from django.utils.translation import gettext as _

from audit import statements
from audit.canonical import digest
from audit.services.events import record, recording
from audit.types import Actor, ObjectRef
from governance.models import (
    EFFECT_TRANSITIONS,
    Effect,
    EffectClass,
    EffectState,
    Person,
    Warrant,
)
from governance.refusals import Refusal
from governance.streams import stream_of

Recovery = Literal["resend", "probe", "ask"]
WORKER = Actor.system("worker")
_RECOVERY: dict[str, Recovery] = {
    EffectClass.IDEMPOTENT_KEY: "resend",
    EffectClass.NATURAL: "resend",
    EffectClass.PROBE: "probe",
    EffectClass.NONE: "ask",
}


def recovery_for(effect_class: str) -> Recovery:
    """Say what to do with an effect found in flight after its worker was lost (engine.md 5.3)."""
    return _RECOVERY[effect_class]


def start(*, warrant: Warrant, effect_class: str, fence: int) -> Effect:
    """Register the effect and its undo before anything is attempted; joins the recording()."""
    action = warrant.action
    effect = Effect(
        warrant=warrant,
        action=action,
        run_id=action.run_id,
        effect_key=action.effect_key,
        effect_class=effect_class,
        fence=fence,
        compensation=action.compensation,
    )
    statements.inserted([effect])
    _record(effect, "effect.started", WORKER, effect_key=action.effect_key)
    return effect


def take_over(*, effect_id: uuid.UUID | str, fence: int) -> Effect:
    """Let a newer worker answer for an effect in flight; the one before can write no more."""
    with recording():
        effect = _load(effect_id)
        before = Effect.objects.filter(pk=effect.pk, state=EffectState.IN_FLIGHT, fence__lt=fence)
        if before.update(fence=fence) != 1:
            raise _stale(effect)
        effect.fence = fence
        _record(effect, "effect.taken_over", WORKER, fence=fence)
    return effect


def succeed(*, effect_id: uuid.UUID | str, fence: int, response: Mapping[str, Any]) -> Effect:
    """Keep the response. `commit_seq` counts a run's effects, so that undoing goes backwards."""
    with recording():
        effect = _load(effect_id)
        _move(effect, EffectState.SUCCEEDED, _in_flight(fence), **_outcome(effect, response))
        _record(effect, "effect.succeeded", WORKER, response=dict(response))
    return effect


def fail(*, effect_id: uuid.UUID | str, fence: int, error: str) -> Effect:
    """Say that the target refused and that certainly nothing happened."""
    with recording():
        effect = _load(effect_id)
        _move(effect, EffectState.FAILED, _in_flight(fence), error=error)
        _record(effect, "effect.failed", WORKER, error=error)
    return effect


def mark_unknown(*, effect_id: uuid.UUID | str, fence: int, error: str) -> Effect:
    """Say that nobody can tell whether it happened; from here only a person settles it."""
    with recording():
        effect = _load(effect_id)
        _move(effect, EffectState.UNKNOWN, _in_flight(fence), error=error)
        _record(effect, "effect.unknown", WORKER, error=error)
    return effect


def reconcile(
    *,
    effect_id: uuid.UUID | str,
    person: Person,
    happened: bool,
    note: str,
    response: Mapping[str, Any] | None = None,
) -> Effect:
    """Settle an unknown effect by what a person found out. The caller checked that they may."""
    with recording():
        effect = _load(effect_id)
        actor, unknown = Actor.person(person.pk), {"state": EffectState.UNKNOWN}
        if happened:
            _move(effect, EffectState.RECONCILED, unknown, **_outcome(effect, response or {}))
            _record(effect, "effect.reconciled", actor, note=note)
        else:
            _move(effect, EffectState.FAILED, unknown, error=note)
            _record(effect, "effect.failed", actor, error=note)
    return effect


def mark_compensated(*, effect_id: uuid.UUID | str, response: Mapping[str, Any]) -> Effect:
    """Say that the effect was undone; repeating the undo is the adapter's business.

    One of which nobody knows whether it happened counts as undone only if its undo is safe then.
    """
    with recording():
        effect = _load(effect_id)
        if effect.state == EffectState.UNKNOWN and not effect.compensation.get("safe_if_absent"):
            raise _stale(effect)
        _move(effect, EffectState.COMPENSATED, {})
        _record(effect, "effect.compensated", WORKER, response=dict(response))
    return effect


def _load(effect_id: uuid.UUID | str) -> Effect:
    effect = Effect.objects.select_related("action").filter(pk=effect_id).first()
    if effect is None:
        raise Refusal("not_found", _("There is no such effect."), status=404)
    return effect


def _outcome(effect: Effect, response: Mapping[str, Any]) -> dict[str, Any]:
    plain = dict(response)
    return {
        "response": plain,
        "response_digest": digest(plain),
        "commit_seq": _next_in_run(effect),
    }


def _next_in_run(effect: Effect) -> int:
    if effect.run_id is None:
        return 1
    # Holding all of the run's effects keeps two of them from taking one number.
    of_run = Effect.objects.filter(run_id=effect.run_id).select_for_update().order_by("pk")
    return (
        max((taken or 0 for taken in of_run.values_list("commit_seq", flat=True)), default=0) + 1
    )


def _in_flight(fence: int) -> dict[str, Any]:
    return {"state": EffectState.IN_FLIGHT, "fence": fence}


def _move(effect: Effect, to: EffectState, expected: Mapping[str, Any], **changes: Any) -> None:
    """Move by one conditional UPDATE, from what is expected and from nowhere else."""
    where = {"pk": effect.pk, "state": effect.state, **expected}
    if to not in EFFECT_TRANSITIONS[where["state"]]:
        raise _stale(effect)
    moved = statements.taken(Effect, where, {"state": to, "finished_at": Now(), **changes})
    if moved is None:
        raise _stale(effect)
    for name in ("state", "finished_at", *changes):
        setattr(effect, name, getattr(moved, name))


def _stale(effect: Effect) -> Refusal:
    effect.refresh_from_db()
    detail = _("Nothing was changed: the effect is %(state)s under fence %(fence)s.")
    words = {"state": effect.get_state_display().lower(), "fence": effect.fence}
    return Refusal("stale_fence", detail % words, state=effect.state)


def _record(effect: Effect, type: str, actor: Actor, **payload: Any) -> None:
    record(
        stream=stream_of(effect.action),
        type=type,
        actor=actor,
        domain_id=effect.action.domain_id,
        object=ObjectRef("effect", str(effect.pk)),
        payload={
            "sentence": effect.action.sentence,
            "step": effect.action.step_path,
            **payload,
        },
    )
