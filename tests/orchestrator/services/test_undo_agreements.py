from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from governance import adapters
from governance.models import Agent, Effect, Gate, Warrant
from governance.refusals import Invalid
from governance.services import gates
from orchestrator.models import Run, Step
from orchestrator.selectors import escalations, runs
from orchestrator.selectors.replays import Replayed, replay
from orchestrator.selectors.rollback import statement_of
from orchestrator.services import escalation, undoing
from orchestrator.services.definitions import definition_of
from orchestrator.services.product_tools import register_tools
from orchestrator.services.sweep import sweep
from orchestrator.services.undo_agreements import MOST_QUESTIONS
from tests.factories import governance
from tests.factories import orchestrator as make
from tests.factories.governance import House, lines_in
from tests.factories.orchestrator import started, states_of, step, step_of, tries_of, work
from tests.orchestrator.services.broken_ledger import BrokenLedger, WorkerDiedError
from tests.orchestrator.services.escalating import operated, use
from tests.orchestrator.services.proposing import append

PERMIT = """
@id("permit.undo") @tier("permit")
permit (principal, action == Countersign::Action::"effect.undo", resource);
"""
ASKS = """
@id("gate.undo") @tier("gate") @reason("undo_of_high_risk")
@quorum("1") @group("maintainers") @distinct_from("initiator")
@decide_within("PT1H") @valid_for("PT10M")
forbid (principal, action == Countersign::Action::"effect.undo", resource)
when { context.facts.risk == "high" && context.args.step == "b" };
"""
ACTS = {"action": "ledger.append", "effect": {"class": "probe"}}
GATE = {"approvers": {"groups": ["maintainers"]}, "expires": "10m"}


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> BrokenLedger:
    tool = BrokenLedger()
    monkeypatch.setitem(adapters._adapters, tool.slug, tool)
    return tool


@pytest.fixture
def home(db: None, tmp_path: Path, tool: BrokenLedger) -> House:
    home = operated(tmp_path)
    register_tools(home.domain, make.TESTER)
    for name in "abc":
        book = tmp_path / f"{name}.txt"
        book.write_text("first\n")
        make.agent(home, f"clerk{name}", proposals=[append(book)])
    make.broken_agent(home, "broken")
    return home


def failed(home: House, policies: str = "", **of_b: Any) -> Run:
    """Let a run write three lines and fail, so that it takes them back."""
    governance.bundle(home.domain, governance.POLICIES + policies)
    own = {"b": of_b}
    writes = [step(name, f"clerk{name}", **own.get(name, {})) for name in "abc"]
    fields = {"gates": {"back": GATE}} if of_b else {}
    return work(started(home, *writes, step("last", "broken", on_failure="stop"), **fields))


def decided(home: House, run: Run, verb: str) -> Run:
    governance.review(asked(), home.grace, verb)
    assert sweep().resumed == 1
    return work(run)


def asked() -> Gate:
    return Gate.objects.get(action__tool="effect.undo", state="pending")


def book(home: House, name: str) -> int:
    return lines_in(home.open.parent / f"{name}.txt")


def fates(run: Run) -> list[tuple[str, str]]:
    return [(fate.step_path, fate.word) for fate in statement_of(run.pk)]


def test_whoever_approved_an_effect_approved_its_undo_where_no_policy_names_undoing(
    home: House,
) -> None:
    run = failed(home)
    assert (run.state, run.rollback) == ("failed", "complete")
    assert not Effect.objects.filter(action__tool="effect.undo").exists()


def test_an_undo_that_policy_asks_people_about_waits_and_so_do_the_earlier_ones(
    home: House, tool: BrokenLedger
) -> None:
    run = failed(home, PERMIT + ASKS)
    assert run.state == "compensating"
    assert tool.undone == ["c.txt"]
    states = states_of(run)
    assert (states["undo/b"], states["undo/a"]) == ("awaiting_approval", "blocked")
    gate = asked()
    assert gate.action.envelope["arguments"]["step"] == "b"
    assert gate.action.on_behalf_of == home.ines
    shown = gate.exhibits.get().content
    assert shown["undo"]["sentence"] == "Take out the line “second”"
    page = runs.run_for(home.ines, run.pk)
    assert [effect.step_path for effect in page.effects] == ["a", "b", "c"]
    assert not escalations.packets_of(page, home.ines, home.domain, definition_of(run.workflow_id))
    sweep()
    assert not undoing.undo(step_id=step_of(run, "undo/b").pk, worker="early")
    assert (tool.undone, book(home, "b")) == (["c.txt"], 1)


