"""What a run may use: admitted, drawn, settled, lent and closed."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from audit.services.events import recording
from governance.budgeting.answers import Exhausted, Held, Wait
from governance.budgeting.levels import Level
from governance.models import BudgetScope, Domain, Holding, Reservation
from governance.services import holdings
from tests.factories import budgets
from tests.factories.audit import recorded
from tests.factories.budgets import budget, draw, figures, opened, settle, tokens_of
from tests.harness.examples import tried


@pytest.fixture
def domain(db: None) -> Domain:
    return budgets.domain()


def admit(run_id: uuid.UUID) -> object:
    with recording():
        return holdings.admit(run_id=run_id)


def close(run_id: uuid.UUID) -> bool:
    with recording():
        return holdings.close(run_id=run_id)


def lend(run_id: uuid.UUID) -> None:
    with recording():
        holdings.lend(run_id=run_id)


def test_a_run_below_no_budget_is_admitted_at_once(domain: Domain) -> None:
    run_id, answer = opened(domain)
    assert answer == Held()
    assert Holding.objects.get(pk=run_id).state == "held"
    assert not Reservation.objects.exists()


def test_a_run_holds_its_caps_and_its_reserve_on_every_level(domain: Domain) -> None:
    money = budget(domain, 2_000_000, unit="micro_usd")
    tokens = budget(domain, 100, "review")
    run_id, answer = opened(domain, tokens=40, reserve=250_000)
    assert isinstance(answer, Held)
    assert figures(money) == (1_250_000, 0, 0)
    assert figures(tokens) == (40, 0, 0)
    assert recorded(f"run:{run_id}") == ["budget.reserved"]


def test_a_run_that_does_not_fit_waits_and_holds_nothing(domain: Domain) -> None:
    wide = budget(domain, 15)
    opened(domain)
    run_id, answer = opened(domain)
    assert answer == Wait("tokens", "Domain", 10, 5)
    assert figures(wide) == (10, 0, 0)
    assert Holding.objects.get(pk=run_id).state == "waiting"
    assert recorded(f"run:{run_id}") == ["budget.awaited"]
    assert admit(run_id) == answer
    assert recorded(f"run:{run_id}") == ["budget.awaited"]


def test_a_run_that_never_fits_is_told_so(domain: Domain) -> None:
    budget(domain, 9)
    _run_id, answer = opened(domain)
    assert answer == Exhausted("tokens", "Domain", 10, 9)


def test_those_who_wait_are_admitted_in_order(domain: Domain) -> None:
    budget(domain, 10)
    first, _held = opened(domain)
    late, _wait = opened(domain, priority=5)
    urgent, _wait = opened(domain, priority=9)
    assert holdings.next_waiting() == []
    close(first)
    assert holdings.next_waiting() == [urgent]
    assert isinstance(admit(late), Wait)
    assert isinstance(admit(urgent), Held)


def test_waiting_long_enough_overcomes_priority(domain: Domain) -> None:
    budget(domain, 10)
    first, _held = opened(domain)
    late, _wait = opened(domain, priority=5)
    urgent, _wait = opened(domain, priority=7)
    Holding.objects.filter(pk=late).update(waiting_since=Now() - timedelta(minutes=31))
    close(first)
    assert holdings.next_waiting() == [late]
    assert isinstance(admit(urgent), Wait)


def test_a_new_run_does_not_overtake_one_that_waits(domain: Domain) -> None:
    wide = budget(domain, 20)
    opened(domain)
    opened(domain, tokens=15)
    small, answer = opened(domain, tokens=2, priority=1)
    assert isinstance(answer, Wait)
    assert figures(wide) == (10, 0, 0)
    assert Holding.objects.get(pk=small).waiting_since is not None


def test_a_draw_is_one_statement_and_so_is_settling_it(
    domain: Domain, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    run_id, _answer = opened(domain)
    with recording():
        with django_assert_num_queries(1):
            held = holdings.draw(
                holdings.Draw(run_id, domain.pk, budgets.STEP, 1, {"tokens": 4, "micro_usd": 9})
            )
        assert isinstance(held, Held)
        with django_assert_num_queries(1):
            holdings.settle(
                run_id=run_id, step_id=budgets.STEP, epoch=1, held=held, used={"tokens": 3}
            )
    assert tokens_of(run_id) == (0, 3, 0)


def test_what_siblings_hold_makes_a_draw_wait(domain: Domain) -> None:
    run_id, _answer = opened(domain)
    held = draw(domain, run_id, 7)
    assert draw(domain, run_id, 4) == Wait("tokens", "run", 4, 3)
    assert tokens_of(run_id) == (7, 0, 0)
    settle(run_id, held, 2)
    assert draw(domain, run_id, 4) == Held({"tokens": 4})


def test_what_is_spent_exhausts_a_draw(domain: Domain) -> None:
    run_id, _answer = opened(domain)
    settle(run_id, draw(domain, run_id, 7), 7)
    assert draw(domain, run_id, 4) == Exhausted("tokens", "run", 4, 3)
    assert tokens_of(run_id) == (0, 7, 0)


def test_a_guess_takes_what_is_left(domain: Domain) -> None:
    run_id, _answer = opened(domain)
    settle(run_id, draw(domain, run_id, 7), 7)
    guessed = frozenset({"tokens"})
    assert draw(domain, run_id, 400, guessed=guessed) == Held({"tokens": 3})
    assert isinstance(draw(domain, run_id, 400, guessed=guessed), Wait)


def test_use_beyond_the_draw_is_charged_and_recorded(domain: Domain) -> None:
    run_id, _answer = opened(domain)
    settle(run_id, draw(domain, run_id, 7), 12)
    assert tokens_of(run_id) == (0, 12, 2)


def test_an_agent_with_a_budget_of_its_own_holds_the_draw_as_well(domain: Domain) -> None:
    own = budget(domain, 5, "scout", scope=BudgetScope.AGENT)
    run_id, _answer = opened(domain)
    held = draw(domain, run_id, 4, agent="scout")
    assert held == Held({"tokens": 4}, finer=True)
    assert figures(own) == (4, 0, 0)
    settle(run_id, held, 3)
    assert figures(own) == tokens_of(run_id) == (0, 3, 0)


def test_a_model_that_has_used_up_its_budget_holds_nothing_and_nor_does_the_run(
    domain: Domain,
) -> None:
    own = budget(domain, 5, "gpt", scope=BudgetScope.MODEL, spent=4)
    run_id, _answer = opened(domain)
    answer = draw(domain, run_id, 4, agent="scout", model="gpt")
    assert answer == Exhausted("tokens", "Model gpt", 4, 1)
    assert figures(own) == (0, 4, 0)
    assert tokens_of(run_id) == (0, 0, 0)


def test_a_run_lends_what_it_holds_and_keeps_its_reserve(domain: Domain) -> None:
    money = budget(domain, 1_500_000, unit="micro_usd")
    run_id, _answer = opened(domain, reserve=250_000)
    settle(run_id, draw(domain, run_id, 1), 1, used={"micro_usd": 100_000})
    lend(run_id)
    assert figures(money) == (250_000, 100_000, 0)
    assert Holding.objects.get(pk=run_id).state == "lent"
    assert isinstance(admit(run_id), Held)
    assert figures(money) == (1_150_000, 100_000, 0)


def test_a_run_that_lent_waits_when_others_took_it(domain: Domain) -> None:
    wide = budget(domain, 10)
    run_id, _answer = opened(domain)
    lend(run_id)
    other, answer = opened(domain)
    assert isinstance(answer, Held)
    assert isinstance(admit(run_id), Wait)
    close(other)
    assert holdings.next_waiting() == [run_id]
    assert isinstance(admit(run_id), Held)
    assert figures(wide) == (10, 0, 0)


def test_a_run_below_no_budget_lends_nothing(domain: Domain) -> None:
    run_id, _answer = opened(domain)
    lend(run_id)
    assert Holding.objects.get(pk=run_id).state == "held"


def test_closing_charges_what_was_used_and_lets_the_rest_go(domain: Domain) -> None:
    wide = budget(domain, 10)
    run_id, _answer = opened(domain)
    settle(run_id, draw(domain, run_id, 7), 6)
    assert close(run_id)
    assert figures(wide) == (0, 6, 0)
    assert not close(run_id)
    assert figures(wide) == (0, 6, 0)
    assert recorded(f"run:{run_id}") == ["budget.reserved", "budget.settled"]


def test_a_run_is_not_closed_while_an_attempt_holds_something(domain: Domain) -> None:
    wide = budget(domain, 10)
    run_id, _answer = opened(domain)
    draw(domain, run_id, 7)
    assert not close(run_id)
    assert figures(wide) == (10, 0, 0)


def test_the_database_refuses_a_holding_beyond_its_cap(domain: Domain) -> None:
    run_id, _answer = opened(domain)
    with pytest.raises(IntegrityError), transaction.atomic():
        Holding.objects.filter(pk=run_id).update(tokens_held=11)


def test_draws_at_once_never_exceed_the_cap(race: Callable[..., list[object]]) -> None:
    domain = budgets.domain()
    own = budget(domain, 13, "scout", scope=BudgetScope.AGENT)
    run_id, _answer = opened(domain, tokens=25)

    def contender(number: int) -> Callable[[], object]:
        step_id, agent = uuid.UUID(int=number + 1), "scout" if number % 2 else "other"
        return lambda: draw(domain, run_id, 6, step_id=step_id, agent=agent)

    answers = race(*map(contender, range(8)))
    assert all(isinstance(answer, Held | Wait) for answer in answers)
    assert sum(isinstance(answer, Held) for answer in answers) == 4
    assert tokens_of(run_id) == (24, 0, 0)
    assert figures(own)[0] <= 13


def test_runs_started_at_once_never_hold_more_than_the_cap(
    race: Callable[..., list[object]],
) -> None:
    domain = budgets.domain()
    wide = budget(domain, 35)
    answers = race(*[lambda: opened(domain)[1]] * 6)
    assert sum(isinstance(answer, Held) for answer in answers) <= 3
    assert figures(wide)[0] == 10 * sum(isinstance(answer, Held) for answer in answers)
    assert not [answer for answer in answers if not isinstance(answer, Held | Wait)]


@settings(tried(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(0, 40),
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 20), st.integers(0, 30)), max_size=12),
)
def test_the_database_does_what_the_arithmetic_says(
    domain: Domain, cap: int, steps: list[tuple[int, int, int]]
) -> None:
    run_id, _answer = opened(domain, tokens=cap)
    level, drawn = Level(cap), dict[int, Held]()
    for who, need, used in steps:
        if who in drawn:
            held = drawn.pop(who)
            level = level.settle(held.amounts["tokens"], used)
            settle(run_id, held, used)
        else:
            answer = draw(domain, run_id, need)
            expected = {"held": Held, "wait": Wait, "exhausted": Exhausted}[level.answer(need)]
            assert isinstance(answer, expected)
            if isinstance(answer, Held):
                level, drawn[who] = level.hold(need), answer
        assert tokens_of(run_id) == (level.held, level.spent, level.overrun)
