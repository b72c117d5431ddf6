from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from audit.models import Event
from audit.services.events import recording
from governance import adapters
from governance.models import Agent, Effect, Gate, Person
from governance.refusals import Refusal
from governance.services import domains, tools
from orchestrator.models import Run, Step
from orchestrator.runners import supply
from orchestrator.services import escalation, execution, supplying
from orchestrator.services.sweep import sweep
from tests.factories import governance
from tests.factories import orchestrator as make
from tests.factories.audit import recorded, size_of_the_log
from tests.factories.governance import House, house, lines_in
from tests.factories.orchestrator import started, states_of, step, step_of, work
from tests.orchestrator.services.broken_ledger import BrokenLedger, WorkerDiedError
from tests.orchestrator.services.proposing import append

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
    home = house(tmp_path)
    for person in (home.ines, home.grace):
        admit(home, person)
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


def admit(home: House, person: Person) -> None:
    with recording():
        permissions = ("operate_runs", "review_gates")
        domains.admit(domain=home.domain, person=person, permissions=permissions)


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> BrokenLedger:
    tool = BrokenLedger()
    monkeypatch.setitem(adapters._adapters, tool.slug, tool)
    return tool


def escalated(home: House, *more: dict[str, Any], **fields: Any) -> Run:
    """Start a run whose first step lost its worker three times, and so needs a person."""
    make.agent(home, "style")
    make.agent(home, "other", output={"by": "other"})
    first = step("look", "style", **fields.pop("first", {}))
    run = started(home, first, *(more or [step("more", "other")]), **fields)
    for _ in range(3):
        lose(step_of(run, "look"))
    run.refresh_from_db()
    assert (run.state, step_of(run, "look").state) == ("escalated", "escalated")
    return run


def lose(step: Step) -> None:
    Step.objects.filter(pk=step.pk).update(
        state="running", lease_owner="lost", lease_expires_at=Now()
    )
    assert sweep().reclaimed == 1


def use(verb: Any, run: Run, path: str = "look", **fields: Any) -> None:
    """Use a verb as Ines, who may operate runs."""
    given = {"reason": "Because.", "person": None, **fields}
    given["person"] = given["person"] or run.initiator
    verb(run_id=run.pk, step_id=step_of(run, path).pk, **given)
    run.refresh_from_db()


def refused(verb: Any, run: Run, code: str, path: str = "look", **fields: Any) -> None:
    """Use a verb that is refused, and see that nothing but the refusal was recorded."""
    before, story = states_of(run), recorded(f"run:{run.pk}")
    with pytest.raises(Refusal) as caught:
        use(verb, run, path, **fields)
    assert caught.value.code == code, caught.value.detail
    assert states_of(run) == before
    added = ["run.refused"] if caught.value.status == 409 else []
    assert recorded(f"run:{run.pk}") == story + added


def last_event(run: Run, type: str) -> Event:
    found = Event.objects.filter(stream__object_id=str(run.pk), type=type)
    event = found.order_by("seq").last()
    assert event is not None
    return event


def test_a_step_that_is_retried_begins_again_with_fresh_attempts_and_the_note(home: House) -> None:
    run = escalated(home)
    use(escalation.retry, run, reason="The disk was full.")
    look = step_of(run, "look")
    assert (run.state, look.state) == ("running", "ready")
    assert (look.attempts, look.crash_count, look.human_retries) == (0, 0, 1)
    assert look.note == "The disk was full."
    told = last_event(run, "step.retried")
    assert (told.actor_kind, told.actor_id) == ("person", str(home.ines.pk))
    assert "The disk was full." in told.payload.fields
    work(run)
    assert run.state == "succeeded"


def test_people_let_a_step_begin_again_three_times_at_most(home: House) -> None:
    run = escalated(home)
    for _ in range(3):
        use(escalation.retry, run)
        for _ in range(3):
            lose(step_of(run, "look"))
    refused(escalation.retry, run, "too_many_retries")
    other = Agent.objects.get(slug="other")
    refused(escalation.reroute, run, "too_many_retries", agent_id=other.pk)
    assert step_of(run, "look").state == "escalated"


def test_another_agent_may_do_the_step(home: House) -> None:
    run = escalated(home)
    other = Agent.objects.get(slug="other")
    use(escalation.reroute, run, agent_id=other.pk)
    assert step_of(run, "look").agent == other
    work(run)
    assert (run.state, step_of(run, "look").output) == ("succeeded", {"by": "other"})


