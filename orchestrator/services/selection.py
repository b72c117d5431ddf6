"""Slots of a workflow are filled when a run is taken in: from the registry, once for the run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Prefetch
from django.utils.translation import gettext as _

from governance.models import Agent, Grant
from governance.refusals import Invalid
from governance.selectors import scopes
from orchestrator.models import Run
from orchestrator.services.history import ENGINE, tell_run
from orchestrator.workflow.definition import AgentRef, Definition
from orchestrator.workflow.pointers import pointer
from orchestrator.workflow.selection import Candidate, Choice, as_told, select


@dataclass(frozen=True, slots=True)
class Filled:
    """A slot of the file with everybody who was considered for it."""

    slot: str
    candidates: Sequence[Candidate]
    choice: Choice


def fill(domain_id: UUID, definition: Definition) -> list[Filled]:
    """Choose an agent for every slot; raises Invalid naming those that nobody can fill.

    Considered is who has any of the capabilities that are asked for.
    """
    if not definition.slots:
        return []
    registered = _registered(domain_id)
    filled = []
    for name, slot in definition.slots.items():
        near = [one for one in registered if set(one.capabilities) & set(slot.capabilities)]
        filled.append(Filled(name, near, select(slot, near)))
    _refuse_empty([one for one in filled if not one.choice.agent])
    return filled


def pinned(filled: Sequence[Filled]) -> dict[str, str]:
    """Return who works under which alias for as long as the run lasts."""
    return {one.slot: one.choice.agent for one in filled}


def refs_of(definition: Definition, pins: Mapping[str, str]) -> dict[str, AgentRef]:
    """Return the registered agent that every alias means in a run with these pins."""
    chosen = {alias: AgentRef.read(ref) for alias, ref in pins.items()}
    return {**definition.agents, **chosen}


def tell(run: Run, filled: Sequence[Filled]) -> None:
    """Record every choice with everybody it was made from; joins the caller's recording()."""
    for one in filled:
        tell_run(run, "agent.selected", ENGINE, **as_told(one.slot, one.candidates, one.choice))


def _refuse_empty(empty: Sequence[Filled]) -> None:
    if not empty:
        return
    errors = [{"pointer": pointer(["agents", one.slot]), "detail": _why(one)} for one in empty]
    detail = _("Nobody can fill %(slots)s: %(why)s")
    slots = ", ".join(one.slot for one in empty)
    why = "; ".join(error["detail"] for error in errors)
    raise Invalid("no_agent", detail % {"slots": slots, "why": why}, errors=errors)


def _why(one: Filled) -> str:
    if not one.candidates:
        return _("no agent here has any of its capabilities")
    return ", ".join(f"{ref} ({reason})" for ref, reason in one.choice.rejected.items())


def _registered(domain_id: UUID) -> list[Candidate]:
    live = Grant.objects.filter(scopes.LIVE)
    agents = Agent.objects.filter(domain_id=domain_id).exclude(capabilities=[])
    found = agents.prefetch_related(Prefetch("grants", queryset=live, to_attr="live_grants"))
    return [
        Candidate(
            slug=agent.slug,
            version=agent.version,
            lifecycle=agent.lifecycle,
            environment=agent.environment,
            capabilities=tuple(agent.capabilities),
            scopes=tuple(sorted(grant.scope for grant in agent.live_grants)),
            price=agent.price_micro_usd,
        )
        for agent in found
    ]
