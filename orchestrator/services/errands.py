"""The callee's side of a contract: a turn done for another domain is a run of one's own.

It runs under this domain's policies, agents, reviewers and limits, so gates open where the
resource is. The contract is asked again before every turn, effect and commit of it.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db.models import Q, Sum
from django.utils.translation import gettext as _

from audit.canonical import canonical_bytes, digest
from audit.services.events import recording
from governance.models import Agent, Contract, ContractState, Holding, Person
from governance.refusals import Refusal
from governance.selectors import binding
from governance.services import receipts
from governance.services.receipts import FEDERATION, Origin, Result
from orchestrator.federation.transport import Answer, Message
from orchestrator.models import (
    RUN_FINAL,
    Attempt,
    Errand,
    Run,
    RunState,
    Step,
    StepState,
    Workflow,
)
from orchestrator.runners.base import AgentFailedError, AgentRequest
from orchestrator.services import cancellation, crossing, rollback, runs, workflows
from orchestrator.workflow.plain_json import as_stored

TURN = "turn"
# Other work holds what is left of a contract's cap, and may give some of it back.
AWAITED = "contract_awaited"
MOST_AT_ONCE = 200


def receive(*, message: Message) -> Errand:
    """Begin the work that a message asks for; the same message again finds the same run.

    Raises Refusal, with the code `contract` where no contract binds for exactly this, and then
    nothing was written here.
    """
    known = _known(message.id)
    if known is not None:
        return known
    with recording():
        contract = _binding(message)
        # One asks after the other, so that nobody is promised what another was.
        Contract.objects.select_for_update(of=("self",)).get(pk=contract.pk)
        known = _known(message.id)
        if known is not None:
            return known
        run = runs.start(
            workflow=_workflow(contract, message),
            initiator=_initiator(message),
            inputs=message.inputs,
            dedupe_key=message.id,
            actor=FEDERATION,
            contract=contract,
        )
        _begin(contract, message, run)
    return Errand.objects.select_related("run", "contract").get(pk=message.id)


def answer_of(errand: Errand) -> Answer | None:
    """Return what came of an errand with its receipt, or None while its run has not ended."""
    run = _run_of(errand)
    if run.state not in RUN_FINAL:
        return None
    answer(run_id=run.pk)
    receipt = Errand.objects.select_related("receipt").get(pk=errand.pk).receipt
    if receipt is None:
        raise LookupError(f"errand {errand.pk} has ended without a receipt")
    return Answer(_output(run), receipt.body, receipt.signature)


def answer(*, run_id: UUID) -> None:
    """Sign the receipt of an errand whose run has ended; again, or before, changes nothing."""
    with recording():
        run = runs.lock(run_id)
        errand = Errand.objects.select_related("contract__caller", "contract__callee").get(run=run)
        if run.state not in RUN_FINAL or errand.receipt_id:
            return
        receipt = receipts.issue(
            contract=errand.contract,
            origin=Origin(errand.key, errand.request["run"], errand.request["step"]),
            result=Result(run.pk, run.state, run.error_code, _output(run), spent_on(run)),
        )
        Errand.objects.filter(pk=errand.pk, receipt=None).update(receipt=receipt)


def recall(*, key: str, reason: str) -> bool:
    """Cancel the run of an errand that nobody waits for any more, if it can be cancelled."""
    found = Errand.objects.filter(pk=key, run__isnull=False).values_list("run_id", flat=True)
    run_id = found.first()
    return run_id is not None and cancellation.withdraw(run_id=run_id, reason=reason)


def unbound() -> list[UUID]:
    """Return the runs of errands whose contract ended before they did."""
    ended = Q(contract__state__in=[ContractState.REVOKED, ContractState.EXPIRED], ending="")
    found = Run.objects.filter(ended).exclude(state__in=RUN_FINAL)
    return list(found.order_by("created_at").values_list("pk", flat=True)[:MOST_AT_ONCE])


def end_unbound(run_id: UUID) -> bool:
    """End a run whose contract does not bind any more, and undo what it did."""
    with recording():
        run = runs.lock(run_id)
        why = why_unbound(run)
        if not why or run.ending or run.state in RUN_FINAL:
            return False
        rollback.end(run, RunState.FAILED, binding.CODE, why)
    return True


def unanswered() -> list[UUID]:
    """Return the runs of errands that ended without anybody having said so."""
    ended = Errand.objects.filter(receipt=None, run__state__in=RUN_FINAL).order_by("created_at")
    return list(ended.values_list("run_id", flat=True)[:MOST_AT_ONCE])


def why_unbound(run: Run) -> str:
    """Return why a run for another domain may do nothing more, or nothing while it may."""
    if run.contract_id is None:
        return ""
    try:
        require(run)
    except Refusal as no:
        return no.detail
    return ""


def require(run: Run, *, tool_slug: str = "") -> None:
    """Raise Refusal `contract` unless the contract behind the run, if any, binds now.

    It still has to cover the agents at work and all that is granted to them by now. Where a tool
    is named, the contract has to name it too.
    """
    if run.contract_id is None:
        return
    contract = binding.require(run.contract, callee_id=run.domain_id)
    for agent in Agent.objects.filter(pk__in=run.steps.values("agent")):
        binding.require_agent(contract, agent)
    if tool_slug:
        binding.require_action(contract, tool_slug)


def refuse_beyond_cap(run: Run) -> None:
    """Raise Refusal where a run for another domain may use more by now than its contract's cap.

    Joins the caller's transaction, which locked the run.
    """
    if run.contract_id is None:
        return
    contract = Contract.objects.select_for_update(of=("self",)).get(pk=run.contract_id)
    if _free(contract) < 0:
        detail = _("Contract %(name)s does not allow that much.")
        raise Refusal(binding.CODE, detail % {"name": contract.name})


def request_of(run: Run) -> Mapping[str, Any]:
    """Return what the caller's step said of the turn that a run was begun for."""
    request: Mapping[str, Any] = Errand.objects.values_list("request", flat=True).get(run=run)
    return request


