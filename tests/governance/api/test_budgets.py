"""Budgets over the API: people read and set them, agents never."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from audit.services.events import recording
from governance.models import Agent, Budget, Person
from governance.services import domains, tokens
from tests.factories import governance as make
from tests.factories.governance import TESTER, House

BODY = {"scope": "domain", "unit": "tokens", "window": "day", "cap": 1000}
ADDRESS = "/api/v1/budgets/"


@pytest.fixture
def home(db: None, tmp_path: Path) -> House:
    home = make.house(tmp_path)
    with recording():
        domains.admit(domain=home.domain, person=home.ada, permissions=domains.ALL_PERMISSIONS)
    return home


def client(**holder: Person | Agent) -> APIClient:
    given: Any = holder
    _token, secret = tokens.issue(name="t", ttl=timedelta(hours=1), actor=TESTER, **given)
    made = APIClient()
    made.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return made


def test_a_person_sets_reads_and_changes_a_budget(home: House) -> None:
    caller = client(person=home.ada)
    made = caller.post(ADDRESS, BODY)
    assert made.status_code == 201
    assert (made.json()["cap"], made.json()["spent"]) == (1000, 0)
    [row] = caller.get(ADDRESS).json()
    assert row == made.json()
    changed = caller.patch(f"{ADDRESS}{row['id']}/", {"cap": 2000, "reason": "More"})
    assert changed.json()["cap"] == 2000


def test_an_agent_neither_reads_nor_sets_a_budget(home: House) -> None:
    Budget.objects.create(domain=home.domain, scope="domain", unit="tokens", cap=5)
    caller = client(agent=home.scout)
    made = Budget.objects.get()
    answers = [
        caller.get(ADDRESS),
        caller.post(ADDRESS, BODY),
        caller.patch(f"{ADDRESS}{made.pk}/", {"cap": 2000, "reason": "Mine"}),
    ]
    assert {(a.status_code, a.json()["code"]) for a in answers} == {(403, "agent_principal")}
    assert list(Budget.objects.values_list("cap", flat=True)) == [5]


def test_who_lacks_the_permission_changes_nothing(home: House) -> None:
    assert client(person=home.grace).post(ADDRESS, BODY).status_code == 403
    assert not Budget.objects.exists()
