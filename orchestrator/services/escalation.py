"""What people do about a step that needs a person (engine.md 5.6, S26 to S28, R9, R10, R18).

Every verb is one transaction with one event that names the person and their reason. A step whose
effect is in doubt is settled first (`reconcile`); until then it neither begins again nor ends.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from audit.services.events import recording
from audit.types import Actor
from governance.models import Agent, Effect, EffectState, Lifecycle, Person
from governance.refusals import Invalid, Refusal
from governance.services import effects
from orchestrator.models import Run, RunState, Step
from orchestrator.services import (
    escalated,
    pivots,
    remembered,
    rollback,
    runs,
    steps,
    undo_agreements,
)
from orchestrator.services.definitions import definition_of
from orchestrator.services.escalated import Taken
from orchestrator.services.history import tell_step
from orchestrator.services.operators import checked
from orchestrator.services.refused import refusals_recorded
from orchestrator.services.step_rows import agent_of
from orchestrator.topologies import again
from orchestrator.workflow.plain_json import as_stored, refuse_unstorable
from orchestrator.workflow.undoing import is_read


def retry(*, run_id: UUID, step_id: UUID, person: Person, reason: str) -> None:
    """Let the step begin again with fresh attempts, at most three times; the agent is told why.

    A step that had an approved action goes on with that, without another turn.
    """
    with escalated.taken(run_id, step_id, "retry", person, reason) as taken:
        escalated.refuse_in_doubt(taken.step)
        escalated.refuse_without_worker(taken.step)
        steps.take_up(
            taken.step,
            taken.actor,
            "step.retried",
            counted=True,
            changes=_begun_again(taken),
            reason=taken.reason,
        )
        escalated.go_on(taken)


def reroute(*, run_id: UUID, step_id: UUID, agent_id: UUID, person: Person, reason: str) -> None:
    """Give the step to another active agent of the domain, which begins with a turn of its own.

    What the agent before it proposed is left; policy judges what the new one proposes.
    """
    with escalated.taken(run_id, step_id, "reroute", person, reason) as taken:
        escalated.refuse_in_doubt(taken.step)
        escalated.refuse_for_undo(taken.step)
        escalated.refuse_without_worker(taken.step)
        agent = _other_agent(taken, agent_id)
        anew: dict[str, Any] = {
            "agent": agent,
            "action": None,
            "held_output": {},
            "conversation": {},
            "note": taken.reason,
        }
        said = {"reason": taken.reason, "agent": agent.name, "agent_id": str(agent.pk)}
        steps.take_up(taken.step, taken.actor, "step.rerouted", counted=True, changes=anew, **said)
        escalated.go_on(taken)


def skip(*, run_id: UUID, step_id: UUID, person: Person, reason: str) -> None:
    """Let the run go on without the step.

    Refused where its output is needed: by `success` or by an expression of another step. An
    undo may always be skipped; what it was for stays.
    """
    with escalated.taken(run_id, step_id, "skip", person, reason) as taken:
        if not taken.is_undo:
            escalated.refuse_in_doubt(taken.step)
            escalated.refuse_around_others(taken.step)
            _refuse_if_read(taken)
        undo_agreements.drop(taken.step, taken.reason)
        steps.skip(taken.step, taken.actor, reason=taken.reason)
        escalated.go_on(taken)


def fail(*, run_id: UUID, step_id: UUID, person: Person, reason: str) -> None:
    """Say that the step has failed; the file says what follows, rolling back included.

    Of an undo it says that what was done stays, and that ends the run.
    """
    with escalated.taken(run_id, step_id, "fail", person, reason) as taken:
        if taken.is_undo:
            rollback.close(taken.run, "compensation_failed", taken.reason, taken.actor)
        else:
            escalated.refuse_around_others(taken.step)
            steps.fail(taken.step, "failed_by_person", taken.reason, taken.actor)
            escalated.go_on(taken)


def reconcile(
    *,
    run_id: UUID,
    step_id: UUID,
    happened: bool,
    response: Mapping[str, Any] | None = None,
    person: Person,
    reason: str,
) -> None:
    """Settle an effect in doubt: it happened, with this response, or it did not.

    The step goes on from there: it is done, or its action is proposed anew. An undo begins anew,
    so that whoever has to agree is asked about what is known now, or is not needed.
    """
    with escalated.taken(run_id, step_id, "reconcile", person, reason) as taken:
        effect = escalated.effect_in_doubt(taken.step)
        if effect is None:
            raise Refusal("not_in_doubt", _("It is known how the effect of this step ended."))
        _settle(effect, taken, person, happened=happened, response=_plain(response or {}))
        said: dict[str, Any] = {"reason": taken.reason, "happened": happened}
        changes: dict[str, Any] = {}
        if taken.is_undo:
            # People agreed, or did not, to undo what nobody was sure of.
            undo_agreements.drop(taken.step, taken.reason)
            changes["action"] = None
        if taken.is_undo and not happened:
            steps.skip(taken.step, taken.actor, **said)
        else:
            steps.take_up(taken.step, taken.actor, "step.settled", changes=changes, **said)
        escalated.go_on(taken)


def announce_again(*, run_id: UUID, step_id: UUID, person: Person, reason: str) -> None:
    """Let peers bid once more for work that nobody took, until a fresh deadline; they read why.

    Refused once `people_may_reannounce` of the file is used up.
    """
    with escalated.taken(run_id, step_id, "announce_again", person, reason) as taken:
        step, terms = taken.step, definition_of(taken.run.workflow_id).topology_options
        if not again.was_in_vain(step.alias, step.error_code):
            detail = _("Step %(path)s is not work that was announced and that nobody took.")
            raise Refusal("not_announced", detail % {"path": step.place})
        if not again.times_left(step.task, terms):
            detail = _("People announced step %(path)s again %(count)d times; decide otherwise.")
            words = {"path": step.place, "count": again.times(step.task)}
            raise Refusal("too_many_announcements", detail % words)
        _announce(taken)
        escalated.go_on(taken)


def roll_back(*, run_id: UUID, person: Person, reason: str) -> None:
    """End a run that needs a person: undo what it did, whatever its file says of that.

    Refused when there is nothing to undo, and after a point of no return. What stands in another
    domain is named to people then.
    """
    with refusals_recorded(run_id=run_id, verb="roll_back", person=person):
        said = checked(run=_run(run_id), person=person, reason=reason)
        with recording():
            run = runs.lock(run_id)
            if run.state != RunState.ESCALATED or run.ending:
                raise Refusal("not_escalated", _("The run does not need a person to decide."))
            if pivots.is_passed(run):
                detail = _("The run has passed its point of no return; it can only go forward.")
                raise Refusal("past_pivot", detail)
            if not rollback.left_something(run):
                raise Refusal("nothing_to_undo", _("The run did nothing that could be undone."))
            actor = Actor.person(person.pk)
            rollback.begin(run, RunState.FAILED, "rolled_back", said, undoes=True, actor=actor)


def close(*, run_id: UUID, person: Person, reason: str) -> None:
    """End a rollback that can go no further from here: the run has failed and something stays."""
    with refusals_recorded(run_id=run_id, verb="close", person=person):
        said = checked(run=_run(run_id), person=person, reason=reason)
        with recording():
            run = runs.lock(run_id)
            if run.state != RunState.ESCALATED or not run.ending:
                raise Refusal("not_escalated", _("The run is not being rolled back."))
            rollback.close(run, run.error_code, said, Actor.person(person.pk))


def _run(run_id: UUID) -> Run:
    return Run.objects.select_related("domain").get(pk=run_id)


def _refuse_if_read(taken: Taken) -> None:
    if is_read(definition_of(taken.run.workflow_id), taken.step.path):
        detail = _("Other parts of the workflow need the output of step %(path)s; supply one.")
        raise Refusal("output_needed", detail % {"path": taken.step.path})


def _begun_again(taken: Taken) -> dict[str, Any]:
    """Return what changes with a retry: agents are told why, and a refused undo asks anew."""
    if not taken.is_undo:
        return {"note": taken.reason}
    return {} if undo_agreements.in_use(taken.step) else {"action": None}


def _other_agent(taken: Taken, agent_id: UUID) -> Agent:
    active = Agent.objects.filter(domain_id=taken.run.domain_id, lifecycle=Lifecycle.ACTIVE)
    agent = active.filter(pk=agent_id).exclude(pk=agent_of(taken.step).pk).first()
    if agent is None:
        detail = _("Choose another agent of this domain that is active.")
        errors = [{"pointer": "/agent", "detail": detail}]
        raise Invalid("unknown_agent", detail, errors=errors)
    return agent


def _plain(response: Mapping[str, Any]) -> dict[str, Any]:
    plain = dict(response)
    try:
        refuse_unstorable(plain)
    except ValueError as error:
        errors = [{"pointer": "/response", "detail": str(error)}]
        raise Invalid("invalid_response", str(error), errors=errors) from None
    return plain


def _settle(
    effect: Effect, taken: Taken, person: Person, *, happened: bool, response: dict[str, Any]
) -> None:
    if effect.state == EffectState.IN_FLIGHT:
        # Its workers were lost too often, so the step needs a person before the effect does.
        effects.mark_unknown(
            effect_id=effect.pk, fence=effect.fence, error=taken.step.error_detail
        )
    effects.reconcile(
        effect_id=effect.pk,
        person=person,
        happened=happened,
        note=taken.reason,
        response=response,
    )


def _announce(taken: Taken) -> None:
    """Grant the work another announcement; its block resumes with the run's next move."""
    step = taken.step
    task = as_stored(again.announced_again(step.task, taken.reason))
    changes = {"task": task, "error_code": "", "error_detail": ""}
    Step.objects.filter(pk=step.pk).update(**changes)
    remembered.moved(step, changes)
    said = {"reason": taken.reason, "decider": "human"}
    tell_step(step, "step.announced_again", taken.actor, **said)