def test_an_approved_undo_is_done_under_its_warrant_and_in_its_place(
    home: House, tool: BrokenLedger
) -> None:
    run = decided(home, failed(home, PERMIT + ASKS), "approve")
    assert (run.state, run.rollback) == ("failed", "complete")
    assert tool.undone == ["c.txt", "b.txt", "a.txt"]
    assert fates(run) == [("c", "undone"), ("b", "undone"), ("a", "undone")]
    assert tries_of(run, "undo/b") == ["proposed", "succeeded"]
    warrant = Warrant.objects.get(gate__action__tool="effect.undo")
    assert (warrant.state, warrant.effect.state) == ("claimed", "succeeded")
    assert isinstance(replay(run.pk), Replayed)


def test_an_undo_that_policy_allows_has_a_warrant_too(home: House) -> None:
    run = failed(home, PERMIT)
    assert (run.state, run.rollback) == ("failed", "complete")
    warrants = Warrant.objects.filter(action__tool="effect.undo", gate=None, state="claimed")
    assert warrants.count() == 3


def test_a_permit_of_every_action_has_undos_judged_as_one_that_names_them(home: House) -> None:
    every = PERMIT.replace('action == Countersign::Action::"effect.undo"', "action")
    run = failed(home, every, compensate={"gate": "back"}, **ACTS)
    assert run.state == "compensating"
    assert asked().action.envelope["arguments"]["step"] == "b"
    run = decided(home, run, "approve")
    assert (run.state, run.rollback) == ("failed", "complete")
    warrants = Warrant.objects.filter(action__tool="effect.undo", state="claimed")
    assert warrants.count() == 3


def test_a_rejected_undo_stays_the_others_are_done_and_a_person_decides(
    home: House, tool: BrokenLedger
) -> None:
    run = decided(home, failed(home, PERMIT + ASKS), "reject")
    page = runs.run_for(home.ines, run.pk)
    definition = definition_of(run.workflow_id)
    [packet] = escalations.packets_of(page, home.ines, home.domain, definition)
    assert packet.verbs == ("retry", "skip", "fail")
    assert not escalations.controls_of(page, home.ines, home.domain, definition).close
    assert (run.state, run.error_code) == ("escalated", "compensation_failed")
    assert step_of(run, "undo/b").error_code == "gate_rejected"
    assert tool.undone == ["c.txt", "a.txt"]
    assert fates(run) == [("c", "undone"), ("b", "not_undone"), ("a", "undone")]
    use(escalation.retry, run, "undo/b")
    work(run)
    assert (run.state, book(home, "b")) == ("compensating", 1)
    run = decided(home, run, "approve")
    assert (run.state, run.rollback, book(home, "b")) == ("failed", "complete", 0)


def test_an_undo_that_policy_denies_is_left_to_a_person(home: House, tool: BrokenLedger) -> None:
    denies = ASKS.replace("gate", "boundary").replace("\n@quorum", "\n//")
    denies = denies.replace("@decide_within", "//")
    run = failed(home, PERMIT + denies)
    assert (run.state, step_of(run, "undo/b").error_code) == ("escalated", "policy_denied")
    assert tool.undone == ["c.txt", "a.txt"]
    use(escalation.skip, run, "undo/b")
    assert (run.state, run.rollback, book(home, "b")) == ("failed", "partial", 1)


def test_the_file_may_name_a_gate_for_an_undo_that_policy_allows(
    home: House, tool: BrokenLedger
) -> None:
    run = failed(home, PERMIT, compensate={"gate": "back"}, **ACTS)
    assert (run.state, tool.undone) == ("compensating", ["c.txt"])
    assert asked().verdict.reasons == ["workflow_gate"]
    run = decided(home, run, "approve")
    assert (run.rollback, tool.undone) == ("complete", ["c.txt", "b.txt", "a.txt"])


def test_a_gate_for_an_undo_that_no_policy_permits_keeps_the_run_from_starting(
    home: House,
) -> None:
    with pytest.raises(Invalid, match="nothing could be undone"):
        failed(home, "", compensate={"gate": "back"}, **ACTS)
    assert not Run.objects.exists()


def test_a_gate_that_nobody_decides_leaves_the_undo_to_a_person(home: House) -> None:
    run = failed(home, PERMIT + ASKS)
    Gate.objects.filter(pk=asked().pk).update(expires_at=Now())
    gates.expire_due()
    sweep()
    assert work(run).state == "escalated"
    assert (step_of(run, "undo/b").error_code, book(home, "b")) == ("gate_expired", 1)


def test_an_agent_out_of_service_asks_nothing_so_a_person_decides(home: House) -> None:
    run = failed(home, PERMIT + ASKS)
    agent = step_of(run, "undo/b").agent
    assert agent is not None
    type(agent).objects.filter(pk=agent.pk).update(lifecycle="suspended")
    run = decided(home, run, "approve")
    assert (run.state, step_of(run, "undo/b").error_code) == ("escalated", "agent_not_active")
    assert book(home, "b") == 1


