"""Policies and the tool by which people are asked about plans and handoffs."""

from governance.services import tools
from orchestrator.runners import approval
from tests.factories import governance
from tests.factories.governance import House
from tests.factories.orchestrator import TESTER

APPROVE = """
@id("permit.plan") @tier("permit")
permit (principal, action == Countersign::Action::"plan.approve", resource);

@id("gate.plan") @tier("gate") @reason("plan_needs_people")
@quorum("1") @group("maintainers") @decide_within("PT4H") @valid_for("PT10M")
forbid (principal, action == Countersign::Action::"plan.approve", resource);
"""


def people_are_asked(home: House) -> None:
    """Let policy ask people wherever a pattern does."""
    governance.bundle(home.domain, governance.POLICIES + APPROVE)
    tools.register(
        slug=approval.SLUG,
        name=approval.NAME,
        description=approval.DESCRIPTION,
        schema=approval.SCHEMA,
        risk="medium",
        reversibility="read_only",
        actor=TESTER,
        domain=home.domain,
    )
