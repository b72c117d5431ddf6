"""Agents as people of their domain see them."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _

from governance.models import Action, Agent, Domain, Gate, GateState, Grant, Lifecycle, Person
from governance.refusals import Invalid, Refusal
from governance.selectors import people, tokens
from governance.selectors.gate_view import PersonRef

MOST_ROWS = 200
RECENT_ACTIONS = 10


@dataclass(frozen=True, slots=True)
class AgentRow:
    """One line of the registry."""

    id: str
    slug: str
    version: int
    name: str
    purpose: str
    owner: PersonRef
    sponsor: PersonRef
    environment: str
    environment_label: str
    lifecycle: str
    lifecycle_label: str
    scope_count: int
    pending_gate_count: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class AgentPage:
    """Some rows, and the cursor of the next page, empty on the last one."""

    rows: Sequence[AgentRow]
    next: str


@dataclass(frozen=True, slots=True)
class GrantView:
    """A scope the agent was given, by whom and until when."""

    scope: str
    granted_by: PersonRef
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class ActionRow:
    """Something the agent proposed, and what became of it as far as a gate says."""

    id: str
    tool_name: str
    sentence: str
    gate_id: str
    gate_state: str
    gate_state_label: str
    run_id: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class AgentView:
    """Everything the agent page shows; `stream` is its history in the log."""

    id: str
    slug: str
    version: int
    name: str
    purpose: str
    owner: PersonRef
    sponsor: PersonRef
    environment: str
    environment_label: str
    lifecycle: str
    lifecycle_label: str
    lifecycle_reason: str
    classes: Sequence[str]
    capabilities: Sequence[str]
    price_micro_usd: int | None
    max_parallel: int | None
    runner: str
    grants: Sequence[GrantView]
    actions: Sequence[ActionRow]
    action_count: int
    gate_count: int
    pending_gate_count: int
    token_count: int
    created_at: datetime
    last_seen_at: datetime | None
    may_suspend: bool
    may_resume: bool
    may_limit: bool
    stream: str


def page_for(
    person: Any, *, lifecycle: str = "", environment: str = "", after: str = "", limit: int = 50
) -> AgentPage:
    """Return the agents of the person's domain by slug, newest version first.

    `after` is the `next` of the page before. Raises Invalid for a cursor that is not one.
    """
    limit = max(1, min(limit, MOST_ROWS))
    rows = Agent.objects.filter(domain=people.domain_for(person))
    if lifecycle:
        rows = rows.filter(lifecycle=lifecycle)
    if environment:
        rows = rows.filter(environment=environment)
    if after:
        rows = rows.filter(_beyond(after))
    pending = Count(
        "actions__gate", filter=Q(actions__gate__state=GateState.PENDING), distinct=True
    )
    counted = rows.annotate(scopes=Count("grants", distinct=True), waiting=pending)
    ordered = counted.select_related("owner", "sponsor").order_by("slug", "-version")
    found = list(ordered[: limit + 1])
    shown = found[:limit]
    more = f"{shown[-1].slug}:{shown[-1].version}" if len(found) > limit else ""
    return AgentPage([_row(agent, agent.scopes, agent.waiting) for agent in shown], more)


def visible_agent(person: Any, agent_id: uuid.UUID | str) -> Agent:
    """Return the agent itself, for a use case; raises Refusal `not_found` (404).

    An agent of a domain in which the person may do nothing is as good as none.
    """
    related = Agent.objects.select_related("domain", "owner", "sponsor")
    try:
        agent = related.filter(pk=agent_id).first()
    except (ValidationError, ValueError):
        agent = None
    if agent is None or not people.permissions_for(person, agent.domain):
        raise Refusal("not_found", _("There is no such agent that you may see."), status=404)
    return agent


def agent_for(person: Any, agent_id: uuid.UUID | str) -> AgentView:
    """Return the agent page's view; raises Refusal `not_found` (404)."""
    agent = visible_agent(person, agent_id)
    gates = Gate.objects.filter(action__agent=agent).aggregate(
        total=Count("pk"), pending=Count("pk", filter=Q(state=GateState.PENDING))
    )
    may_register = "register_agents" in people.permissions_for(person, agent.domain)
    may_answer = may_register or agent.owner_id == person.pk
    return AgentView(
        id=str(agent.pk),
        slug=agent.slug,
        version=agent.version,
        name=agent.name,
        purpose=agent.purpose,
        owner=_ref(agent.owner),
        sponsor=_ref(agent.sponsor),
        environment=agent.environment,
        environment_label=agent.get_environment_display(),
        lifecycle=agent.lifecycle,
        lifecycle_label=agent.get_lifecycle_display(),
        lifecycle_reason=agent.lifecycle_reason,
        classes=tuple(agent.classes),
        capabilities=tuple(agent.capabilities),
        price_micro_usd=agent.price_micro_usd,
        max_parallel=agent.max_parallel,
        runner=agent.runner,
        grants=[
            _grant(grant) for grant in agent.grants.select_related("granted_by").order_by("scope")
        ],
        actions=[_action(action) for action in _recent_actions(agent)],
        action_count=Action.objects.filter(agent=agent).count(),
        gate_count=gates["total"],
        pending_gate_count=gates["pending"],
        token_count=tokens.live_token_count(agent),
        created_at=agent.created_at,
        last_seen_at=agent.last_seen_at,
        may_suspend=agent.lifecycle == Lifecycle.ACTIVE and may_answer,
        may_resume=agent.lifecycle == Lifecycle.SUSPENDED and may_register,
        may_limit=may_answer,
        stream=f"agent:{agent.pk}",
    )