def as_asked(step: Step, request: AgentRequest) -> AgentRequest:
    """Return a turn's request with what the caller grants it; one of this domain's own as it is.

    Raises AgentFailedError once the contract does not bind.
    """
    if step.run.contract_id is None:
        return request
    try:
        require(step.run)
    except Refusal as no:
        raise AgentFailedError(no.code, no.detail, retryable=False) from None
    note = {"note": step.note} if step.note else {}
    shown = crossing.coming_in(request_of(step.run)["context"])
    return replace(request, context={**shown, **note})


def spent_on(run: Run) -> int:
    """Return what the attempts of the run were charged, in micro-USD."""
    spent = Attempt.objects.filter(step__run=run).aggregate(spent=Sum("cost_micro_usd"))["spent"]
    return int(spent or 0)


def _known(key: str) -> Errand | None:
    found = Errand.objects.filter(pk=key, run__isnull=False)
    return found.select_related("run", "contract").first()


def _binding(message: Message) -> Contract:
    """Return the contract if it lets this agent be asked for this; raises Refusal."""
    named = Contract.objects.filter(digest=message.contract).select_related("callee").first()
    if named is None:
        raise Refusal(binding.CODE, _("No contract with that domain covers this."))
    contract = binding.require(named, callee_id=named.callee_id)
    binding.require_agent(contract, _agent(contract, message.agent))
    binding.require_budget(contract, holder=contract.callee)
    binding.require_data(contract, message.data_classes)
    return contract


def _left(contract: Contract) -> int:
    """Return what work that begins now may use of the cap, in micro-USD; raises Refusal."""
    left = _free(contract)
    if left <= 0:
        detail = _("What is left of the budget of contract %(name)s is promised to other work.")
        raise Refusal(AWAITED, detail % {"name": contract.name})
    return left


def _free(contract: Contract) -> int:
    """Return what of the cap is neither spent nor for errands under way to use."""
    under_way = Errand.objects.filter(contract=contract, run__isnull=False, receipt=None)
    held = Holding.objects.filter(run_id__in=under_way.values("run_id"))
    promised = int(held.aggregate(most=Sum("micro_usd_cap"))["most"] or 0)
    spent = binding.spent_under(contract, holder=contract.callee)
    return int(contract.body["budget_cap_micro_usd"]) - spent - promised


def _agent(contract: Contract, reference: str) -> Agent:
    slug, _at, version = reference.partition("@")
    found = Agent.objects.filter(domain=contract.callee, slug=slug, version=version).first()
    if found is None:
        words = {"name": contract.name, "agent": reference}
        detail = _("Contract %(name)s does not cover agent %(agent)s.") % words
        raise Refusal(binding.CODE, detail)
    return found


def _initiator(message: Message) -> Person:
    return Person.objects.get(pk=message.on_behalf_of)


def _workflow(contract: Contract, message: Message) -> Workflow:
    """Return the workflow of this one turn; the same turn again has the same one."""
    turn = {
        "id": TURN,
        "agent": "worker",
        "timeouts": {"start_to_close": message.start_to_close},
        "on_failure": "stop",
    }
    plain: dict[str, Any] = {
        "api": "countersign.dev/workflow/v1",
        "version": "1.0.0",
        "description": f"One turn of {message.agent} for {contract.body['from']['slug']}.",
        "inputs": {"type": "object"},
        "success": ["true"],
        "limits": {"deadline": message.deadline, "max_attempts": message.max_attempts},
        "budget": _budget(message, _left(contract)),
        "agents": {"worker": {"ref": message.agent}},
        "steps": [turn],
    }
    name = f"errand-{message.agent.partition('@')[0][:32]}-{digest(plain)[:8]}"
    text = json.dumps(json.loads(canonical_bytes({**plain, "name": name})), indent=2)
    return workflows.save(
        domain=contract.callee,
        text=text,
        filename=f"{name}.yaml",
        git_commit="",
        actor=FEDERATION,
    )


def _budget(message: Message, left: int) -> dict[str, Any]:
    """Return what the turn may use: what the caller grants it, and never more than is left."""
    granted = {unit: amount for unit, amount in message.budget.items() if unit != "micro_usd"}
    most = min(message.budget["micro_usd"], left)
    dollars, rest = divmod(most, 1_000_000)
    return {"usd": f"{dollars}.{rest:06d}", **granted, "on_exhausted": "stop"}


def _begin(contract: Contract, message: Message, run: Run) -> None:
    """Keep what the turn is told; its run begins with the same transaction."""
    request = {
        "run": message.run,
        "step": message.step,
        "context": dict(message.context),
        "task": dict(message.task),
        "is_judged": message.is_judged,
    }
    errand, _made = Errand.objects.get_or_create(
        pk=message.id, defaults={"contract": contract, "request": request}
    )
    if Errand.objects.filter(pk=errand.pk, run=None).update(
        run=run, request=request, contract=contract
    ):
        run.steps.filter(path=TURN).update(task=as_stored(dict(message.task)))


def _run_of(errand: Errand) -> Run:
    if errand.run_id is None:
        raise LookupError(f"errand {errand.pk} was never begun here")
    return Run.objects.get(pk=errand.run_id)


def _output(run: Run) -> Mapping[str, Any]:
    if run.state != RunState.SUCCEEDED:
        return {}
    done = Step.objects.filter(run=run, path=TURN, state=StepState.SUCCEEDED)
    output: Mapping[str, Any] = done.values_list("output", flat=True).get()
    return output
