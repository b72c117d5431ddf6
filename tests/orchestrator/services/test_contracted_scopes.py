"""What is granted to an agent while it works for another domain is looked at again each time."""

from pathlib import Path

import pytest

from governance.models import Effect, Gate, Verdict
from orchestrator.services import resumption
from tests.factories import federation as make_ally
from tests.factories import governance
from tests.factories import orchestrator as make
from tests.factories.federation import Alliance
from tests.factories.governance import lines_in
from tests.factories.orchestrator import step_of
from tests.orchestrator.federating import agents, bob_of, child_of, replays, started, worked_off
from tests.orchestrator.services.proposing import append

ONLY_GRANTED = """
@id("permit.granted") @tier("permit")
permit (principal, action == Countersign::Action::"ledger.append", resource)
when { principal.scopes.contains("ledger:*") };
"""


@pytest.fixture
def ally(db: None, tmp_path: Path) -> Alliance:
    ally = make_ally.allied(governance.house(tmp_path))
    policies = ONLY_GRANTED + governance.GATE + governance.BOUNDARIES
    governance.bundle(ally.callee, policies)
    agents(ally, proposals=[append(ally.home.guarded)])
    bob_of(ally).get().grants.create(scope="ledger:*", granted_by=ally.olga)
    return ally


def test_a_grant_beyond_the_contract_given_while_people_decide_stops_the_effect(
    ally: Alliance,
) -> None:
    run = worked_off(started(ally))
    gate = Gate.objects.get()
    governance.review(gate, ally.olga)
    resumption.resume(gate_id=gate.pk)
    bob_of(ally).get().grants.create(scope="merge:repo/*", granted_by=ally.olga)
    child = make.work(child_of(run))
    assert (child.state, step_of(child, "turn").error_code) == ("failed", "contract")
    assert (lines_in(ally.home.guarded), Effect.objects.count()) == (0, 0)
    assert replays(child)


def test_a_grant_taken_back_while_people_decide_stops_the_effect(ally: Alliance) -> None:
    run = worked_off(started(ally))
    gate = Gate.objects.get()
    governance.review(gate, ally.olga)
    resumption.resume(gate_id=gate.pk)
    bob_of(ally).get().grants.all().delete()
    child = make.work(child_of(run))
    assert (child.state, step_of(child, "turn").error_code) == ("failed", "policy_denied")
    assert Verdict.objects.order_by("created_at").last().outcome == "deny"  # type: ignore[union-attr]  # there are two
    assert (lines_in(ally.home.guarded), Effect.objects.count()) == (0, 0)
    assert replays(child)


def test_a_grant_beyond_the_contract_given_before_the_turn_lets_nothing_begin(
    ally: Alliance,
) -> None:
    run = started(ally)
    make.work(run)
    bob_of(ally).get().grants.create(scope="merge:repo/*", granted_by=ally.olga)
    child = make.work(child_of(run))
    assert (child.state, step_of(child, "turn").error_code) == ("failed", "contract")
    assert not Gate.objects.exists()