def is_active(agent_id: uuid.UUID | str) -> bool:
    """Whether the agent is in service now; usable as a guard inside a transaction."""
    return Agent.objects.filter(pk=agent_id, lifecycle=Lifecycle.ACTIVE).exists()


def newest_versions(slug: str, domain_slug: str = "") -> list[Agent]:
    """Return the newest version of the agents with this short name, one for each domain."""
    agents = Agent.objects.filter(slug=slug).select_related("domain")
    if domain_slug:
        agents = agents.filter(domain__slug=domain_slug)
    newest = {agent.domain_id: agent for agent in agents.order_by("version")}
    return list(newest.values())


def domain_id_of(agent_id: uuid.UUID | None) -> uuid.UUID | None:
    """Return the id of the agent's domain, or None for an agent nobody knows."""
    if agent_id is None:
        return None
    return Agent.objects.filter(pk=agent_id).values_list("domain_id", flat=True).first()


def choices_for(person: Any) -> QuerySet[Person]:
    """Return the people who can be made owner or sponsor of an agent by this person.

    Raises Forbidden unless they may register agents.
    """
    domain: Domain = people.domain_for(person)
    people.require(person, domain, "register_agents")
    return people.people_of(domain)


def _beyond(cursor: str) -> Q:
    slug, _colon, version = cursor.rpartition(":")
    if not slug or not version.isdecimal():
        raise Invalid("invalid_cursor", _("This cursor belongs to no page; start over."))
    return Q(slug__gt=slug) | Q(slug=slug, version__lt=int(version))


def _recent_actions(agent: Agent) -> QuerySet[Action]:
    actions = Action.objects.filter(agent=agent).select_related("tool", "gate")
    return actions.order_by("-created_at", "id")[:RECENT_ACTIONS]


def _row(agent: Agent, scopes: int, waiting: int) -> AgentRow:
    return AgentRow(
        id=str(agent.pk),
        slug=agent.slug,
        version=agent.version,
        name=agent.name,
        purpose=agent.purpose,
        owner=_ref(agent.owner),
        sponsor=_ref(agent.sponsor),
        environment=agent.environment,
        environment_label=agent.get_environment_display(),
        lifecycle=agent.lifecycle,
        lifecycle_label=agent.get_lifecycle_display(),
        scope_count=scopes,
        pending_gate_count=waiting,
        created_at=agent.created_at,
    )


def _action(action: Action) -> ActionRow:
    gate: Gate | None = getattr(action, "gate", None)
    return ActionRow(
        id=str(action.pk),
        tool_name=action.tool.name,
        sentence=gate.sentence if gate else action.tool.name,
        gate_id=str(gate.pk) if gate else "",
        gate_state=gate.state if gate else "",
        gate_state_label=gate.get_state_display() if gate else "",
        run_id=str(action.run_id or ""),
        created_at=action.created_at,
    )


def _grant(grant: Grant) -> GrantView:
    return GrantView(grant.scope, _ref(grant.granted_by), grant.expires_at)


def _ref(person: Person) -> PersonRef:
    return PersonRef(str(person.pk), str(person))
