"""The budget of a run on its page and over the API."""

from pathlib import Path

import pytest
from django.test import Client

from governance.models import Holding
from orchestrator.models import Run
from tests.factories import orchestrator as make
from tests.factories.governance import House, house
from tests.factories.orchestrator import started, step, work
from tests.orchestrator.services.spenders import may

pytestmark = pytest.mark.django_db


@pytest.fixture
def home(tmp_path: Path) -> House:
    return house(tmp_path)


@pytest.fixture
def run(home: House) -> Run:
    make.agent(home, "style", usage={"micro_usd": 250_000, "input_tokens": 10})
    steps = step("a", "style"), step("b", "style", budget={"usd": "0.80"})
    return work(started(home, *steps, budget={"usd": "1.00", "tokens": 50_000}))


def test_the_page_shows_what_was_used_and_why_it_stopped(
    client: Client, home: House, run: Run
) -> None:
    client.force_login(home.grace)
    page = client.get(f"/runs/{run.pk}/").content.decode()
    assert "0.25 of 1.00 USD" in page
    assert "0.75 USD are left and 0.80 USD are needed" in page
    assert 'name="amount"' not in page


def test_who_may_raises_it_from_the_page(client: Client, home: House, run: Run) -> None:
    may(home.ada, home.domain)
    client.force_login(home.ada)
    sent = {"unit": "micro_usd", "amount": "2.50", "reason": "Nearly there"}
    assert client.post(f"/runs/{run.pk}/budget/", sent).status_code == 302
    assert Holding.objects.get().micro_usd_cap == 2_500_000


@pytest.mark.parametrize(
    "sent", [{"amount": "0.50"}, {"amount": "x"}, {"unit": "bananas"}, {"reason": " "}]
)
def test_what_means_nothing_raises_nothing(
    client: Client, home: House, run: Run, sent: dict[str, str]
) -> None:
    may(home.ada, home.domain)
    client.force_login(home.ada)
    given = {"unit": "micro_usd", "amount": "2.50", "reason": "Nearly there", **sent}
    assert client.post(f"/runs/{run.pk}/budget/", given).status_code == 422
    assert Holding.objects.get().micro_usd_cap == 1_000_000


def test_others_raise_nothing(client: Client, home: House, run: Run) -> None:
    client.force_login(home.grace)
    sent = {"unit": "micro_usd", "amount": "2.50", "reason": "Nearly there"}
    assert client.post(f"/runs/{run.pk}/budget/", sent).status_code == 403
    assert Holding.objects.get().micro_usd_cap == 1_000_000


def test_the_api_raises_it_too(client: Client, home: House, run: Run) -> None:
    may(home.ada, home.domain)
    client.force_login(home.ada)
    body = {"tokens": 90_000, "reason": "Nearly there"}
    answer = client.post(f"/api/v1/runs/{run.pk}/budget/", body, "application/json")
    assert answer.status_code == 200
    assert Holding.objects.get().tokens_cap == 90_000
