"""A step runs in another domain under a contract, or nothing happens there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from audit.canonical import canonical_bytes
from audit.models import Payload
from governance.models import Gate, Receipt
from governance.services import agents as agent_service
from orchestrator.federation.transport import Answer, Message
from orchestrator.models import Attempt, Errand, Run
from orchestrator.services import (
    cancellation,
    context,
    crossing,
    errands,
    escalation,
    handing_over,
    turns,
)
from orchestrator.services.definitions import definition_of
from orchestrator.services.sweep import sweep
from tests.factories import federation as make_ally
from tests.factories import governance
from tests.factories import orchestrator as make
from tests.factories.audit import recorded
from tests.factories.federation import Alliance
from tests.factories.governance import lines_in
from tests.factories.orchestrator import WORKER, states_of, step, step_of, tries_of
from tests.orchestrator.federating import (
    agents,
    bob_of,
    child_of,
    nothing_happened_elsewhere,
    replays,
    started,
    worked_off,
)
from tests.orchestrator.services.proposing import append


@pytest.fixture
def ally(db: None, tmp_path: Path) -> Alliance:
    return make_ally.allied(governance.house(tmp_path))


def test_a_step_is_done_in_the_other_domain_and_its_output_taken_over(ally: Alliance) -> None:
    agents(ally, output={"by": "bob"})
    run = worked_off(started(ally))
    assert (run.state, run.error_detail) == ("succeeded", "")
    assert step_of(run, "second").output == {"n": 1, "by": "bob"}
    child = child_of(run)
    assert (child.domain, child.state, child.initiator) == (
        ally.callee,
        "succeeded",
        ally.home.ines,
    )
    assert tries_of(run, "second") == ["handed_over", "succeeded"]
    holders = {receipt.holder for receipt in Receipt.objects.all()}
    assert holders == {ally.home.domain, ally.callee}
    assert replays(run)
    assert replays(child)


def test_what_comes_from_the_other_domain_is_said_to_come_from_outside(ally: Alliance) -> None:
    agents(ally, output={"by": "bob"})
    run = started(ally, step("second", "bob"), step("last", "ann", context=["second"]))
    worked_off(run)
    last = step_of(run, "last")
    definition = definition_of(run.workflow_id)
    _given, shown = context.inputs_and_context(last, definition, definition.step("last"))
    assert shown["steps"]["second"] == {
        "outputs": {"n": 1, "by": "bob"},
        "author": "bob@1",
        "trust": "external",
    }


def test_names_of_people_do_not_cross_and_everything_arrives_as_from_outside() -> None:
    entry = {"key": "a", "author": "Grace", "trust": "human"}
    seen = {
        "inputs": {"n": 1},
        "steps": {"one": {"outputs": {}, "author": "ann@1", "trust": "agent"}},
        "state": {"a": {"value": 1, "entries": [entry]}},
    }
    out = crossing.going_out(seen)
    assert "Grace" not in str(out)
    assert out["steps"] == seen["steps"]
    arrived = crossing.coming_in(out)
    assert arrived["steps"]["one"]["trust"] == "external"
    assert arrived["state"]["a"]["entries"] == [
        {**entry, "author": "a person", "trust": "external"}
    ]


def test_the_step_waits_without_a_worker_until_the_other_domain_answers(ally: Alliance) -> None:
    agents(ally)
    run = started(ally)
    make.drive(run, "first")
    assert step_of(run, "second").state == "awaiting_input"
    run.refresh_from_db()
    assert run.state == "waiting"
    assert (step_of(run, "second").lease_owner, sweep().answered) == ("", 0)
    make.work(child_of(run))
    assert sweep().answered == 1
    assert sweep().answered == 0
    assert step_of(run, "second").state == "ready"
    assert worked_off(run).state == "succeeded"


def test_the_agent_elsewhere_is_given_what_the_step_is_given_and_nothing_more(
    ally: Alliance,
) -> None:
    agents(ally)
    make.agent(ally.home, "cid", output={"secret": "of this domain"})
    make.agent(ally.home, "dan", output={"word": "hello"})
    steps = [
        step("hidden", "cid"),
        step("said", "dan"),
        step("second", "bob", context=["said"], **{"with": {"of": "{{ inputs.n }}"}}),
    ]
    refs = {slug: {"ref": f"{slug}@1"} for slug in ("cid", "dan")}
    abroad = {"ref": "bob@1", "domain": "elsewhere", "contract": make_ally.NAME}
    run = started(ally, *steps, agents={**refs, "bob": abroad})
    make.drive(run, "hidden")
    child = child_of(run)
    request = Errand.objects.get(run=child).request
    assert child.inputs == {"of": 1}
    assert request["context"]["steps"]["said"]["outputs"]["word"] == "hello"
    told = canonical_bytes([request, child.inputs, child.workflow.source]).decode()
    assert "of this domain" not in told


def test_gates_open_where_the_resource_is_and_the_caller_never_learns_who_decided(
    ally: Alliance,
) -> None:
    agents(ally, proposals=[append(ally.home.guarded)])
    run = worked_off(started(ally))
    assert run.state == "waiting"
    gate = Gate.objects.select_related("action").get()
    child = child_of(run)
    assert (gate.domain, gate.action.run_id) == (ally.callee, child.pk)
    with pytest.raises(Exception, match="no such gate"):
        governance.review(gate, ally.home.grace)
    governance.review(gate, ally.olga, comment="Olga agrees.")
    worked_off(run)
    assert (run.state, lines_in(ally.home.guarded)) == ("succeeded", 1)
    receipt = Receipt.objects.get(holder=ally.home.domain)
    assert receipt.body["decisions"][0]["roles"] == ["maintainers"]
    seen = [run.error_detail, receipt.body, step_of(run, "second").output]
    payloads = Payload.objects.filter(event__stream__object_id=str(run.pk))
    told = canonical_bytes([*seen, *payloads.values_list("fields", flat=True)]).decode()
    for telling in ("Olga", str(ally.olga.pk), "agrees"):
        assert telling not in told
    assert replays(run)
    assert replays(child)


def test_a_rejection_elsewhere_rejects_the_step_and_says_nothing_of_the_reviewer(
    ally: Alliance,
) -> None:
    agents(ally, proposals=[append(ally.home.guarded)])
    run = worked_off(started(ally))
    governance.review(Gate.objects.get(), ally.olga, "reject", comment="Olga says no.")
    worked_off(run)
    second = step_of(run, "second")
    assert (run.state, second.state) == ("rejected", "rejected")
    assert second.error_detail == "Elsewhere rejected it."
    assert lines_in(ally.home.guarded) == 0
    payloads = Payload.objects.filter(event__stream__object_id=str(run.pk))
    assert "Olga" not in str(list(payloads.values_list("fields", flat=True)))
    assert replays(run)


def test_a_failure_elsewhere_uses_the_attempts_of_the_step_up(ally: Alliance) -> None:
    agents(ally, proposals=[{"tool": "no.such.tool", "arguments": {}}])
    run = worked_off(started(ally, step("first", "ann"), step("second", "bob", on_failure="stop")))
    assert step_of(run, "second").state == "failed"
    assert run.state == "failed"
    assert Receipt.objects.get(holder=ally.home.domain).body["outcome"] == "failed"
    assert replays(run)


def test_a_person_who_lets_the_step_begin_again_makes_it_another_errand(ally: Alliance) -> None:
    agents(ally, proposals=[{"tool": "no.such.tool", "arguments": {}}])
    run = worked_off(started(ally))
    assert run.state == "escalated"
    bob_of(ally).update(runner_config={"output": {"by": "bob"}})
    una = run.domain.contracts_out.get().drafted_by
    escalation.retry(
        run_id=run.pk, step_id=step_of(run, "second").pk, person=una, reason="Bob is well."
    )
    assert worked_off(run).state == "succeeded"
    assert Errand.objects.filter(step__run=run).count() == 2
    assert replays(run)


def test_an_answer_that_does_not_pass_a_checkpoint_is_asked_for_anew(ally: Alliance) -> None:
    agents(ally, output={"good": False})
    rule = {"require": "outputs.good", "message": "Not good.", "route": "retry"}
    run = started(ally, step("first", "ann"), step("second", "bob", checkpoint=[rule]))
    worked_off(run)
    assert step_of(run, "second").state == "backoff"
    bob_of(ally).update(runner_config={"output": {"good": True}})
    run.steps.filter(path="second").update(not_before=Now())
    assert sweep().woken == 1
    assert worked_off(run).state == "succeeded"
    assert Errand.objects.filter(step__run=run).count() == 2
    assert Receipt.objects.filter(holder=ally.home.domain).count() == 2
    assert replays(run)


def test_what_never_passes_a_checkpoint_is_asked_for_three_times(ally: Alliance) -> None:
    agents(ally, output={"good": False})
    rule = {"require": "outputs.good", "message": "Not good.", "route": "retry"}
    run = started(ally, step("first", "ann"), step("second", "bob", checkpoint=[rule]))
    for _ in range(5):
        worked_off(run)
        run.steps.filter(path="second", state="backoff").update(not_before=Now())
        sweep()
    assert (run.state, step_of(run, "second").state) == ("escalated", "escalated")
    assert Errand.objects.filter(step__run=run).count() == 3


def test_a_changed_answer_is_not_believed(ally: Alliance, monkeypatch: pytest.MonkeyPatch) -> None:
    agents(ally, output={"by": "bob"})
    run = started(ally)
    make.drive(run, "first")
    make.work(child_of(run))
    sweep()
    true = errands.answer_of

    def lied(errand: Errand) -> Answer | None:
        answer = true(errand)
        assert answer is not None
        return Answer({"by": "eve"}, answer.body, answer.signature)

    monkeypatch.setattr(errands, "answer_of", lied)
    make.drive(run, "second")
    second = step_of(run, "second")
    assert (second.state, second.error_code, second.output) == ("failed", "receipt", {})


def test_a_worker_killed_between_asking_and_waiting_asks_again_and_finds_the_same_run(
    ally: Alliance, monkeypatch: pytest.MonkeyPatch
) -> None:
    agents(ally)
    run = started(ally)

    def killed(*_: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(handing_over, "settle", killed)
        with pytest.raises(SystemExit):
            make.drive(run, "first")
    child = child_of(run)
    assert step_of(run, "second").state == "running"
    make.work(child)
    run.steps.filter(path="second").update(lease_expires_at=Now())
    assert sweep().reclaimed == 1
    worked_off(run)
    assert run.state == "succeeded"
    assert Run.objects.filter(domain=ally.callee).get() == child
    assert tries_of(child, "turn") == ["succeeded"]
    assert replays(run)


@pytest.mark.usefixtures("committed_db")
def test_an_answer_that_comes_before_the_step_waits_wakes_it_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ally = make_ally.allied(governance.house(tmp_path))
    agents(ally)
    run = started(ally)
    true = errands.answer_of

    def not_yet(errand: Errand) -> Answer | None:
        answer = true(errand)
        make.work(child_of(run))
        return answer

    monkeypatch.setattr(errands, "answer_of", not_yet)
    make.drive(run, "first")
    assert step_of(run, "second").state == "ready"


def test_a_cancelled_run_stops_what_it_asked_for_elsewhere(ally: Alliance) -> None:
    agents(ally, proposals=[append(ally.home.guarded)])
    run = worked_off(started(ally))
    una = run.domain.contracts_out.get().drafted_by
    cancellation.cancel(run_id=run.pk, person=una, reason="Not today.")
    assert sweep().recalled == 1
    assert sweep().recalled == 0
    child = child_of(run)
    assert (child.state, Gate.objects.get().state) == ("cancelled", "cancelled")
    assert "step.recalled" in recorded(f"run:{run.pk}")
    assert recorded(f"run:{child.pk}").count("run.cancel_requested") == 1
    assert Receipt.objects.get(holder=ally.callee).body["outcome"] == "cancelled"
    assert replays(run)


def test_an_agent_elsewhere_that_is_out_of_service_does_nothing(ally: Alliance) -> None:
    agents(ally)
    run = started(ally)
    bob = ally.callee.agents.get(slug="bob")
    agent_service.suspend(agent=bob, person=ally.olga, reason="Away.")
    make.work(run)
    assert step_of(run, "second").error_code == "agent_not_active"
    assert nothing_happened_elsewhere(ally)


def test_the_same_message_sent_twice_at_once_starts_one_run(
    race: Callable[..., list[object]], tmp_path: Path
) -> None:
    ally = make_ally.allied(governance.house(tmp_path), budget_cap_micro_usd=200_000_000)
    agents(ally)
    run = started(ally)
    make.drive(run, "first")
    errand = Errand.objects.get()
    child, run_id = child_of(run), errand.run_id
    assert run_id == child.pk
    message = Message(
        id="b" * 64,
        contract=ally.contract.digest,
        run=str(run.pk),
        step="second",
        agent="bob@1",
        on_behalf_of=str(ally.home.ines.pk),
        inputs={"n": 1},
        context={},
        task={},
        is_judged=False,
        data_classes=["internal"],
        budget={"micro_usd": 500_000, "tokens": 1000},
        deadline="1h",
        start_to_close="30s",
        max_attempts=3,
    )
    outcomes = race(*[lambda: errands.receive(message=message) for _ in range(3)])
    assert {getattr(outcome, "run_id", outcome) for outcome in outcomes} == {
        Errand.objects.get(pk="b" * 64).run_id
    }
    assert Run.objects.filter(domain=ally.callee).count() == 2


def test_two_workers_never_hold_the_step_and_an_old_one_asks_for_nothing(ally: Alliance) -> None:
    agents(ally)
    run = started(ally)
    make.drive(run, "first")
    assert states_of(run)["second"] == "awaiting_input"
    assert turns.drive(step_id=step_of(run, "second").pk, worker=WORKER) == 0
    assert Run.objects.filter(domain=ally.callee).count() == 1
    assert Attempt.objects.filter(step__run=run, step__path="second").count() == 1
