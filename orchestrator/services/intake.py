"""A run is taken in: its inputs checked, its agents found, its steps assigned, or nothing is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from audit.canonical import digest
from governance.models import Agent, Lifecycle
from governance.refusals import Invalid
from orchestrator.models import Workflow
from orchestrator.patterns.base import History
from orchestrator.topologies.registry import topology_named
from orchestrator.workflow.definition import AgentRef, Definition, from_plain
from orchestrator.workflow.plain_json import refuse_unstorable
from orchestrator.workflow.planning import plan_of
from orchestrator.workflow.pointers import pointer
from orchestrator.workflow.shape import input_validator, shortened


@dataclass(frozen=True, slots=True)
class Intake:
    """What a run is made of, once it was found in order. `steps` names who does each one."""

    definition: Definition
    inputs: Mapping[str, Any]
    input_digest: str
    steps: Sequence[tuple[str, Agent]]


def prepare(*, workflow: Workflow, inputs: Mapping[str, Any]) -> Intake:
    """Check what a run of `workflow` would be made of; nothing is written.

    Raises Invalid with every wrong input by JSON pointer, or naming the agents that cannot work.
    """
    definition = from_plain(workflow.definition)
    complete = _checked(definition, inputs)
    agents = _agents(workflow, definition)
    return Intake(definition, complete, digest(complete), _assigned(definition, agents))


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
    return complete


def _invalid(errors: list[dict[str, str]]) -> Invalid:
    said = "; ".join(f"{error['pointer']} {error['detail']}".strip() for error in errors)
    detail = _("The run was not started because of its inputs: %(errors)s.")
    return Invalid("invalid_inputs", detail % {"errors": said}, errors=errors)


def _agents(workflow: Workflow, definition: Definition) -> dict[str, Agent]:
    found = {
        (agent.slug, agent.version): agent
        for agent in Agent.objects.filter(
            domain_id=workflow.domain_id,
            slug__in={ref.slug for ref in definition.agents.values()},
            lifecycle=Lifecycle.ACTIVE,
        )
    }
    missing = [
        {"pointer": pointer(["agents", alias]), "detail": f"{ref.slug}@{ref.version}"}
        for alias, ref in definition.agents.items()
        if _key(ref) not in found
    ]
    if missing:
        detail = _("No active agent is registered here as %(names)s; register or resume it.")
        names = ", ".join(entry["detail"] for entry in missing)
        raise Invalid("unknown_agent", detail % {"names": names}, errors=missing)
    return {alias: found[_key(ref)] for alias, ref in definition.agents.items()}


def _key(ref: AgentRef) -> tuple[str, int]:
    return ref.slug, ref.version


def _assigned(definition: Definition, agents: Mapping[str, Agent]) -> list[tuple[str, Agent]]:
    topology = topology_named(definition.topology)
    plan = plan_of(definition)
    history = History(plan)
    return [(step.path, agents[topology.assign(step, history)]) for step in plan]