@pytest.mark.parametrize("which", ["same", "suspended", "elsewhere"])
def test_only_another_active_agent_of_the_domain_can_do_it(home: House, which: str) -> None:
    run = escalated(home)
    agent = Agent.objects.get(slug="style" if which == "same" else "other")
    if which == "suspended":
        Agent.objects.filter(pk=agent.pk).update(lifecycle="suspended")
    if which == "elsewhere":
        foreign = home.mallory.teams.get().domain
        Agent.objects.filter(pk=agent.pk).update(domain=foreign)
    refused(escalation.reroute, run, "unknown_agent", agent_id=agent.pk)


def test_a_step_whose_output_nobody_reads_can_be_skipped(home: House) -> None:
    run = escalated(home)
    use(escalation.skip, run)
    assert states_of(run) == {"look": "skipped", "more": "ready"}
    work(run)
    assert run.state == "succeeded"


@pytest.mark.parametrize("reader", ["success", "with"])
def test_a_step_whose_output_is_needed_cannot_be_skipped(home: House, reader: str) -> None:
    if reader == "success":
        run = escalated(home, success=["has(steps.look.outputs.found)"])
    else:
        run = escalated(
            home, step("more", "other", **{"with": {"a": "{{ steps.look.outputs.b }}"}})
        )
    refused(escalation.skip, run, "output_needed")


def test_a_step_that_a_person_fails_ends_the_run_as_its_file_says(home: House) -> None:
    run = escalated(home)
    use(escalation.fail, run, reason="It cannot be done.")
    assert (run.state, run.error_code, run.error_detail) == (
        "failed",
        "failed_by_person",
        "It cannot be done.",
    )
    assert states_of(run) == {"look": "failed", "more": "cancelled"}


def test_no_verb_can_be_used_on_a_step_that_needs_nobody(home: House) -> None:
    make.agent(home, "style")
    run = started(home, step("look", "style"))
    other = home.scout.pk
    refused(escalation.retry, run, "not_escalated")
    refused(escalation.skip, run, "not_escalated")
    refused(escalation.fail, run, "not_escalated")
    refused(escalation.reroute, run, "not_escalated", agent_id=other)
    refused(escalation.reconcile, run, "not_escalated", happened=True)
    refused(supplying.supply, run, "not_escalated", output={})


def test_who_may_not_operate_runs_can_use_no_verb(home: House) -> None:
    run = escalated(home)
    before = size_of_the_log()
    refused(escalation.retry, run, "permission_missing", person=home.mallory)
    refused(supplying.supply, run, "permission_missing", person=home.mallory, output={})
    assert size_of_the_log() == before


@pytest.mark.parametrize("reason", ["", "  ", "x" * 2001, "\0"])
def test_a_verb_needs_a_reason(home: House, reason: str) -> None:
    refused(escalation.retry, escalated(home), "reason_required", reason=reason)


def test_a_step_of_another_run_is_not_found(home: House) -> None:
    run, other = escalated(home), started(home, step("look", "other"), name="another")
    with pytest.raises(Refusal) as caught:
        escalation.retry(
            run_id=run.pk,
            step_id=step_of(other, "look").pk,
            person=home.ines,
            reason="Because.",
        )
    assert caught.value.status == 404


# Supplying an output -----------------------------------------------------------------------


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


# Effects in doubt --------------------------------------------------------------------------


@pytest.fixture
def doubtful(home: House, tool: BrokenLedger) -> Run:
    """A run that nobody can tell the effect of."""
    tool.effect_class, tool.doubts = "none", True
    make.agent(home, "clerk", proposals=[append(home.open)])
    run = work(started(home, step("write", "clerk")))
    assert (run.state, run.error_code) == ("escalated", "ambiguous_effect")
    tool.doubts = False
    return run


def test_an_effect_that_a_person_saw_happen_completes_its_step(
    home: House, doubtful: Run, tool: BrokenLedger
) -> None:
    said = {"happened": True, "response": {"line": "second"}, "reason": "I looked."}
    use(escalation.reconcile, doubtful, "write", **said)
    work(doubtful)
    assert (doubtful.state, tool.calls) == ("succeeded", 1)
    assert Effect.objects.get().state == "reconciled"
    assert step_of(doubtful, "write").output == {"line": "second"}


def test_an_effect_that_did_not_happen_is_proposed_anew(
    home: House, doubtful: Run, tool: BrokenLedger
) -> None:
    home.open.write_text("first\n")
    use(escalation.reconcile, doubtful, "write", happened=False, reason="I looked.")
    work(doubtful)
    assert (doubtful.state, tool.calls, lines_in(home.open)) == ("succeeded", 2, 1)
    assert sorted(Effect.objects.values_list("state", flat=True)) == ["failed", "succeeded"]


