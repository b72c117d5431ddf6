"""What policy says about an action, asked freshly and kept with everything it was based on."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from audit.canonical import digest
from audit.services.events import record
from audit.types import Actor, ObjectRef
from governance.adapters import Facts
from governance.models import Action, Agent, Bundle, Verdict
from governance.policy.bundle import Policy
from governance.policy.evaluate import (
    Entity,
    EntityRef,
    PolicyRequest,
    PolicyVerdict,
    evaluate,
)
from governance.policy.obligations import demanded, join
from governance.selectors import scopes
from governance.selectors.clock import database_now
from governance.selectors.eligibility import can_be_staffed
from governance.services import bundles
from governance.streams import stream_of


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict before it is kept, with the bundle that gave it and the request it is about.

    `scopes` are those that the agent held for it.
    """

    bundle: Bundle | None
    document: Mapping[str, Any]
    verdict: PolicyVerdict
    scopes: frozenset[str] = frozenset()


def judge(
    action: Action, cedar_action: str, facts: Facts, agent: Agent | None = None
) -> Judgement:
    """Ask the active bundle about the action under these facts. No bundle denies.

    The agent and its grants are read from the database here, so that a suspension, and a grant
    that ended, count from this moment on. Who has just read the agent says so.
    """
    agent = agent or Agent.objects.select_related("owner", "sponsor").get(pk=action.agent_id)
    held = scopes.held_by(agent.pk)
    document = _request(agent, held, action, cedar_action, facts).document()
    active = bundles.active_for(agent.domain_id)
    if active is None:
        return Judgement(None, document, PolicyVerdict("deny", ("no_policy",)), held)
    bundle, compiled = active
    verdict = _tightened(evaluate(compiled, document), action.demands)
    if verdict.outcome == "require_approval" and not can_be_staffed(action, verdict.obligations):
        verdict = replace(verdict, outcome="deny", reasons=("unsatisfiable_quorum",))
    return Judgement(bundle, document, verdict, held)


def _tightened(verdict: PolicyVerdict, demands: Mapping[str, Any]) -> PolicyVerdict:
    """Return the verdict with what the proposal demands; it can only ask more people."""
    if not demands or verdict.outcome == "deny":
        return verdict
    asked = join([verdict.obligations, demanded(demands)])
    reasons = tuple(sorted({*verdict.reasons, "workflow_gate"}))
    return replace(verdict, outcome="require_approval", reasons=reasons, obligations=asked)


def keep(*, action: Action, judgement: Judgement) -> Verdict:
    """Write the verdict and its event. Joins the caller's recording()."""
    said = judgement.verdict
    verdict = Verdict.objects.create(
        action=action,
        bundle=judgement.bundle,
        outcome=said.outcome,
        reasons=list(said.reasons),
        policies=[_summary(policy) for policy in said.policies],
        obligations=said.obligations.as_json(),
        facts=judgement.document,
        facts_digest=digest(judgement.document),
        errors=list(said.errors),
    )
    record(
        stream=stream_of(action),
        type="verdict.given",
        actor=Actor.system("policy"),
        domain_id=action.domain_id,
        object=ObjectRef("action", str(action.pk)),
        payload={
            "decider": "rule",
            "outcome": said.outcome,
            "reasons": list(said.reasons),
            "policies": verdict.policies,
            "bundle": judgement.bundle.number if judgement.bundle else None,
            "facts_digest": verdict.facts_digest,
        },
    )
    return verdict


def _summary(policy: Policy) -> dict[str, Any]:
    return {
        "id": policy.meta.id,
        "tier": policy.meta.tier.value,
        "reason": policy.meta.reason,
        "severity": policy.meta.severity,
        "content_hash": policy.content_hash,
        "reads": list(policy.reads),
    }


def _request(
    agent: Agent, held: frozenset[str], action: Action, cedar_action: str, facts: Facts
) -> PolicyRequest:
    domain = EntityRef("Domain", str(agent.domain_id))
    classes = [EntityRef("AgentClass", name) for name in agent.classes]
    owner, sponsor = _person_ref(agent.owner_id), _person_ref(agent.sponsor_id)
    people = {
        owner: Entity(owner, {"domain": domain, "active": agent.owner.is_active}),
        sponsor: Entity(sponsor, {"domain": domain, "active": agent.sponsor.is_active}),
    }
    resource = EntityRef(facts.resource_type, facts.resource_id)
    return PolicyRequest(
        action=cedar_action,
        principal=Entity(
            EntityRef("Agent", str(agent.pk)), _attributes(agent, domain, held), classes
        ),
        resource=Entity(resource, {**facts.resource_attributes, "domain": domain}),
        others=[
            Entity(domain),
            *people.values(),
            *(Entity(name, {"domain": domain}) for name in classes),
        ],
        base={"domain": domain, "now": database_now()},
        args=action.envelope["arguments"] if facts.arguments is None else facts.arguments,
        facts=facts.facts,
    )


def _person_ref(person_id: uuid.UUID) -> EntityRef:
    return EntityRef("Person", str(person_id))


def _attributes(agent: Agent, domain: EntityRef, held: frozenset[str]) -> dict[str, Any]:
    return {
        "domain": domain,
        "owner": _person_ref(agent.owner_id),
        "sponsor": _person_ref(agent.sponsor_id),
        "lifecycle": agent.lifecycle,
        "environment": agent.environment,
        "scopes": held,
    }
