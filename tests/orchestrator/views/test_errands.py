"""What the pages of two runs tell of work that one domain has done by another."""

from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from governance.models import Person, Receipt
from orchestrator.models import Run
from tests.factories import federation
from tests.factories.federation import Alliance
from tests.factories.governance import house
from tests.orchestrator.federating import agents, child_of, started, worked_off


@pytest.fixture
def ally(db: None, tmp_path: Path) -> Alliance:
    ally = federation.allied(house(tmp_path))
    agents(ally)
    return ally


def page(client: Client, person: Person, run: Run) -> str:
    client.force_login(person)
    return client.get(reverse("run", args=[run.pk])).content.decode()


def test_the_callee_s_page_says_for_whom_and_under_what_and_links_no_run_that_is_not_seen(
    ally: Alliance, client: Client
) -> None:
    run = worked_off(started(ally))
    child = child_of(run)
    text = page(client, ally.olga, child)
    assert "Done for another domain" in text
    assert ally.home.domain.name in text
    assert reverse("contract", args=[ally.contract.pk]) in text
    assert reverse("run", args=[run.pk]) not in text


def test_the_callee_is_offered_no_fork_which_would_always_be_refused(
    ally: Alliance, client: Client
) -> None:
    run = worked_off(started(ally))
    assert 'id="do-fork"' not in page(client, ally.olga, child_of(run))
    signatory = federation.signatory("ute", ally.home.domain)
    assert 'id="do-fork"' in page(client, signatory, run)


def test_the_caller_s_page_says_what_came_of_it_and_by_which_receipt(
    ally: Alliance, client: Client
) -> None:
    run = started(ally)
    assert "Done for another domain" not in page(client, ally.home.grace, run)
    run = worked_off(run)
    text = page(client, ally.home.grace, run)
    receipt = Receipt.objects.get(holder=ally.home.domain)
    assert receipt.digest in text
    assert ally.callee.name in text
    assert reverse("run", args=[child_of(run).pk]) not in text