def test_a_step_in_doubt_does_nothing_else_before_it_is_settled(
    home: House, doubtful: Run
) -> None:
    refused(escalation.retry, doubtful, "effect_in_doubt", "write")
    refused(escalation.skip, doubtful, "effect_in_doubt", "write")
    refused(escalation.reroute, doubtful, "effect_in_doubt", "write", agent_id=home.scout.pk)
    refused(supplying.supply, doubtful, "effect_in_doubt", "write", output={})


def test_what_is_known_cannot_be_settled_again(home: House) -> None:
    refused(escalation.reconcile, escalated(home), "not_in_doubt", happened=True)


def test_an_effect_whose_workers_all_died_can_be_settled(home: House, tool: BrokenLedger) -> None:
    tool.dies_before = True
    make.agent(home, "clerk", proposals=[append(home.open)])
    run = started(home, step("write", "clerk"))
    with pytest.raises(WorkerDiedError):
        work(run)
    for _ in range(3):
        lose(step_of(run, "write"))
    assert Effect.objects.get().state == "in_flight"
    tool.dies_before = False
    use(escalation.reconcile, run, "write", happened=False)
    assert execution.execute(step_id=step_of(run, "write").pk, worker="later")
    work(run)
    assert (run.state, lines_in(home.open)) == ("succeeded", 1)


# Rolling back by hand ----------------------------------------------------------------------


@pytest.fixture
def halfway(home: House, tool: BrokenLedger) -> Run:
    """A run that wrote a line and then needs a person."""
    make.agent(home, "clerk", proposals=[append(home.open)])
    make.agent(home, "style")
    saved = {"rollback_on": []}
    run = work_until(started(home, step("write", "clerk"), step("look", "style"), **saved))
    for _ in range(3):
        lose(step_of(run, "look"))
    return run


def work_until(run: Run) -> Run:
    make.drive(run, "write")
    execution.execute(step_id=step_of(run, "write").pk, worker="effects:1")
    return run


def rolled_back(run: Run) -> None:
    escalation.roll_back(run_id=run.pk, person=run.initiator, reason="Start over.")
    run.refresh_from_db()


def test_a_person_can_let_everything_be_undone(home: House, halfway: Run) -> None:
    rolled_back(halfway)
    assert halfway.state == "compensating"
    work(halfway)
    assert (halfway.state, halfway.error_code) == ("failed", "rolled_back")
    assert (halfway.rollback, lines_in(home.open)) == ("complete", 0)
    assert last_event(halfway, "run.rolling_back").actor_id == str(home.ines.pk)


def test_a_run_that_did_nothing_cannot_be_rolled_back(home: House) -> None:
    run = escalated(home)
    with pytest.raises(Refusal) as caught:
        rolled_back(run)
    assert caught.value.code == "nothing_to_undo"
    assert recorded(f"run:{run.pk}")[-1] == "run.refused"


def stuck(home: House, halfway: Run, tool: BrokenLedger) -> Run:
    tool.undo_refuses = {home.open.name}
    rolled_back(halfway)
    for _ in range(3):
        work(halfway)
        Step.objects.filter(state="backoff").update(not_before=Now())
        sweep()
    halfway.refresh_from_db()
    assert (halfway.state, halfway.error_code) == ("escalated", "compensation_failed")
    tool.undo_refuses = set()
    return halfway


def test_an_undo_that_a_person_mended_is_done_after_all(
    home: House, halfway: Run, tool: BrokenLedger
) -> None:
    run = stuck(home, halfway, tool)
    use(escalation.retry, run, "undo/write")
    assert run.state == "compensating"
    work(run)
    assert (run.state, run.rollback, run.error_code) == ("failed", "complete", "rolled_back")


@pytest.mark.parametrize("verb", [escalation.skip, escalation.fail])
def test_an_undo_that_is_given_up_ends_the_run_with_something_left(
    home: House, halfway: Run, tool: BrokenLedger, verb: Any
) -> None:
    run = stuck(home, halfway, tool)
    use(verb, run, "undo/write")
    assert (run.state, run.rollback) == ("failed", "partial")
    assert lines_in(home.open) == 1


def test_from_a_failed_undo_a_run_goes_nowhere_else(
    home: House, halfway: Run, tool: BrokenLedger
) -> None:
    run = stuck(home, halfway, tool)
    refused(escalation.reroute, run, "not_for_undo", "undo/write", agent_id=home.scout.pk)
    refused(supplying.supply, run, "not_for_undo", "undo/write", output={})
    with pytest.raises(Refusal, match="does not need"):
        rolled_back(run)
