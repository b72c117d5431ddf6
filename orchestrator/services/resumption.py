"""A gate was decided: the step that waited for it goes on or ends."""

from uuid import UUID

from django.utils.translation import gettext as _

from audit import statements
from audit.services.events import recording
from governance.models import Action, Gate, GateState, Verb
from orchestrator.models import Run, Step, StepState
from orchestrator.runners import supply
from orchestrator.services import conversations, guards, runs, steps, supplying

_CODES = {
    GateState.REJECTED: "gate_rejected",
    GateState.EXPIRED: "gate_expired",
    GateState.CANCELLED: "gate_cancelled",
}


def resume(*, gate_id: UUID) -> bool:
    """Move on the step that waits for this gate, and say whether there was one.

    Calling it again, or for a gate that nobody waits for, changes nothing.
    """
    gate = _read(gate_id)
    if gate is None or gate.action.run_id is None:
        return False
    if gate.action.tool_id == supply.SLUG and supplying.accept(gate=gate):
        return True
    with recording():
        run = runs.lock(gate.action.run_id)
        [now] = statements.found(Gate, {"pk": gate_id})
        now.action = gate.action
        step = _waiting_for(now, run)
        if step is None or not _moved(step, now):
            return False
        runs.go_on(run)
    return True


def _read(gate_id: UUID) -> Gate | None:
    for gate in statements.found(Gate, {"pk": gate_id}):
        [gate.action] = statements.found(Action, {"pk": gate.action_id})
        return gate
    return None


def _waiting_for(gate: Gate, run: Run) -> Step | None:
    where = {"run": run, "action": gate.action_id, "state": StepState.AWAITING_APPROVAL}
    for step in statements.found(Step, where):
        step.run = run
        return step
    return None


def _moved(step: Step, gate: Gate) -> bool:
    if gate.state in (GateState.APPROVED, GateState.VOID):
        # The warrant of an approval that nobody heard of may have expired meanwhile; whoever
        # executes the step finds out and asks again.
        steps.resume(step)
        return True
    code = _CODES.get(GateState(gate.state))
    if code is None:
        return False
    if step.undoes_id:
        # What was done stays until a person says what becomes of it.
        steps.escalate(step, code, _why(gate))
    elif gate.action.tool_id == supply.SLUG:
        # It was asked again about an output that a person supplied; the step needs one still.
        steps.escalate(step, code, _why(gate))
    elif gate.state == GateState.EXPIRED and guards.escalates_when_expired(step):
        steps.escalate(step, code, _why(gate))
    elif gate.state == GateState.REJECTED and _may_go_on(step, gate):
        conversations.refuse(step, code, _("People rejected the action."), gate.action)
    else:
        steps.reject(step, code, _why(gate))
    return True


def _may_go_on(step: Step, gate: Gate) -> bool:
    """Whether the no is for the agent to read, and does not end the step."""
    guard = guards.guard_of(step, gate.action.tool_id)
    return conversations.is_read_by_agent(step, gate.action) and not guard.decisive


def _why(gate: Gate) -> str:
    if gate.state == GateState.EXPIRED:
        return _("Nobody approved the action in time.")
    if gate.state == GateState.CANCELLED:
        return _("The question to the reviewers was withdrawn.")
    last = (
        gate.reviews.filter(verb=Verb.REJECT).select_related("person").order_by("ordinal").last()
    )
    if last is None:
        return _("A reviewer rejected the action.")
    words = {"person": last.person, "comment": last.comment or "\N{EM DASH}"}
    return _("%(person)s rejected the action: %(comment)s") % words
