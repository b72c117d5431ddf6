from pathlib import Path
from typing import Any

import pytest

from governance.models import Effect, Gate
from governance.refusals import Refusal
from governance.services import tools
from orchestrator.models import Run
from orchestrator.runners import supply
from orchestrator.selectors.replays import Replayed, replay
from orchestrator.services import escalation, supplying
from orchestrator.services.sweep import sweep
from tests.factories import governance
from tests.factories import orchestrator as make
from tests.factories.governance import House
from tests.factories.orchestrator import step_of, work
from tests.orchestrator.services.escalating import (
    escalated,
    operated,
    refused,
    use,
)

GATE = """
@id("permit.supply") @tier("permit")
permit (principal, action == Countersign::Action::"step.supply", resource);

@id("gate.supply") @tier("gate") @reason("supplied_output")
@quorum("1") @group("maintainers") {distinct} @decide_within("PT4H") @valid_for("PT10M")
forbid (principal, action == Countersign::Action::"step.supply", resource);
"""
CAREFUL = GATE.format(distinct='@distinct_from("initiator")')


@pytest.fixture
def home(db: None, tmp_path: Path) -> House:
    home = operated(tmp_path)
    governance.bundle(home.domain, governance.POLICIES + CAREFUL)
    tools.register(
        slug=supply.SLUG,
        name=supply.NAME,
        description=supply.DESCRIPTION,
        schema=supply.SCHEMA,
        risk="medium",
        reversibility="read_only",
        actor=make.TESTER,
        domain=home.domain,
    )
    return home


def supplied(home: House, run: Run, **output: Any) -> Gate:
    use(supplying.supply, run, output=output or {"found": 3})
    return Gate.objects.get(state="pending")


def test_a_supplied_output_counts_once_a_second_person_agreed(home: House) -> None:
    run = escalated(home, success=["steps.look.outputs.found == 3"])
    gate = supplied(home, run)
    assert (run.state, step_of(run, "look").state) == ("escalated", "escalated")
    assert gate.action.on_behalf_of == home.ines
    assert gate.exhibits.get(kind="supply").content["output"] == {"found": 3}
    with pytest.raises(Refusal) as caught:
        governance.review(gate, home.ines)
    assert caught.value.code == "is_initiator"
    governance.review(gate, home.grace)
    assert sweep().resumed == 1
    assert sweep().resumed == 0
    work(run)
    assert (run.state, step_of(run, "look").output) == ("succeeded", {"found": 3})
    assert Effect.objects.get().state == "succeeded"
    assert isinstance(replay(run.pk), Replayed)


def test_an_offer_that_is_rejected_leaves_the_step_to_people(home: House) -> None:
    run = escalated(home)
    governance.review(supplied(home, run), home.grace, "reject")
    assert sweep().resumed == 0
    assert step_of(run, "look").state == "escalated"
    use(escalation.retry, run)
    assert step_of(run, "look").state == "ready"


def test_another_verb_withdraws_the_offer(home: House) -> None:
    run = escalated(home)
    gate = supplied(home, run)
    refused(supplying.supply, run, "already_offered", output={})
    use(escalation.skip, run)
    gate.refresh_from_db()
    assert gate.state == "cancelled"


@pytest.mark.parametrize(
    "policies", ["", CAREFUL.split("\n\n", maxsplit=1)[0], GATE.format(distinct="")]
)
def test_without_a_policy_that_asks_a_second_person_nothing_is_supplied(
    home: House, policies: str
) -> None:
    governance.bundle(home.domain, governance.POLICIES + policies)
    run = escalated(home)
    code = "needs_second_person" if policies else "policy_denied"
    refused(supplying.supply, run, code, output={"found": 3})
    assert not Gate.objects.exists()


def test_a_supplied_output_must_pass_the_checkpoint_of_its_step(home: House) -> None:
    rule = {"require": "outputs.major == 0", "message": "Major findings.", "route": "stop"}
    run = escalated(home, first={"checkpoint": [rule]})
    refused(supplying.supply, run, "invalid_output", output={"major": 1})
    supplied(home, run, major=0)


def test_no_agent_passes_its_own_words_for_those_of_a_person(home: House) -> None:
    words = supply.arguments_of("look", {"found": 0}, "A person said so.")
    make.agent(home, "liar", proposals=[{"tool": supply.SLUG, "arguments": words}])
    run = work(make.started(home, make.step("look", "liar", on_failure="stop")))
    assert (run.state, run.error_code) == ("failed", "undeclared_action")
    assert not Gate.objects.exists()
