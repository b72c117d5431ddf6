"""All levels or none, and what was used is always charged."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now

from audit.services.events import recording
from governance.budgeting.answers import Exhausted, Held, Wait
from governance.models import Budget, Charge, Domain, Reservation, Window
from governance.services import reservations
from tests.factories import budgets
from tests.factories.budgets import budget, figures


def reserve(domain: Domain, need: int, run_id: uuid.UUID | None = None) -> object:
    with recording():
        found = reservations.budgets_at(
            domain_id=domain.pk, levels=["domain:", "workflow:review"], units=["tokens"]
        )
        return reservations.reserve(
            budgets=found, needs={"tokens": need}, run_id=run_id or uuid.uuid4()
        )


@pytest.fixture
def domain(db: None) -> Domain:
    return budgets.domain()


def test_every_level_holds_it(domain: Domain) -> None:
    wide, narrow = budget(domain, 100), budget(domain, 10, "review")
    assert reserve(domain, 7) == Held({"tokens": 7})
    assert figures(wide) == figures(narrow) == (7, 0, 0)
    assert Reservation.objects.count() == 2


def test_no_level_holds_it_when_one_has_no_room(domain: Domain) -> None:
    wide, narrow = budget(domain, 100), budget(domain, 10, "review")
    reserve(domain, 7)
    assert reserve(domain, 4) == Wait("tokens", "Workflow review", 4, 3)
    assert figures(wide) == figures(narrow) == (7, 0, 0)
    assert Reservation.objects.count() == 2


def test_spent_budgets_are_exhausted_and_nothing_is_held(domain: Domain) -> None:
    wide = budget(domain, 10, spent=8)
    assert reserve(domain, 3) == Exhausted("tokens", "Domain", 3, 2)
    assert figures(wide) == (0, 8, 0)
    assert not Reservation.objects.exists()


def test_another_domain_and_another_workflow_hold_nothing(domain: Domain) -> None:
    other = budget(Domain.objects.create(slug="other", name="Other"), 1)
    elsewhere = budget(domain, 1, "release")
    assert reserve(domain, 7) == Held({})
    assert figures(other) == figures(elsewhere) == (0, 0, 0)


def test_settling_charges_use_and_lets_the_rest_go(domain: Domain) -> None:
    wide, run = budget(domain, 10), uuid.uuid4()
    reserve(domain, 7, run)
    with recording():
        reservations.close(run_id=run, used={"tokens": 5})
    assert figures(wide) == (0, 5, 0)
    assert Reservation.objects.get().state == "settled"
    assert Charge.objects.get().amount == 5


def test_use_beyond_the_hold_is_charged_and_recorded_as_overrun(domain: Domain) -> None:
    wide, run = budget(domain, 10), uuid.uuid4()
    reserve(domain, 7, run)
    with recording():
        reservations.close(run_id=run, used={"tokens": 12})
    assert figures(wide) == (0, 12, 2)
    assert Reservation.objects.get().state == "overrun"


def test_closing_twice_charges_once(domain: Domain) -> None:
    wide, run = budget(domain, 10), uuid.uuid4()
    reserve(domain, 7, run)
    for _time in range(2):
        with recording():
            reservations.close(run_id=run, used={"tokens": 5})
    assert figures(wide) == (0, 5, 0)
    assert Charge.objects.count() == 1


def test_a_run_may_give_back_a_part_and_take_it_again(domain: Domain) -> None:
    wide, run = budget(domain, 10), uuid.uuid4()
    reserve(domain, 8, run)
    with recording():
        reservations.retarget(run_id=run, to={"tokens": 1}, used={"tokens": 3})
    assert figures(wide) == (1, 3, 0)
    with recording():
        again = reservations.retarget(run_id=run, to={"tokens": 5}, used={"tokens": 3})
    assert isinstance(again, Held)
    assert figures(wide) == (5, 3, 0)


def test_taking_it_again_must_fit(domain: Domain) -> None:
    wide, run = budget(domain, 10), uuid.uuid4()
    reserve(domain, 2, run)
    reserve(domain, 6)
    with recording():
        answer = reservations.retarget(run_id=run, to={"tokens": 5}, used={})
    assert answer == Wait("tokens", "Domain", 3, 2)
    assert figures(wide) == (8, 0, 0)


@pytest.mark.parametrize("window", [Window.DAY, Window.MONTH])
def test_a_window_that_is_over_begins_anew_and_keeps_what_is_held(
    domain: Domain, window: Window
) -> None:
    wide = budget(domain, 10, window=window, spent=9, held=1, overrun=0)
    assert isinstance(reserve(domain, 3), Wait)
    Budget.objects.update(window_began=Now() - timedelta(days=32))
    assert isinstance(reserve(domain, 3), Held)
    assert figures(wide) == (4, 0, 0)
    wide.refresh_from_db()
    began = wide.window_began
    assert (began.hour, began.minute) == (0, 0)
    assert isinstance(reserve(domain, 7), Wait)


def test_the_database_refuses_more_than_the_cap(domain: Domain) -> None:
    wide = budget(domain, 10)
    with pytest.raises(IntegrityError), transaction.atomic():
        Budget.objects.filter(pk=wide.pk).update(held=11)
    with pytest.raises(IntegrityError), transaction.atomic():
        Budget.objects.filter(pk=wide.pk).update(spent=F("cap") + 1)
    assert figures(wide) == (0, 0, 0)


def test_of_many_at_once_no_more_are_served_than_fit(race: Callable[..., list[object]]) -> None:
    domain = budgets.domain()
    wide, narrow = budget(domain, 25), budget(domain, 1000, "review")
    answers = race(*[lambda: reserve(domain, 10)] * 6)
    assert sum(isinstance(answer, Held) for answer in answers) == 2
    assert figures(wide) == figures(narrow) == (20, 0, 0)
