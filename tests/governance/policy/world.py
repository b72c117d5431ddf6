"""A small world that policies are tried on: one domain, one agent, one branch."""

from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from governance.policy.evaluate import Entity, EntityRef, PolicyRequest

SCHEMA = (files("governance.policy") / "schema.cedarschema").read_text()
DOMAIN = EntityRef("Domain", "home")
OWNER = EntityRef("Person", "ada")
INTEGRATOR = EntityRef("AgentClass", "integrator")
FACTS: dict[str, Any] = {
    "commit_count": 2,
    "unsigned_commits": set(),
    "unverified_signers": set(),
    "signatures_required": False,
    "linked_issues": {"#1"},
    "target_protected": True,
    "head_sha": "abc",
}
ARGS = {"repository": "/srv/shop", "source": "feature", "target": "main"}

PERMIT = """
@id("permit.merge") @tier("permit")
permit (principal in Countersign::AgentClass::"integrator",
        action == Countersign::Action::"merge", resource);
"""
GATE = """
@id("gate.protected") @tier("gate") @reason("protected_branch")
@quorum("1") @group("maintainers") @distinct_from("initiator,owner")
forbid (principal, action == Countersign::Action::"merge", resource)
when { context.facts.target_protected };
"""
BOUNDARY = """
@id("boundary.signed") @tier("boundary") @reason("unsigned_commits")
forbid (principal, action == Countersign::Action::"merge", resource)
when { context.facts.signatures_required && !context.facts.unsigned_commits.isEmpty() };
"""


def request(
    *,
    classes: tuple[EntityRef, ...] = (INTEGRATOR,),
    base: dict[str, Any] | None = None,
    **facts: Any,
) -> PolicyRequest:
    """Ask to merge a branch; `facts` replaces some, and None leaves one out."""
    known = {name: value for name, value in {**FACTS, **facts}.items() if value is not None}
    attributes = {
        "domain": DOMAIN,
        "owner": OWNER,
        "lifecycle": "active",
        "environment": "production",
        "scopes": {"merge:*"},
    }
    return PolicyRequest(
        action="merge",
        principal=Entity(EntityRef("Agent", "scout"), attributes, classes),
        resource=Entity(
            EntityRef("Branch", "/srv/shop main"),
            {"domain": DOMAIN, "repository": "/srv/shop", "name": "main", "protected": True},
        ),
        others=(
            Entity(DOMAIN),
            Entity(OWNER, {"domain": DOMAIN, "active": True}),
            Entity(INTEGRATOR, {"domain": DOMAIN}),
        ),
        base=base or {"domain": DOMAIN, "now": datetime(2026, 11, 20, 10, tzinfo=UTC)},
        args=ARGS,
        facts=known,
    )
