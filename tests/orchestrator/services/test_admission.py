"""Runs that ask for a part of the budgets above them, wait for it, and give it back."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import override_settings

from governance.models import (
    Budget,
    Gate,
    Holding,
)
from governance.refusals import Refusal
from orchestrator.models import PauseMode, Run
from orchestrator.selectors import replays
from orchestrator.services import pausing, resumption, turns
from orchestrator.services.sweep import sweep
from tests.factories import governance
from tests.factories import orchestrator as make
from tests.factories.audit import recorded, size_of_the_log
from tests.factories.budgets import budget, figures
from tests.factories.governance import House, house
from tests.factories.orchestrator import drive, started, states_of, step, work
from tests.orchestrator.services.proposing import append
from tests.orchestrator.services.spenders import (
    PRICES,
    allowed,
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


def pending(home: House) -> tuple[Run, Run, Budget]:
    """Return a run that holds a domain's whole budget, and one that waits for it."""
    wide = budget(home.domain, 1_000)
    spender(home)
    first = started(home, step("style", "style"), budget=allowed(1_000))
    second = started(home, step("style", "style"), budget=allowed(1_000))
    return first, second, wide


def test_a_run_that_has_to_wait_is_pending_and_does_nothing(home: House) -> None:
    _first, second, wide = pending(home)
    assert second.state == "pending"
    assert states_of(second) == {"style": "blocked"}
    assert drive(second, "style") == 0
    assert figures(wide) == (1_000, 0, 0)
    assert recorded(f"run:{second.pk}") == ["budget.awaited", "run.waiting"]


def test_a_run_that_waited_is_admitted_once_another_has_settled(home: House) -> None:
    first, second, wide = pending(home)
    Budget.objects.update(cap=2_000)
    sweep()
    second.refresh_from_db()
    assert second.state == "running"
    assert work(first).state == work(second).state == "succeeded"
    assert figures(wide) == (0, 2_000, 0)
    assert isinstance(replays.replay(second.pk), replays.Replayed)


def test_a_run_that_waits_for_budget_can_be_ended_by_its_deadline(home: House) -> None:
    _first, second, wide = pending(home)
    Run.objects.filter(pk=second.pk).update(deadline_at=Now() - timedelta(seconds=1))
    sweep()
    second.refresh_from_db()
    assert second.state == "timed_out"
    assert holding_of(second).waiting_since is None
    assert figures(wide) == (1_000, 0, 0)


def test_a_run_that_never_fits_is_refused_and_leaves_nothing(home: House) -> None:
    wide = budget(home.domain, 999)
    spender(home)
    saved = make.workflow(home, step("style", "style"), budget=allowed(1_000))
    before = size_of_the_log()
    with pytest.raises(Refusal) as no:
        make.start(saved, home.ines)
    assert no.value.code == "budget_exhausted"
    assert not Run.objects.exists()
    assert not Holding.objects.exists()
    assert figures(wide) == (0, 0, 0)
    assert size_of_the_log() == before


def test_a_file_that_says_nothing_of_a_limited_unit_is_refused(home: House) -> None:
    budget(home.domain, 10, unit="tool_calls")
    spender(home)
    saved = make.workflow(home, step("style", "style"), budget=allowed(1_000))
    with pytest.raises(Refusal, match="the workflow file has to say"):
        make.start(saved, home.ines)
    assert not Run.objects.exists()


def test_the_reserve_is_held_and_never_drawn(home: House) -> None:
    money = budget(home.domain, 5_000_000, unit="micro_usd")
    spender(home)
    given = allowed(5_000, compensation_reserve_usd="2.50")
    run = started(home, step("style", "style", budget={"usd": "1.00"}), budget=given)
    assert figures(money) == (3_500_000, 0, 0)
    assert work(run).state == "succeeded"
    assert figures(money) == (0, 1_400, 0)


@pytest.mark.parametrize("mode", PauseMode)
def test_a_paused_run_gives_back_what_it_has_not_drawn_and_waits_for_it_when_resumed(
    home: House, mode: PauseMode
) -> None:
    money = budget(home.domain, 2_000_000, unit="micro_usd")
    may(home.ines, home.domain)
    for slug in ("first", "other"):
        make.agent(home, slug)
    given = allowed(5_000, compensation_reserve_usd="0.25")
    run = started(home, step("a", "first"), step("b", "first"), budget=given)
    pausing.pause(run_id=run.pk, person=home.ines, reason="Wait.", mode=mode)
    assert figures(money) == (250_000, 0, 0)
    other = started(home, step("other", "other"), budget={"usd": "1.75", "tokens": 10})
    assert other.state == "running"
    pausing.resume(run_id=run.pk, person=home.ines, reason="Go on.")
    run.refresh_from_db()
    assert (run.state, make.drive(run, "a"), figures(money)) == ("waiting", 0, (2_000_000, 0, 0))
    assert work(other).state == "succeeded"
    sweep()
    run.refresh_from_db()
    assert (run.state, figures(money)) == ("running", (1_250_000, 0, 0))
    assert work(run).state == "succeeded"
    assert figures(money) == (0, 0, 0)
    assert isinstance(replays.replay(run.pk), replays.Replayed)


def test_a_paused_run_keeps_what_a_turn_under_way_holds(home: House) -> None:
    tokens = budget(home.domain, 5_000)
    may(home.ines, home.domain)
    make.agent(home, "first")
    drawn = step("a", "first", budget={"tokens": 700})
    run = started(home, drawn, budget=allowed(5_000))
    claim = turns.claimed(step_id=make.step_of(run, "a").pk, worker="first")
    assert claim is not None
    pausing.pause(run_id=run.pk, person=home.ines, reason="Wait.")
    assert figures(tokens) == (700, 0, 0)
    assert turns.take(claim) is None
    pausing.resume(run_id=run.pk, person=home.ines, reason="Go on.")
    run.refresh_from_db()
    assert (run.state, figures(tokens)) == ("succeeded", (0, 0, 0))


def test_a_run_that_waits_for_people_holds_nothing_but_its_reserve(home: House) -> None:
    money = budget(home.domain, 5_000_000, unit="micro_usd")
    make.agent(home, "writer", proposals=[append(home.guarded)])
    given = allowed(5_000, compensation_reserve_usd="0.25")
    run = work(started(home, step("write", "writer"), budget=given))
    assert run.state == "waiting"
    assert figures(money) == (250_000, 0, 0)
    assert run.is_budget_lent
    make.agent(home, "other")
    greedy = {"usd": "4.70", "tokens": 10}
    other = started(home, step("other", "other"), budget=greedy)
    assert other.state == "running"
    gate = Gate.objects.get()
    governance.review(gate, home.grace)
    resumption.resume(gate_id=gate.pk)
    run.refresh_from_db()
    assert run.state == "waiting"
    assert states_of(run) == {"write": "ready"}
    assert work(other).state == "succeeded"
    sweep()
    run.refresh_from_db()
    assert run.state == "running"
    assert work(run).state == "succeeded"
    assert figures(money) == (0, 0, 0)
    assert isinstance(replays.replay(run.pk), replays.Replayed)