def test_a_worker_lost_in_an_agreed_undo_leaves_its_warrant_to_the_next(
    home: House, tool: BrokenLedger
) -> None:
    tool.undo_dies = "b.txt"
    run = failed(home, PERMIT + ASKS)
    with pytest.raises(WorkerDiedError):
        decided(home, run, "approve")
    tool.undo_dies = ""
    Step.objects.filter(state="running").update(lease_expires_at=Now())
    assert sweep().reclaimed == 1
    work(run)
    assert (run.state, run.rollback) == ("failed", "complete")
    assert tool.undone == ["c.txt", "b.txt", "b.txt", "a.txt"]
    assert Warrant.objects.filter(gate__action__tool="effect.undo").count() == 1


@pytest.mark.parametrize("ends", ["its time is over", "its agent is out of service"])
def test_a_worker_lost_in_an_undo_whose_agreement_ends_undoes_nothing_more(
    home: House, tool: BrokenLedger, ends: str
) -> None:
    tool.undo_dies = "b.txt"
    run = failed(home, PERMIT + ASKS)
    with pytest.raises(WorkerDiedError):
        decided(home, run, "approve")
    tool.undo_dies = ""
    if ends == "its time is over":
        Warrant.objects.filter(gate__action__tool="effect.undo").update(expires_at=Now())
    else:
        Agent.objects.filter(slug="clerkb").update(lifecycle="suspended")
    Step.objects.filter(state="running").update(lease_expires_at=Now())
    assert sweep().reclaimed == 1
    work(run)
    assert tool.undone.count("b.txt") == 1
    if ends == "its time is over":
        assert decided(home, run, "approve").state == "failed"
        assert tool.undone == ["c.txt", "b.txt", "b.txt", "a.txt"]
    else:
        assert step_of(run, "undo/b").error_code == "agent_not_active"


def test_an_agreed_undo_that_fails_and_is_given_up_ends_its_agreement(
    home: House, tool: BrokenLedger
) -> None:
    tool.undo_refuses = {"b.txt"}
    run = decided(home, failed(home, PERMIT + ASKS), "approve")
    for _ in range(2):
        Step.objects.filter(state="backoff").update(not_before=Now())
        sweep()
        work(run)
    assert run.state == "escalated"
    use(escalation.skip, run, "undo/b")
    assert (run.state, run.rollback) == ("failed", "partial")
    assert not Effect.objects.filter(state="in_flight").exists()


def lapse(home: House, run: Run) -> None:
    """Approve the undo, and let nobody do it before the approval ends."""
    governance.review(asked(), home.grace)
    sweep()
    Warrant.objects.filter(action__tool="effect.undo").update(expires_at=Now())
    work(run)


def test_an_agreement_that_ends_unused_is_asked_for_a_few_times_and_then_a_person_decides(
    home: House, tool: BrokenLedger
) -> None:
    run = failed(home, PERMIT + ASKS)
    for _ in range(MOST_QUESTIONS):
        assert run.state == "compensating"
        lapse(home, run)
    assert (run.state, step_of(run, "undo/b").error_code) == ("escalated", "agreement_lapsed")
    assert not Gate.objects.filter(action__tool="effect.undo", state="pending").exists()
    assert tool.undone == ["c.txt", "a.txt"]
    use(escalation.retry, run, "undo/b")
    work(run)
    lapse(home, run)
    run = decided(home, run, "approve")
    assert (run.state, run.rollback, book(home, "b")) == ("failed", "complete", 0)
    assert isinstance(replay(run.pk), Replayed)


def in_doubt(home: House, tool: BrokenLedger) -> Run:
    """Let nobody know whether the last line was written, and its undo be asked for."""
    tool.safe_if_absent = True
    run = failed(home, PERMIT + ASKS)
    Effect.objects.filter(action__step_path="b").update(state="unknown")
    return run


def test_a_refused_undo_of_what_did_happen_after_all_is_asked_for_again(
    home: House, tool: BrokenLedger
) -> None:
    run = decided(home, in_doubt(home, tool), "reject")
    assert run.state == "escalated"
    use(escalation.reconcile, run, "undo/b", happened=True, response={"lines": 1})
    work(run)
    assert (run.state, book(home, "b")) == ("compensating", 1)
    effect = Effect.objects.get(action__step_path="b")
    assert effect.response_digest in asked().action.envelope["arguments"]["undo"]


def test_an_agreed_undo_of_what_never_happened_ends_its_agreement(
    home: House, tool: BrokenLedger
) -> None:
    tool.undo_refuses = {"b.txt"}
    run = decided(home, in_doubt(home, tool), "approve")
    for _ in range(2):
        Step.objects.filter(state="backoff").update(not_before=Now())
        sweep()
        work(run)
    assert run.state == "escalated"
    use(escalation.reconcile, run, "undo/b", happened=False)
    assert run.state == "failed"
    assert not Effect.objects.filter(state="in_flight").exists()
