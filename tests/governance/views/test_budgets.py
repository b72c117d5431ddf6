"""What people see of a domain's budgets, and do about them."""

import pytest
from django.urls import reverse

from audit.services.events import recording
from governance.models import Budget, Charge
from governance.services import domains, reservations
from tests.factories import budgets as make
from tests.factories.governance import House
from tests.governance.views.conftest import signed_in

GIVEN = {
    "scope": "workflow",
    "scope_id": "review",
    "unit": "micro_usd",
    "amount": "250.50",
    "window": "month",
}


@pytest.fixture
def manager(home: House) -> House:
    with recording():
        domains.admit(domain=home.domain, person=home.ada, permissions=domains.ALL_PERMISSIONS)
    return home


def test_a_budget_is_shown_with_what_was_charged(home: House) -> None:
    made = make.budget(home.domain, 1_000)
    run_id, _answer = make.opened(home.domain, tokens=400)
    with recording():
        reservations.close(run_id=run_id, used={"tokens": 250})
    assert Charge.objects.get().budget == made
    page = signed_in(home.grace).get(reverse("budgets")).text
    assert "Domain Home" in page
    assert "250 tokens" in page
    assert "1,000 tokens" in page
    assert str(run_id) in page
    assert reverse("budget-add") not in page


def test_what_is_held_and_left_when_people_are_told_and_who_waits_is_shown(home: House) -> None:
    made = make.budget(home.domain, 1_000)
    make.opened(home.domain, tokens=700)
    waiting, _answer = make.opened(home.domain, tokens=400)
    page = signed_in(home.grace).get(reverse("budgets")).text
    assert "700 tokens held" in page
    assert "300 tokens left" in page
    assert "are told at 50&nbsp;%" in page
    assert "Runs that wait for budget" in page
    assert "asks for 1.00 USD, 400 tokens" in page
    assert str(waiting) in page
    Budget.objects.filter(pk=made.pk).update(next_alert=100)
    told = signed_in(home.grace).get(reverse("budgets")).text
    assert "were told at 80&nbsp;%; the next time is 100&nbsp;%" in told
    Budget.objects.filter(pk=made.pk).update(next_alert=None)
    assert "It is used up" in signed_in(home.grace).get(reverse("budgets")).text


def test_a_budget_that_cannot_be_is_told_beside_its_field(manager: House) -> None:
    browser = signed_in(manager.ada)
    wrong = {**GIVEN, "scope": "team", "scope_id": "nobody"}
    answer = browser.post(reverse("budget-add"), wrong)
    assert answer.status_code == 422
    assert "There is nothing of this name here." in answer.text
    assert 'id="id_scope_id_error"' in answer.text
    assert not Budget.objects.exists()


def test_who_may_sets_a_budget_and_changes_it(manager: House) -> None:
    browser = signed_in(manager.ada)
    assert browser.post(reverse("budget-add"), GIVEN).status_code == 302
    made = Budget.objects.get()
    assert (made.cap, made.scope_id, made.window) == (250_500_000, "review", "month")
    change = reverse("budget-change", args=[made.pk])
    sent = {"amount": "300", "reason": "Release <b>week</b>"}
    assert "300.00 USD" in browser.post(change, sent, follow=True).text
    assert Budget.objects.get().cap == 300_000_000


@pytest.mark.parametrize("amount", ["", "much", "-1", "1.0000001"])
def test_an_amount_that_is_none_changes_nothing(manager: House, amount: str) -> None:
    browser = signed_in(manager.ada)
    answer = browser.post(reverse("budget-add"), {**GIVEN, "amount": amount})
    assert answer.status_code == 422
    assert 'id="id_amount_error"' in answer.text
    assert not Budget.objects.exists()


def test_others_set_no_budget_and_see_none_of_another_domain(home: House) -> None:
    make.budget(home.domain, 777)
    assert signed_in(home.grace).post(reverse("budget-add"), GIVEN).status_code == 403
    assert Budget.objects.count() == 1
    assert "777" not in signed_in(home.mallory).get(reverse("budgets")).text
