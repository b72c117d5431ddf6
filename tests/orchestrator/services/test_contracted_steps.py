"""Without a contract that binds at every moment of a step, nothing happens in the other domain."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from django.db.models.functions import Now

from audit.models import Event
from governance.models import Contract, Effect, Gate, Holding, Receipt
from governance.refusals import Invalid, Refusal
from governance.services import contracts
from orchestrator.federation.local import LocalTransport
from orchestrator.models import Run, Step
from orchestrator.services import (
    budgeting,
    execution,
    handing_over,
    resumption,
)
from orchestrator.services.sweep import sweep
from tests.factories import federation as make_ally
from tests.factories import governance
from tests.factories import orchestrator as make
from tests.factories.federation import Alliance
from tests.factories.governance import lines_in
from tests.factories.orchestrator import step, step_of
from tests.orchestrator.federating import (
    agents,
    bob_of,
    child_of,
    nothing_happened_elsewhere,
    replays,
    started,
    worked_off,
)
from tests.orchestrator.services.executing import (
    Tool,
    WorkerDiedError,
    lose_worker,
    put_in_place,
)
from tests.orchestrator.services.proposing import append
from tests.orchestrator.services.spenders import may


@pytest.fixture
def ally(db: None, tmp_path: Path) -> Alliance:
    return make_ally.allied(governance.house(tmp_path))


def test_data_that_the_contract_does_not_cover_is_not_handed_over(ally: Alliance) -> None:
    agents(ally)
    state = {"n": {"type": {}, "reducer": "replace", "classification": "restricted"}}
    asked = step("second", "bob", context=["state.n"])
    run = started(ally, step("first", "ann", writes=["n"]), asked, state=state)
    make.work(run)
    second = step_of(run, "second")
    assert (second.error_code, "restricted" in second.error_detail) == ("contract", True)
    assert nothing_happened_elsewhere(ally)


@pytest.mark.parametrize("when", ["draft", "revoked", "expired", "missing", "other_agent"])
def test_without_a_contract_that_binds_a_run_does_not_start(ally: Alliance, when: str) -> None:
    agents(ally)
    fields: dict[str, Any] = {}
    if when == "revoked":
        contracts.revoke(contract=ally.contract, person=ally.olga, reason="We part.")
    elif when == "expired":
        Contract.objects.filter(pk=ally.contract.pk).update(expires_at=Now())
    elif when == "draft":
        Contract.objects.filter(pk=ally.contract.pk).update(state="draft")
    else:
        ref = "eve@1" if when == "other_agent" else "bob@1"
        name = "nothing" if when == "missing" else make_ally.NAME
        abroad = {"ref": ref, "domain": "elsewhere", "contract": name}
        fields["agents"] = {"ann": {"ref": "ann@1"}, "bob": abroad}
    with pytest.raises(Invalid) as no:
        started(ally, **fields)
    assert no.value.code == "contract"
    assert no.value.extra["errors"][0]["pointer"] == "/agents/bob/contract"
    assert not Run.objects.exists()


def revoked(ally: Alliance) -> None:
    contracts.revoke(contract=ally.contract, person=ally.olga, reason="We part.")


def suspended(ally: Alliance) -> None:
    contracts.suspend(contract=ally.contract, person=ally.olga, reason="Odd bills.")


def expired(ally: Alliance) -> None:
    Contract.objects.filter(pk=ally.contract.pk).update(expires_at=Now())


def forged(ally: Alliance) -> None:
    body = {**ally.contract.body, "budget_cap_micro_usd": 10**12}
    Contract.objects.filter(pk=ally.contract.pk).update(body=body)


def exceeded(ally: Alliance) -> None:
    for holder in (ally.home.domain, ally.callee):
        make_ally.spent(ally, holder, 1_000_000)


def widened(ally: Alliance) -> None:
    bob = ally.callee.agents.get(slug="bob")
    bob.grants.create(scope="merge:repo/*", granted_by=ally.olga)


ENDS = [revoked, suspended, expired, forged, exceeded, widened]


@pytest.mark.parametrize("end", ENDS)
def test_a_contract_that_binds_no_more_fails_the_step_before_anything_happens_elsewhere(
    ally: Alliance, end: Callable[[Alliance], None]
) -> None:
    agents(ally)
    run = started(ally)
    end(ally)
    before = Event.objects.filter(domain_id=str(ally.callee.pk)).count()
    make.work(run)
    second = step_of(run, "second")
    assert (second.state, second.error_code) == ("failed", "contract")
    assert run.state == "failed"
    assert not Run.objects.filter(domain=ally.callee).exists()
    assert Event.objects.filter(domain_id=str(ally.callee.pk)).count() == before
    assert replays(run)


@pytest.mark.parametrize("end", [revoked, suspended, expired, forged])
def test_an_answer_is_not_taken_over_once_the_contract_binds_no_more(
    ally: Alliance, end: Callable[[Alliance], None]
) -> None:
    agents(ally, output={"by": "bob"})
    run = started(ally)
    make.drive(run, "first")
    make.work(child_of(run))
    end(ally)
    worked_off(run)
    second = step_of(run, "second")
    assert (second.state, second.error_code, second.output) == ("failed", "contract", {})
    assert not Receipt.objects.filter(holder=ally.home.domain).exists()
    assert replays(run)


def test_a_contract_revoked_between_answer_and_commit_is_found_at_commit(
    ally: Alliance, monkeypatch: pytest.MonkeyPatch
) -> None:
    agents(ally)
    run = started(ally)
    make.drive(run, "first")
    make.work(child_of(run))
    sweep()
    plain = handing_over.ask

    def slowly(*args: Any) -> Any:
        answered = plain(*args)
        revoked(ally)
        return answered

    monkeypatch.setattr(handing_over, "ask", slowly)
    make.drive(run, "second")
    second = step_of(run, "second")
    assert (second.state, second.error_code) == ("failed", "contract")
    assert not Receipt.objects.filter(holder=ally.home.domain).exists()


def test_an_action_that_the_contract_does_not_name_is_not_proposed(
    db: None, tmp_path: Path
) -> None:
    ally = make_ally.allied(governance.house(tmp_path), actions=[])
    agents(ally, proposals=[append(ally.home.open)])
    run = worked_off(started(ally))
    assert step_of(child_of(run), "turn").error_code == "contract"
    assert (step_of(run, "second").state, run.state) == ("escalated", "escalated")
    assert lines_in(ally.home.open) == 0
    assert not Effect.objects.exists()


def test_data_that_the_contract_does_not_name_is_not_even_sent(
    db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ally = make_ally.allied(governance.house(tmp_path), data_classes=["public"])
    agents(ally)
    sent: list[Any] = []
    monkeypatch.setattr(LocalTransport, "submit", lambda _self, message: sent.append(message))
    run = make.work(started(ally))
    assert (run.state, step_of(run, "second").error_code) == ("failed", "contract")
    assert not sent


def test_a_contract_revoked_while_people_decide_stops_the_effect(ally: Alliance) -> None:
    agents(ally, proposals=[append(ally.home.guarded)])
    run = worked_off(started(ally))
    governance.review(Gate.objects.get(), ally.olga)
    child = child_of(run)
    resumption.resume(gate_id=Gate.objects.get().pk)
    revoked(ally)
    make.work(child)
    assert (child.state, child.error_code) == ("failed", "contract")
    assert lines_in(ally.home.guarded) == 0
    assert not Effect.objects.exists()
    worked_off(run)
    assert (run.state, step_of(run, "second").error_code) == ("failed", "contract")


@pytest.mark.parametrize("effect_class", ["probe", "natural"])
def test_what_a_lost_worker_had_not_begun_is_not_begun_under_a_suspended_contract(
    ally: Alliance, monkeypatch: pytest.MonkeyPatch, effect_class: str
) -> None:
    tool = put_in_place(Tool(effect_class=effect_class), monkeypatch)
    agents(ally, proposals=[append(ally.home.open)])
    run = started(ally)
    make.drive(run, "first")
    child = child_of(run)
    make.drive(child, "turn")
    with monkeypatch.context() as patch:
        patch.setattr(Tool, "perform", Mock(side_effect=WorkerDiedError))
        with pytest.raises(WorkerDiedError):
            execution.execute(step_id=step_of(child, "turn").pk, worker="effects:1")
    suspended(ally)
    lose_worker()
    make.work(child)
    turn = step_of(child, "turn")
    assert (tool.calls, lines_in(ally.home.open)) == (0, 0)
    if effect_class == "probe":
        assert (turn.state, turn.error_code) == ("failed", "contract")
    else:
        assert (turn.state, turn.error_code) == ("escalated", "ambiguous_effect")
    assert Effect.objects.get().state == ("failed" if effect_class == "probe" else "unknown")


def test_what_an_errand_costs_counts_against_the_contract_until_it_is_used_up(
    ally: Alliance,
) -> None:
    agents(ally)
    bob_of(ally).update(price_micro_usd=600_000)
    first = worked_off(started(ally))
    assert (first.state, Receipt.objects.filter(spent_micro_usd=600_000).count()) == (
        "succeeded",
        2,
    )
    assert worked_off(started(ally)).state == "succeeded"
    third = worked_off(started(ally))
    assert (third.state, third.error_code) == ("failed", "contract")
    assert Run.objects.filter(domain=ally.callee).count() == 2


def test_an_errand_may_use_no_more_than_the_contract_and_the_step_allow(
    db: None, tmp_path: Path
) -> None:
    ally = make_ally.allied(governance.house(tmp_path), budget_cap_micro_usd=1_500_000)
    agents(ally)
    run = started(ally, step("second", "bob", budget={"usd": "0.25", "tokens": 7}))
    make.work(run)
    plain = child_of(run).workflow.definition["budget"]
    assert (plain["usd"], plain["tokens"], plain["on_exhausted"]) == ("0.250000", 7, "stop")


def test_errands_under_way_together_are_promised_no_more_than_the_contract_s_cap(
    db: None, tmp_path: Path
) -> None:
    ally = make_ally.allied(governance.house(tmp_path), budget_cap_micro_usd=1_500_000)
    agents(ally)
    runs = [started(ally, step("second", "bob", budget={"usd": "1"})) for _ in range(3)]
    for run in runs:
        make.work(run)
    promised = Holding.objects.filter(domain_id=ally.callee.pk).order_by("micro_usd_cap")
    assert list(promised.values_list("micro_usd_cap", flat=True)) == [500_000, 1_000_000]
    late = step_of(runs[2], "second")
    assert (late.state, late.error_code) == ("backoff", "contract_awaited")
    assert worked_off(runs[0]).state == worked_off(runs[1]).state == "succeeded"
    Step.objects.filter(pk=late.pk).update(not_before=Now())
    assert worked_off(runs[2]).state == "succeeded"


def test_nobody_lets_an_errand_use_more_than_the_contract_s_cap(db: None, tmp_path: Path) -> None:
    ally = make_ally.allied(governance.house(tmp_path), budget_cap_micro_usd=1_500_000)
    may(ally.olga, ally.callee)
    agents(ally)
    run = started(ally, step("second", "bob", budget={"usd": "1"}))
    make.work(run)
    raised: dict[str, Any] = {
        "run_id": child_of(run).pk,
        "person": ally.olga,
        "reason": "It needs more.",
    }
    with pytest.raises(Refusal) as no:
        budgeting.raise_run(caps={"micro_usd": 1_500_001}, **raised)
    assert no.value.code == "contract"
    assert Holding.objects.get(pk=child_of(run).pk).micro_usd_cap == 1_000_000
    budgeting.raise_run(caps={"micro_usd": 1_500_000}, **raised)
    assert Holding.objects.get(pk=child_of(run).pk).micro_usd_cap == 1_500_000


def test_work_under_way_is_ended_when_its_contract_is(ally: Alliance) -> None:
    agents(ally, proposals=[append(ally.home.guarded)])
    run = worked_off(started(ally))
    revoked(ally)
    assert sweep().unbound == 1
    child = child_of(run)
    assert (child.state, child.error_code) == ("failed", "contract")
    assert Gate.objects.get().state == "cancelled"
    worked_off(run)
    assert run.state == "failed"
    assert replays(run)
