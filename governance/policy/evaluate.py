"""The verdict: allow, require approval, or deny. No input and no failure leads to a weaker one."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import cedarpy

from governance.policy.annotations import Tier
from governance.policy.bundle import CompiledBundle, Policy
from governance.policy.obligations import Obligations, join

NAMESPACE = "Countersign"
Outcome = Literal["allow", "require_approval", "deny"]


@dataclass(frozen=True, slots=True)
class EntityRef:
    """Names an entity; `type` is written without the namespace."""

    type: str
    id: str


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity with its attributes, and the entities it is in."""

    ref: EntityRef
    attributes: Mapping[str, Any] = field(default_factory=dict)
    parents: Sequence[EntityRef] = ()


@dataclass(frozen=True, slots=True)
class PolicyRequest:
    """Everything a verdict may depend on.

    `args` is what the agent claims and `facts` what collectors verified; both must fit the
    schema of `action` exactly. `base` is what the control plane itself says.
    """

    action: str
    principal: Entity
    resource: Entity
    others: Sequence[Entity] = ()
    base: Mapping[str, Any] = field(default_factory=dict)
    args: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return the request as Cedar's JSON; kept with the verdict, it can be evaluated again."""
        everyone = (self.principal, self.resource, *self.others)
        return {
            "principal": _uid(self.principal.ref),
            "action": {"type": f"{NAMESPACE}::Action", "id": self.action},
            "resource": _uid(self.resource.ref),
            "context": {
                "base": as_cedar(self.base),
                "args": as_cedar(self.args),
                "facts": as_cedar(self.facts),
            },
            "entities": [_entity(entity) for entity in everyone],
        }


@dataclass(frozen=True, slots=True)
class PolicyVerdict:
    """What policy says. `policies` are those that determined it, `reasons` their codes."""

    outcome: Outcome
    reasons: tuple[str, ...] = ()
    policies: tuple[Policy, ...] = ()
    obligations: Obligations = field(default_factory=Obligations)
    errors: tuple[str, ...] = ()


def evaluate(bundle: CompiledBundle, document: Mapping[str, Any]) -> PolicyVerdict:
    """Judge a request's `document()` (governance.md 3.1).

    All policies are evaluated together; a boundary that matches denies. Where only gates stand
    in the way, the rest must permit the request without them: approval never creates authority.
    """
    full = _ask(bundle, bundle.full, document)
    if full.denial:
        return full.denial
    if full.allowed:
        return PolicyVerdict("allow", policies=full.matched)
    hard = tuple(policy for policy in full.matched if policy.meta.tier is not Tier.GATE)
    if hard:
        return PolicyVerdict("deny", _codes(hard), hard)
    return _gated(bundle, document, full.matched)


def _gated(
    bundle: CompiledBundle, document: Mapping[str, Any], gates: tuple[Policy, ...]
) -> PolicyVerdict:
    rest = _ask(bundle, bundle.without_gates, document)
    if rest.denial:
        return rest.denial
    if not gates or not rest.allowed:
        return PolicyVerdict("deny", ("no_grant",))
    asked = join(policy.meta.obligations for policy in gates)
    return PolicyVerdict("require_approval", _codes(gates), gates, asked)


@dataclass(frozen=True, slots=True)
class _Answer:
    allowed: bool = False
    matched: tuple[Policy, ...] = ()
    denial: PolicyVerdict | None = None


def _ask(
    bundle: CompiledBundle, policies: cedarpy.PolicySet, document: Mapping[str, Any]
) -> _Answer:
    request = {key: document[key] for key in ("principal", "action", "resource", "context")}
    try:
        entities = cedarpy.Entities.from_json_str(json.dumps(document["entities"]), bundle.schema)
        answer = cedarpy.is_authorized(request, policies, entities, bundle.schema)
    except ValueError as error:
        return _denied("fact_unavailable", [str(error)])
    errors = answer.diagnostics.errors
    if answer.decision is cedarpy.Decision.NoDecision:
        return _denied("fact_unavailable", errors)
    if errors:
        return _denied("policy_error", errors)
    matched = (bundle.policies[key] for key in answer.diagnostics.reasons)
    return _Answer(answer.allowed, tuple(sorted(matched, key=_id)))


def _id(policy: Policy) -> str:
    return policy.meta.id


def _denied(code: str, errors: Sequence[str]) -> _Answer:
    return _Answer(denial=PolicyVerdict("deny", (code,), errors=tuple(errors)))


def _codes(policies: Sequence[Policy]) -> tuple[str, ...]:
    return tuple(sorted({policy.meta.reason for policy in policies}))


def _uid(ref: EntityRef) -> dict[str, str]:
    kind = ref.type if "::" in ref.type else f"{NAMESPACE}::{ref.type}"
    return {"type": kind, "id": ref.id}


def _entity(entity: Entity) -> dict[str, Any]:
    return {
        "uid": _uid(entity.ref),
        "attrs": as_cedar(entity.attributes),
        "parents": [_uid(parent) for parent in entity.parents],
    }


def as_cedar(value: Any) -> Any:
    """Return `value` in Cedar's JSON; what Cedar cannot say is left for it to refuse."""
    match value:
        case EntityRef():
            return {"__entity": _uid(value)}
        case datetime():
            moment = value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
            return {"__extn": {"fn": "datetime", "arg": f"{moment}Z"}}
        case Mapping():
            return {name: as_cedar(item) for name, item in value.items()}
        case set() | frozenset():
            return sorted(map(as_cedar, value))
        case list() | tuple():
            return [as_cedar(item) for item in value]
        case _:
            return value
