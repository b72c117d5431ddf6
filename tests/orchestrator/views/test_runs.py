from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries

from orchestrator.models import Run
from tests.orchestrator.views import scenes, stage
from tests.orchestrator.views.stage import Studio

pytestmark = pytest.mark.django_db

BUDGET = 11


@pytest.fixture
def place() -> Studio:
    return stage.studio()


@pytest.fixture
def grace(client: Client, place: Studio) -> Client:
    client.force_login(place.grace)
    return client


def text(client: Client, address: str, **query: Any) -> str:
    answer = client.get(address, query)
    assert answer.status_code == 200, address
    return answer.content.decode()


def test_each_run_says_what_it_is_about_who_is_at_work_and_what_it_waits_for(
    grace: Client, place: Studio
) -> None:
    scenes.waiting(place)
    scenes.running(place)
    scenes.failed(place)

    page = text(grace, "/runs/")

    assert stage.SENTENCE in page
    assert "Security scanner" in page
    assert "The style check found a critical problem." in page
    assert page.count("feature/limits") >= 3


def test_the_state_in_the_address_filters(grace: Client, place: Studio) -> None:
    waits, failed = scenes.waiting(place), scenes.failed(place)

    page = text(grace, "/runs/", state="failed")

    assert str(failed.pk) in page
    assert str(waits.pk) not in page
    assert str(waits.pk) in text(grace, "/runs/", state="nonsense")


def test_a_filter_that_finds_nothing_leads_back_to_all(grace: Client, place: Studio) -> None:
    scenes.failed(place)

    assert 'href="/runs/"' in text(grace, "/runs/", state="rejected").split("<table")[0]
    assert "No run is like this" in text(grace, "/runs/", state="rejected")


def test_an_empty_list_teaches_one_command(grace: Client) -> None:
    assert "python3 manage.py demo" in text(grace, "/runs/")


def test_runs_of_another_domain_are_not_listed(grace: Client, place: Studio) -> None:
    foreign = scenes.failed(stage.studio("elsewhere"))

    assert str(foreign.pk) not in text(grace, "/runs/")


def test_who_is_not_signed_in_is_asked_to(client: Client) -> None:
    assert client.get("/runs/").status_code == 302
    assert client.get("/runs/rows/").status_code == 302


def test_new_runs_are_counted_and_held_back_until_asked_for(grace: Client, place: Studio) -> None:
    top = scenes.waiting(place, ago=600)
    page = text(grace, "/runs/")
    assert f"top={top.pk}" in page

    fresh = scenes.running(place, ago=5)
    rows = text(grace, "/runs/rows/", top=top.pk)

    assert "Show 1 new" in rows
    assert str(fresh.pk) not in rows
    assert str(top.pk) in rows
    assert str(fresh.pk) in text(grace, "/runs/")


def test_the_first_run_of_an_empty_list_is_shown_at_once(grace: Client, place: Studio) -> None:
    run = scenes.running(place)

    assert str(run.pk) in text(grace, "/runs/rows/")


def test_rows_are_a_fragment_and_not_a_page(grace: Client, place: Studio) -> None:
    scenes.running(place)

    assert "<html" not in text(grace, "/runs/rows/")


def test_a_thousand_runs_take_no_more_queries_than_one(
    grace: Client, place: Studio, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    now = timezone.now()
    Run.objects.bulk_create(
        Run(
            domain=place.domain,
            workflow=place.workflow,
            initiator=place.ines,
            state="succeeded",
            inputs={"branch": f"feature/{number}"},
            input_digest=stage.DIGEST,
            deadline_at=now + timedelta(hours=1),
            dedupe_key=uuid4().hex,
        )
        for number in range(1000)
    )
    scenes.waiting(place)

    with django_assert_max_num_queries(BUDGET):
        page = text(grace, "/runs/")

    assert page.count("data-row") == 50
    assert 'rel="next"' in page


def test_pages_follow_each_other_without_gap(grace: Client, place: Studio) -> None:
    made = {str(stage.run(place, "succeeded", ago, 1.0).pk) for ago in range(60, 0, -1)}
    first = text(grace, "/runs/")
    onward = first.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0]
    second = text(grace, onward.replace("&amp;", "&"))

    assert {pk for pk in made if pk in first} | {pk for pk in made if pk in second} == made


def test_a_cursor_nobody_gave_out_is_refused_in_words(grace: Client) -> None:
    answer = grace.get("/runs/", {"before": "' or 1=1"})

    assert answer.status_code == 422
    assert "not a cursor" in answer.content.decode()


def test_names_from_outside_are_escaped(grace: Client, place: Studio) -> None:
    run = scenes.failed(place)
    Run.objects.filter(pk=run.pk).update(inputs={"branch": "<b>bold\u202e</b>"})

    page = text(grace, "/runs/")

    assert "<b>bold" not in page
    assert "U+202E" in page
