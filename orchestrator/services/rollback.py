"""A run that does not succeed ends: wound down, its effects undone, and the outcome stated.

Effects are undone in strictly descending order of their commits (`patterns/saga`). Whatever
moves a step of an ending run calls `proceed`, and so does the sweep.
"""

from collections.abc import Sequence
from typing import Any

from django.db.models.functions import Now
from django.utils.translation import gettext as _

from audit.types import Actor
from governance.models import Effect, EffectState
from orchestrator.models import Rollback, Run, RunState, Step, StepState
from orchestrator.patterns.saga import Begin, Over, Stuck, Undo, latest_first, next_undo
from orchestrator.selectors.rollback import DONE, HARMLESS, Fate, abroad, statement_of
from orchestrator.services import pivots, steps, undo_agreements
from orchestrator.services.definitions import definition_of
from orchestrator.services.history import ENGINE, tell_run
from orchestrator.services.run_states import move
from orchestrator.services.winding_down import wind_down
from orchestrator.workflow.undoing import rolls_back_on

ABROAD = "effects_abroad"
# An event holds so much and no more; everything stands on the run's page.
MOST_NAMED = 10
MOST_TOLD = 100


def end(run: Run, to: RunState, code: str, detail: str, **payload: Any) -> None:
    """End the run in state `to`; joins the caller's transaction, which locked the run.

    It is rolled back first when its file says so for this end. Without that it still does not
    end before an effect in flight is settled.
    """
    undoes = _is_wanted(run, to) and left_something(run)
    if undoes or _any_in_flight(run):
        begin(run, to, code, detail, undoes=undoes)
    else:
        move(run, to, error_code=code, error_detail=detail, **_closing(run))
        wind_down(run, detail)
        _tell_end(run, to, code, detail, **payload)


def begin(
    run: Run, to: RunState, code: str, detail: str, *, undoes: bool, actor: Actor = ENGINE
) -> None:
    """Let the run end in state `to` once it is wound down, and rolled back where `undoes`."""
    cause: dict[str, Any] = {"ending": to, "ending_code": code, "ending_detail": detail}
    rollback = Rollback.PENDING if undoes else Rollback.SKIPPED
    why: dict[str, Any] = {"error_code": code, "error_detail": detail}
    move(run, RunState.COMPENSATING, rollback=rollback, **cause, **why)
    run.refresh_from_db()
    said = {"code": code, "detail": detail, "undoes": undoes, "ending": RunState(to).value}
    tell_run(run, "run.rolling_back", actor, **said)
    proceed(run)


def stop(run: Run, code: str, detail: str) -> None:
    """End the run as failed because a rule outside of its steps says so; joins the transaction."""
    undoes = _is_wanted(run, RunState.FAILED) and left_something(run)
    begin(run, RunState.FAILED, code, detail, undoes=undoes)


def proceed(run: Run) -> None:
    """Take a run that is ending one step further, if it can go; joins the transaction."""
    if run.state == RunState.CANCELLING:
        _cancelling(run)
    elif wind_down(run, run.ending_detail):
        _compensating(run)


def undoable(run: Run) -> list[Effect]:
    """Return the effects that have an undo and may have happened, in the order of undoing.

    None has after a pivot: from a point of no return a run only goes forward.
    """
    if pivots.is_passed(run):
        return []
    may_have_happened = Effect.objects.filter(
        run_id=run.pk, state__in=DONE | {EffectState.UNKNOWN}
    )
    found = {str(e.pk): e for e in may_have_happened.select_related("action") if e.compensation}
    ordered = latest_first([Undo(key, e.commit_seq, "blocked") for key, e in found.items()])
    return [found[undo.key] for undo in ordered]


def left_something(run: Run) -> bool:
    """Whether there is anything to undo here, or anything that stands in another domain."""
    return bool(undoable(run) or _abroad(run))


def take_up(run: Run) -> None:
    """Go on with a rollback that waited for a person (R18); joins the transaction."""
    cause: dict[str, Any] = {"error_code": run.ending_code, "error_detail": run.ending_detail}
    move(run, RunState.COMPENSATING, **cause)
    proceed(run)


def _is_wanted(run: Run, to: str) -> bool:
    return rolls_back_on(definition_of(run.workflow_id), to)


def _any_in_flight(run: Run) -> bool:
    return Effect.objects.filter(run_id=run.pk, state=EffectState.IN_FLIGHT).exists()


