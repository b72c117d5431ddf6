"""A person supplies the output of an escalated step, and a second person agrees (docs/adr/0003).

The step stays as it is while the gate is open, so that any other verb may still be used; the
approved output is committed by the ordinary execution of the action.
"""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from audit.services.events import recording
from audit.types import Actor
from governance.models import Action, Exhibit, Gate, GateState, Outcome, Person, WarrantState
from governance.refusals import Invalid, Refusal
from governance.services import actions
from governance.services.actions import Prepared, Proposed
from orchestrator.history.places import key_of
from orchestrator.models import RunState, Step, StepState
from orchestrator.runners import supply as tool
from orchestrator.runners.base import AgentFailedError
from orchestrator.services import answers, bells, escalated, proposals, runs, steps
from orchestrator.services.definitions import definition_of
from orchestrator.services.history import ENGINE, tell_run, tell_step
from orchestrator.services.operators import checked
from orchestrator.services.refused import refusals_recorded
from orchestrator.services.run_states import move
from orchestrator.services.trusting import refuse_unless_it_follows
from orchestrator.services.voices import voice_of
from orchestrator.workflow.checkpoints import judge
from orchestrator.workflow.plain_json import refuse_unstorable


def supply(
    *, run_id: UUID, step_id: UUID, output: Mapping[str, Any], person: Person, reason: str
) -> Gate:
    """Offer an output for a step that needs a person; returns the gate that asks for agreement.

    It is asked for on behalf of this person, whom policy must keep from approving it; without
    such a policy the offer is refused. The step's own checkpoint must hold for it.
    """
    with refusals_recorded(run_id=run_id, verb="supply_output", person=person):
        step = escalated.step_of(run_id, step_id)
        said = checked(run=step.run, person=person, reason=reason)
        _refuse_unless_possible(step)
        refuse_unless_it_follows(run_id)
        prepared = _prepared(step, _checked_output(step, output), person, said)
        with recording():
            run = runs.lock(run_id)
            step = escalated.step_of(run_id, step_id)
            escalated.refuse_unless_escalated(run, step)
            _refuse_second_offer(step)
            gate = _asking_a_second_person(actions.propose(prepared=prepared, rationale=said))
            actor = Actor.person(person.pk)
            tell_step(step, "step.supplied", actor, reason=said, gate=str(gate.pk))
    return gate


def accept(*, gate: Gate) -> bool:
    """Queue an approved offer for its execution, and say whether there was a step for it."""
    with recording():
        run = runs.lock(gate.action.run_id)  # type: ignore[arg-type]  # an offer has a run
        gate.refresh_from_db()
        step = _waiting(gate)
        if step is None or gate.state != GateState.APPROVED:
            return False
        changes = {"action": gate.action, "held_output": {}}
        steps.take_up(step, ENGINE, "step.supply_accepted", changes=changes, gate=str(gate.pk))
        bells.ring(Step.objects.get(pk=step.pk))
        if run.state == RunState.ESCALATED:
            move(run, RunState.RUNNING, error_code="", error_detail="")
            tell_run(run, "run.resumed", ENGINE)
        runs.advance(run_id=run.pk)
    return True


def accepted_unheard() -> list[UUID]:
    """Return the approved offers whose step has not heard of it."""
    approved = Gate.objects.filter(
        action__tool=tool.SLUG, state=GateState.APPROVED, warrant__state=WarrantState.ISSUED
    )
    return [gate.pk for gate in approved.select_related("action") if _waiting(gate)]


def _waiting(gate: Gate) -> Step | None:
    path, iteration = key_of(gate.action.step_path)
    waiting = Step.objects.filter(run=gate.action.run_id, path=path, iteration=iteration)
    return waiting.filter(state=StepState.ESCALATED).select_related("run").first()


def _refuse_unless_possible(step: Step) -> None:
    escalated.refuse_unless_escalated(step.run, step)
    escalated.refuse_in_doubt(step)
    escalated.refuse_for_undo(step)
    escalated.refuse_without_worker(step)
    _refuse_second_offer(step)


def _refuse_second_offer(step: Step) -> None:
    offered = Gate.objects.filter(
        action__run_id=step.run_id,
        action__step_path=step.place,
        action__tool=tool.SLUG,
        state=GateState.PENDING,
    )
    if offered.exists():
        raise Refusal("already_offered", _("An output is offered already and waits for people."))


def _checked_output(step: Step, output: Mapping[str, Any]) -> dict[str, Any]:
    plain = dict(output)
    try:
        refuse_unstorable(plain)
    except ValueError as error:
        raise _invalid(str(error)) from None
    if len(json.dumps(plain)) > tool.MOST_CHARACTERS:
        raise _invalid(_("The output is too long."))
    definition = definition_of(step.run.workflow_id)
    try:
        answers.check(step, definition, plain)
    except AgentFailedError as error:
        raise _invalid(error.detail) from None
    checkpoint = definition.step(step.path).checkpoint
    judged = judge(checkpoint, outputs=plain, inputs=step.run.inputs, exhibits=_attached(step))
    if judged.route:
        raise _invalid(judged.message)
    return plain


def _attached(step: Step) -> list[dict[str, Any]]:
    """Return what the step's agent attached, as its checkpoint sees it."""
    found = Exhibit.objects.filter(run_id=step.run_id, step_path=step.place, agent__isnull=False)
    rows = found.order_by("created_at", "id").values("name", "kind", "content", "subject")
    return [dict(row) for row in rows]


def _invalid(detail: str) -> Invalid:
    return Invalid("invalid_output", detail, errors=[{"pointer": "/output", "detail": detail}])


def _prepared(step: Step, output: Mapping[str, Any], person: Person, reason: str) -> Prepared:
    return actions.prepare(
        agent=voice_of(step),
        tool_slug=tool.SLUG,
        arguments=tool.arguments_of(step.path, output, reason),
        on_behalf_of=person,
        run_id=step.run_id,
        step_path=step.place,
        index=Action.objects.filter(run_id=step.run_id, step_path=step.place).count(),
    )


def _asking_a_second_person(proposed: Proposed) -> Gate:
    gate = proposed.gate
    if gate is None and proposed.verdict.outcome == Outcome.DENY:
        raise Refusal("policy_denied", proposals.denial(proposed))
    if gate is None or any("initiator" not in s.distinct_from for s in gate.seats.all()):
        detail = _(
            "A second person must agree to a supplied output, and no policy here asks for one: "
            "a gate on “step.supply” with distinct_from initiator is needed."
        )
        raise Refusal("needs_second_person", detail)
    return gate
