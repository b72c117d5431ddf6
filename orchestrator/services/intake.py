"""A run is taken in: its inputs checked, its agents found, its steps assigned, or nothing is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _

from audit.canonical import digest
from governance.models import Agent, Domain, Lifecycle
from governance.refusals import Invalid, Refusal
from governance.selectors import binding
from orchestrator.models import Workflow
from orchestrator.services import guards
from orchestrator.services.briefs import NOTHING, Brief
from orchestrator.services.definitions import definition_of
from orchestrator.services.selection import Filled, fill, pinned, refs_of
from orchestrator.services.step_rows import Planned
from orchestrator.workflow.blocks import spared
from orchestrator.workflow.definition import AgentRef, Definition
from orchestrator.workflow.plain_json import as_stored, refuse_unstorable
from orchestrator.workflow.planning import plan_of
from orchestrator.workflow.pointers import pointer
from orchestrator.workflow.shape import input_validator, shortened


@dataclass(frozen=True, slots=True)
class Intake:
    """What a run is made of, once it was found in order. `steps` are its outermost ones.

    `input_digest` covers everything that the initiator gave. `owners` are the agents' by alias,
    where nobody may win work from his own owner: who that is stays as it was at intake.
    """

    definition: Definition
    inputs: Mapping[str, Any]
    input_digest: str
    steps: Sequence[Planned]
    filled: Sequence[Filled]
    brief: Mapping[str, Any]
    owners: Mapping[str, str]


def prepare(*, workflow: Workflow, inputs: Mapping[str, Any], brief: Brief = NOTHING) -> Intake:
    """Check what a run of `workflow` would be made of; nothing is written.

    Raises Invalid with every wrong input or field of the brief by JSON pointer, or naming the
    agents that cannot work and the slots that nobody can fill.
    """
    brief.check()
    definition = definition_of(workflow.pk)
    complete = _checked(definition, inputs)
    filled = fill(workflow.domain_id, definition)
    agents = _agents(workflow, definition, refs_of(definition, pinned(filled)))
    guards.check(workflow, definition, agents)
    laid_out = _laid_out(definition, agents)
    said = brief.as_json()
    asked = digest({"inputs": complete, **said} if said else complete)
    owners = _owners(definition, agents)
    return Intake(definition, complete, asked, laid_out, filled, said, owners)


def _owners(definition: Definition, agents: Mapping[str, Agent]) -> dict[str, str]:
    if not definition.topology_options.get("no_self_award"):
        return {}
    return {alias: str(agent.owner_id) for alias, agent in agents.items()}


def _checked(definition: Definition, inputs: Mapping[str, Any]) -> dict[str, Any]:
    properties = definition.inputs.get("properties", {})
    defaults = {
        name: schema["default"]
        for name, schema in properties.items()
        if isinstance(schema, dict) and "default" in schema
    }
    complete = {**defaults, **inputs}
    try:
        refuse_unstorable(complete)
    except ValueError as error:
        raise _invalid([{"pointer": "", "detail": str(error)}]) from None
    errors = [
        {
            "pointer": pointer(error.instance_path),
            "detail": shortened(error.message),
        }
        for error in input_validator(definition.inputs).iter_errors(complete)
    ]
    if errors:
        raise _invalid(errors)
    kept: dict[str, Any] = as_stored(complete)
    return kept


def _invalid(errors: list[dict[str, str]]) -> Invalid:
    said = "; ".join(f"{error['pointer']} {error['detail']}".strip() for error in errors)
    detail = _("The run was not started because of its inputs: %(errors)s.")
    return Invalid("invalid_inputs", detail % {"errors": said}, errors=errors)


def agents_of(domain_id: UUID, refs: Mapping[str, AgentRef]) -> dict[str, Agent]:
    """Return the registered agent of every alias that has one, in service or not."""
    here = {ref.slug for ref in refs.values() if not ref.domain}
    found = {
        ("", agent.slug, agent.version): agent
        for agent in Agent.objects.filter(domain_id=domain_id, slug__in=here)
    }
    if abroad := [ref for ref in refs.values() if ref.domain]:
        found |= _abroad(abroad)
    return {alias: found[_key(ref)] for alias, ref in refs.items() if _key(ref) in found}


def _abroad(refs: Sequence[AgentRef]) -> dict[tuple[str, str, int], Agent]:
    which = [Q(domain__slug=ref.domain, slug=ref.slug, version=ref.version) for ref in refs]
    agents = Agent.objects.filter(reduce(or_, which)).select_related("domain")
    return {(agent.domain.slug, agent.slug, agent.version): agent for agent in agents}


def _agents(
    workflow: Workflow, definition: Definition, refs: Mapping[str, AgentRef]
) -> dict[str, Agent]:
    agents = agents_of(workflow.domain_id, refs)
    _refuse_unbound(workflow, refs, agents)
    active = {alias for alias, agent in agents.items() if agent.lifecycle == Lifecycle.ACTIVE}
    able = active | (spared(definition, active) & set(agents))
    missing = [
        {"pointer": pointer(["agents", alias]), "detail": f"{ref.slug}@{ref.version}"}
        for alias, ref in refs.items()
        if alias not in able
    ]
    if missing:
        detail = _("No active agent is registered here as %(names)s; register or resume it.")
        names = ", ".join(entry["detail"] for entry in missing)
        raise Invalid("unknown_agent", detail % {"names": names}, errors=missing)
    return agents


def _refuse_unbound(
    workflow: Workflow, refs: Mapping[str, AgentRef], agents: Mapping[str, Agent]
) -> None:
    """Refuse before anybody is asked; without a contract nobody learns who works elsewhere."""
    errors = []
    for alias, ref in refs.items():
        if not ref.domain:
            continue
        try:
            _require_contract(workflow, ref, agents.get(alias))
        except Refusal as no:
            where = pointer(["agents", alias, "contract"])
            errors.append({"pointer": where, "detail": no.detail})
    if errors:
        detail = _("The run was not started. %(why)s")
        why = " ".join(error["detail"] for error in errors)
        raise Invalid(binding.CODE, detail % {"why": why}, errors=errors)


def _require_contract(workflow: Workflow, ref: AgentRef, agent: Agent | None) -> None:
    found = binding.named(workflow.domain_id, ref.contract)
    with_whom = Domain.objects.filter(slug=ref.domain).values_list("pk", flat=True).first()
    contract = binding.require(found, callee_id=with_whom or workflow.domain_id)
    if agent is None or f"{ref.slug}@{ref.version}" not in contract.body["agents"]:
        words = {"name": contract.name, "agent": f"{ref.slug}@{ref.version}"}
        raise Refusal(binding.CODE, _("Contract %(name)s does not cover agent %(agent)s.") % words)


def _key(ref: AgentRef) -> tuple[str, str, int]:
    return ref.domain, ref.slug, ref.version


def _laid_out(definition: Definition, agents: Mapping[str, Agent]) -> list[Planned]:
    return [
        Planned(
            path=step.path,
            alias=step.agent,
            agent=agents.get(step.agent),
            is_block=bool(step.pattern) or step.agent in definition.peers,
        )
        for step in plan_of(definition)
    ]