def _cancelling(run: Run) -> None:
    if not wind_down(run, run.ending_detail, gently=True):
        return
    if _is_wanted(run, RunState.CANCELLED) and left_something(run):
        code, detail = run.ending_code, run.ending_detail
        begin(run, RunState.CANCELLED, code, detail, undoes=True)
    else:
        _conclude(run)


def _compensating(run: Run) -> None:
    if run.rollback == Rollback.PENDING and not run.steps.filter(undoes__isnull=False).exists():
        steps.lay_out_undo(run, undoable(run))
    undos = run.steps.filter(undoes__isnull=False).select_related("run", "undoes")
    by_key = {str(step.pk): step for step in undos.order_by("position")}
    following = next_undo([_as_undo(step) for step in by_key.values()])
    if isinstance(following, Begin):
        steps.begin_undo(by_key[following.key])
    elif isinstance(following, Stuck):
        _leave_to_people(run, [by_key[key] for key in following.keys])
    elif isinstance(following, Over):
        left = _abroad(run) if run.rollback == Rollback.PENDING else ()
        if left:
            _leave_abroad(run, left)
        else:
            _conclude(run)


def _abroad(run: Run) -> Sequence[Fate]:
    return () if pivots.is_passed(run) else abroad(run.pk)


def _leave_abroad(run: Run, left: Sequence[Fate]) -> None:
    """Ask a person, because what was done in another domain is not undone from here."""
    names = [f"{fate.step_path}: {fate.tool} {fate.effect_id}" for fate in left[:MOST_NAMED]]
    named = "; ".join([*names, *(["…"] if len(left) > MOST_NAMED else [])])
    detail = _("Other domains did this for the run, and it stands: %(what)s") % {"what": named}
    move(run, RunState.ESCALATED, error_code=ABROAD, error_detail=detail)
    told = [
        {"effect": str(f.effect_id), "step": f.step_path, "tool": f.tool} for f in left[:MOST_TOLD]
    ]
    tell_run(
        run, "run.escalated", ENGINE, code=ABROAD, detail=detail, effects=told, count=len(left)
    )


def _as_undo(step: Step) -> Undo:
    effect = step.undoes
    return Undo(str(step.pk), effect.commit_seq if effect else None, step.state)


def _leave_to_people(run: Run, stuck: list[Step]) -> None:
    first = stuck[0]
    code = "compensation_failed"
    move(run, RunState.ESCALATED, error_code=code, error_detail=first.error_detail)
    tell_run(run, "run.escalated", ENGINE, step=first.place, code=code)


def _conclude(run: Run) -> None:
    to, code, detail = RunState(run.ending), run.ending_code, run.ending_detail
    move(run, to, error_code=code, error_detail=detail, **_closing(run))
    _tell_end(run, to, code, detail)


def close(run: Run, code: str, detail: str, actor: Actor) -> None:
    """End a rollback that a person gave up: the run has failed and something stays."""
    for step in run.steps.filter(undoes__isnull=False, state=StepState.ESCALATED):
        undo_agreements.drop(step, detail)
        steps.fail(step, step.error_code, step.error_detail)
    why: dict[str, Any] = {"error_code": code, "error_detail": detail}
    move(run, RunState.FAILED, **why, **_closing(run))
    _tell_end(run, RunState.FAILED, code, detail, actor)


def _closing(run: Run) -> dict[str, Any]:
    return {"finished_at": Now(), "rollback": _outcome(run)}


def _outcome(run: Run) -> Rollback:
    fates = statement_of(run.pk)
    left = [fate for fate in fates if fate.word not in HARMLESS]
    if run.rollback == Rollback.PENDING:
        return Rollback.PARTIAL if left else Rollback.COMPLETE
    return Rollback.SKIPPED if left else Rollback.NOT_NEEDED


def _tell_end(
    run: Run, to: RunState, code: str, detail: str, actor: Actor = ENGINE, **payload: Any
) -> None:
    """Record the statement, if there is anything to state, and the end itself."""
    fates = statement_of(run.pk)
    stated = [
        {"effect": str(f.effect_id), "step": f.step_path, "sentence": f.sentence, "fate": f.word}
        for f in fates[:MOST_TOLD]
    ]
    if stated:
        run.refresh_from_db(fields=["rollback"])
        said: dict[str, Any] = {"rollback": run.rollback, "label": run.get_rollback_display()}
        tell_run(run, "run.rollback_stated", ENGINE, **said, effects=stated, count=len(fates))
    tell_run(run, f"run.{to.value}", actor, code=code, detail=detail, **payload)
