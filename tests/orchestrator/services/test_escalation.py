from pathlib import Path

import pytest

from governance.models import Agent
from governance.refusals import Refusal
from orchestrator.services import escalation, supplying
from tests.factories import orchestrator as make
from tests.factories.audit import size_of_the_log
from tests.factories.governance import House
from tests.factories.orchestrator import started, states_of, step, step_of, work
from tests.orchestrator.services.escalating import (
    escalated,
    last_event,
    lose,
    operated,
    refused,
    use,
)


@pytest.fixture
def home(db: None, tmp_path: Path) -> House:
    return operated(tmp_path)


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
