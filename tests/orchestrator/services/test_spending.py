"""What turns draw and are charged, and what becomes of runs and steps that find no budget."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import override_settings

from governance.budgeting.answers import Held
from governance.models import (
    Agent,
    HoldingState,
    Reservation,
)
from orchestrator.models import Attempt, AttemptKind, Run, Step
from orchestrator.selectors import replays
from orchestrator.services import budgeting, claims, spending, turns, verbs
from orchestrator.services.sweep import sweep
from orchestrator.services.verbs import Said
from tests.factories import orchestrator as make
from tests.factories.audit import recorded
from tests.factories.budgets import budget, figures, tokens_of
from tests.factories.governance import House, house
from tests.factories.orchestrator import drive, started, states_of, step, step_of, work
from tests.orchestrator.services.spenders import (
    MODEL,
    PRICES,
    allowed,
    attempt_of,
    holding_of,
    may,
    spender,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def home(tmp_path: Path) -> House:
    return house(tmp_path)


@pytest.fixture(autouse=True)
def _prices() -> Any:
    with override_settings(MODEL_PRICES=PRICES):
        yield


def test_an_agent_that_reports_less_than_the_list_says_is_charged_by_the_list(
    home: House,
) -> None:
    spender(home, **{**MODEL, "micro_usd": 1})
    run = started(home, step("style", "style"), budget=allowed(50_000, tool_calls=5))
    assert work(run).state == "succeeded"
    assert holding_of(run).micro_usd_spent == 600 + 800


def test_a_turn_is_charged_for_what_its_model_used(home: House) -> None:
    spender(home)
    run = started(home, step("style", "style"), budget=allowed(50_000, tool_calls=5))
    assert work(run).state == "succeeded"
    held = holding_of(run)
    assert (held.tokens_spent, held.tool_calls_spent) == (1_000, 2)
    assert held.micro_usd_spent == 600 + 800
    assert held.state == "closed"
    attempt = attempt_of(run, "style")
    assert (attempt.cost_micro_usd, attempt.tokens, attempt.settlement) == (
        1_400,
        1_000,
        "settled",
    )
    assert recorded(f"run:{run.pk}") == [
        "run.started",
        "step.ready",
        "step.started",
        "step.succeeded",
        "step.charged",
        "budget.settled",
        "run.succeeded",
    ]
    assert isinstance(replays.replay(run.pk), replays.Replayed)


def test_a_turn_that_reports_nothing_costs_nothing(home: House) -> None:
    make.agent(home, "style", output={})
    run = work(started(home, step("style", "style"), budget=allowed(50_000)))
    assert run.state == "succeeded"
    assert "step.charged" not in recorded(f"run:{run.pk}")
    assert holding_of(run).micro_usd_spent == 0


def test_a_model_without_a_known_price_costs_all_that_was_held(home: House) -> None:
    spender(home, **{**MODEL, "model": "nobody-knows-it"})
    run = started(home, step("style", "style", budget={"usd": "0.07"}), budget=allowed(50_000))
    assert work(run).state == "succeeded"
    assert holding_of(run).micro_usd_spent == 70_000


def test_a_turn_of_which_nothing_is_said_costs_what_its_agent_declared(home: House) -> None:
    make.agent(home, "style", output={})
    Agent.objects.filter(slug="style").update(price_micro_usd=30_000)
    run = work(started(home, step("style", "style"), budget=allowed(50_000)))
    assert run.state == "succeeded"
    assert holding_of(run).micro_usd_spent == 30_000


@pytest.mark.parametrize("nonsense", [-5, True, "many", 1.5, None])
def test_nonsense_that_a_runner_reports_counts_for_nothing(home: House, nonsense: Any) -> None:
    spender(home, input_tokens=nonsense, output_tokens=nonsense, micro_usd=nonsense)
    run = work(started(home, step("style", "style"), budget=allowed(50_000)))
    assert run.state == "succeeded"
    assert tokens_of(run.pk) == (0, 0, 0)


def test_compute_is_counted_where_the_file_limits_it(home: House) -> None:
    make.agent(home, "style", output={})
    run = work(started(home, step("style", "style"), budget=allowed(10, compute_seconds=60)))
    assert holding_of(run).compute_seconds_spent >= 1


def test_a_claim_holds_what_the_file_gives_the_step(home: House) -> None:
    spender(home)
    run = started(home, step("style", "style", budget={"tokens": 800}), budget=allowed(5_000))
    taken = claims.claim(step_id=step_of(run, "style").pk, kind=AttemptKind.TURN, worker="w")
    assert taken is not None
    assert tokens_of(run.pk) == (800, 0, 0)
    assert attempt_of(run, "style").held["tokens"] == 800
    turns.take(taken)
    assert tokens_of(run.pk) == (0, 1_000, 0)


def test_what_a_turn_uses_beyond_the_cap_is_charged_and_recorded(home: House) -> None:
    spender(home)
    run = work(started(home, step("style", "style"), budget=allowed(700)))
    assert run.state == "succeeded"
    assert tokens_of(run.pk) == (0, 1_000, 300)


def test_an_exhausted_budget_leaves_the_next_step_to_a_person(home: House) -> None:
    spender(home)
    make.agent(home, "scan")
    run = started(
        home,
        step("style", "style"),
        step("scan", "scan", budget={"tokens": 300}),
        budget=allowed(1_200),
    )
    assert work(run).state == "escalated"
    assert run.error_code == "budget_exhausted"
    assert states_of(run) == {"style": "succeeded", "scan": "escalated"}
    assert not Attempt.objects.filter(step__run=run, step__path="scan").exists()
    assert tokens_of(run.pk) == (0, 1_000, 0)
    assert "200 tokens are left and 300 tokens are needed" in step_of(run, "scan").error_detail
    told = recorded(f"run:{run.pk}")
    assert told[-3:] == ["step.budget_awaited", "step.escalated", "run.escalated"]
    assert isinstance(replays.replay(run.pk), replays.Replayed)


def test_a_person_raises_the_budget_and_retries(home: House) -> None:
    spender(home)
    make.agent(home, "scan")
    scan = step("scan", "scan", budget={"tokens": 300})
    run = work(started(home, step("style", "style"), scan, budget=allowed(1_200)))
    may(home.ada, home.domain)
    said = Said("It is worth it", step_id=step_of(run, "scan").pk)
    verbs.use(verb="retry", run_id=run.pk, person=home.ada, said=said)
    assert work(run).state == "escalated"
    budgeting.raise_run(
        run_id=run.pk, caps={"tokens": 2_000}, person=home.ada, reason="It is worth it"
    )
    verbs.use(verb="retry", run_id=run.pk, person=home.ada, said=said)
    assert work(run).state == "succeeded"
    assert isinstance(replays.replay(run.pk), replays.Replayed)


def test_a_file_may_say_that_an_exhausted_budget_stops_the_run(home: House) -> None:
    spender(home)
    run = started(
        home,
        step("style", "style"),
        step("scan", "style", budget={"tokens": 300}),
        budget=allowed(1_200, on_exhausted="stop"),
    )
    assert work(run).state == "failed"
    assert run.error_code == "budget_exhausted"
    assert states_of(run) == {"style": "succeeded", "scan": "cancelled"}
    assert isinstance(replays.replay(run.pk), replays.Replayed)


def two_at_once(home: House, tokens: int) -> Run:
    turn = {"agent": "style", "timeouts": {"start_to_close": "30s"}, "budget": {"tokens": 900}}
    block = {
        "id": "both",
        "pattern": "concurrent",
        "branches": {"one": turn, "two": turn},
        "join": {"policy": "all"},
    }
    aliases = {"style": {"ref": "style@1"}}
    return started(home, block, agents=aliases, budget=allowed(tokens))


def test_a_branch_waits_while_its_sibling_holds_the_rest(home: House) -> None:
    spender(home, input_tokens=100)
    run = two_at_once(home, 1_500)
    first = claims.claim(
        step_id=step_of(run, "both/one").pk, kind=AttemptKind.TURN, worker="first"
    )
    assert first is not None
    assert drive(run, "both/two") == 0
    assert states_of(run)["both/two"] == "awaiting_budget"
    assert tokens_of(run.pk) == (900, 0, 0)
    turns.take(first)
    assert states_of(run)["both/two"] == "ready"
    assert work(run).state == "succeeded"
    assert tokens_of(run.pk) == (0, 200, 0)
    assert isinstance(replays.replay(run.pk), replays.Replayed)


def test_a_crash_keeps_the_hold_and_is_charged_in_full_after_a_while(home: House) -> None:
    spender(home)
    run = started(home, step("style", "style", budget={"tokens": 800}), budget=allowed(5_000))
    lost = claims.claim(step_id=step_of(run, "style").pk, kind=AttemptKind.TURN, worker="lost")
    Step.objects.update(lease_expires_at=Now() - timedelta(seconds=1))
    sweep()
    assert tokens_of(run.pk) == (800, 0, 0)
    assert work(run).state == "succeeded"
    assert tokens_of(run.pk) == (800, 1_000, 0)
    assert holding_of(run).state == HoldingState.HELD
    assert lost is not None
    Attempt.objects.filter(pk=lost.attempt_id).update(finished_at=Now() - timedelta(minutes=11))
    sweep()
    assert tokens_of(run.pk) == (0, 1_800, 0)
    assert Attempt.objects.get(pk=lost.attempt_id).settlement == "unverified"
    assert holding_of(run).state == HoldingState.CLOSED
    sweep()
    assert tokens_of(run.pk) == (0, 1_800, 0)


def test_what_a_step_held_whose_time_was_over_does_not_stay_held_for_good(home: House) -> None:
    spender(home)
    run = started(home, step("style", "style", budget={"tokens": 800}), budget=allowed(5_000))
    lost = claims.claim(step_id=step_of(run, "style").pk, kind=AttemptKind.TURN, worker="lost")
    assert lost is not None
    Step.objects.update(close_by=Now())
    sweep()
    run.refresh_from_db()
    assert (run.state, tokens_of(run.pk)) == ("failed", (800, 0, 0))
    Attempt.objects.filter(pk=lost.attempt_id).update(finished_at=Now() - timedelta(minutes=11))
    sweep()
    assert tokens_of(run.pk) == (0, 800, 0)
    assert Attempt.objects.get(pk=lost.attempt_id).settlement == "unverified"
    assert holding_of(run).state == HoldingState.CLOSED


def test_a_worker_that_comes_back_too_late_is_charged_for_what_it_used(home: House) -> None:
    spender(home)
    run = started(home, step("style", "style", budget={"tokens": 800}), budget=allowed(5_000))
    lost = claims.claim(step_id=step_of(run, "style").pk, kind=AttemptKind.TURN, worker="lost")
    assert lost is not None
    budgeting.settle_late(lost, MODEL)
    budgeting.settle_late(lost, MODEL)
    assert tokens_of(run.pk) == (0, 1_000, 0)
    assert attempt_of(run, "style").settlement == "settled"


def test_an_agent_with_a_budget_of_its_own_stops_at_it(home: House) -> None:
    own = budget(home.domain, 1_500, "style", scope="agent")
    spender(home)
    run = started(
        home,
        step("style", "style", budget={"tokens": 1_000}),
        step("again", "style", budget={"tokens": 1_000}),
        budget=allowed(9_000),
    )
    assert work(run).state == "escalated"
    assert states_of(run) == {"style": "succeeded", "again": "escalated"}
    assert figures(own) == (0, 1_000, 0)
    assert Reservation.objects.get().state == "settled"


def test_a_block_stops_at_its_budget_and_a_person_is_asked(home: House) -> None:
    spender(home)
    block = {
        "id": "talk",
        "pattern": "sequential",
        "budget": {"tokens": 1_500},
        "steps": [step(name, "style") for name in ("one", "two", "three")],
    }
    aliases = {"style": {"ref": "style@1"}}
    run = work(started(home, block, agents=aliases, budget=allowed(90_000)))
    assert run.state == "escalated"
    assert run.error_code == "limit_reached"
    assert tokens_of(run.pk) == (0, 2_000, 0)
    assert isinstance(replays.replay(run.pk), replays.Replayed)


def test_what_a_draw_takes_is_not_on_the_lease_of_its_claim(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.agent(home, "style", output={})
    run = started(home, step("style", "style"), budget=allowed(50_000))
    drawn, clock = spending.drawn, iter([0.0, 60.0, 60.0])

    def slowly(taken: Step, kind: AttemptKind) -> Held:
        Step.objects.filter(pk=taken.pk).update(lease_expires_at=Now() - timedelta(minutes=1))
        return drawn(taken, kind)

    monkeypatch.setattr(spending, "drawn", slowly)
    monkeypatch.setattr(claims, "monotonic", lambda: next(clock, 60.0))
    assert claims.claim(step_id=step_of(run, "style").pk, kind=AttemptKind.TURN, worker="w")
    assert Step.objects.filter(path="style", lease_expires_at__gt=Now()).exists()
