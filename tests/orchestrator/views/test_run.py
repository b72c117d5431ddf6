from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from pytest_django.fixtures import DjangoAssertNumQueries

from audit.models import Stream
from governance.models import Gate
from orchestrator.models import Run
from tests.orchestrator.views import scenes, stage
from tests.orchestrator.views.stage import Studio

pytestmark = pytest.mark.django_db

BUDGET = 25
FRAGMENT_BUDGET = 21


@pytest.fixture
def place() -> Studio:
    return stage.studio()


@pytest.fixture
def grace(client: Client, place: Studio) -> Client:
    client.force_login(place.grace)
    return client


def text(client: Client, run: Run, part: str = "") -> str:
    answer = client.get(f"/runs/{run.pk}/{part}")
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_waiting_run_shows_its_lanes_and_leads_to_the_gate(grace: Client, place: Studio) -> None:
    run = scenes.waiting(place)
    page = text(grace, run)

    assert all(name in page for name in stage.NAMES.values())
    assert "Waits for people" in page
    gate = Gate.objects.get(action__run_id=run.pk)
    assert page.count(f'href="/gates/{gate.pk}/"') >= 3
    assert "gantt__bar--wait" in page


def test_the_page_says_which_stream_to_follow_and_from_where(grace: Client, place: Studio) -> None:
    run = scenes.waiting(place)
    head = Stream.objects.get(kind="run", object_id=str(run.pk)).last_seq

    assert (
        f'data-live="run:{run.pk}" data-seq="{head}" data-live-src="/runs/{run.pk}/fragment/"'
        in text(grace, run)
    )


def test_the_fragment_is_the_live_part_alone(grace: Client, place: Studio) -> None:
    run = scenes.running(place)
    fragment = text(grace, run, "fragment/")

    assert "<html" not in fragment
    assert "Security scanner works on “security”." in fragment
    assert "data-grows" in fragment


def test_a_receipt_names_commit_people_warrant_and_undo(grace: Client, place: Studio) -> None:
    page = text(grace, scenes.succeeded(place))

    assert "9c1de0a4" * 5 in page
    assert "Read all of it; the new limits are right." in page
    assert "Registered before it was done" in page
    assert "Used" in page


def test_only_a_run_that_succeeded_has_a_receipt(grace: Client, place: Studio) -> None:
    for run in (scenes.waiting(place), scenes.failed(place), scenes.escalated(place)):
        assert "Receipt" not in text(grace, run)


def test_a_failed_step_stands_open_with_its_cause_tries_and_findings(
    grace: Client, place: Studio
) -> None:
    page = text(grace, scenes.failed(place))

    assert 'id="step-style-fold" open' in page
    assert "The style check found a critical problem." in page
    assert "Worker lost" in page
    assert "SQL is put together from strings" in page
    assert 'id="step-security-fold" open' not in page


def test_each_state_tells_what_was_not_done(grace: Client, place: Studio) -> None:
    assert "Grace rejected it" in text(grace, scenes.rejected(place))
    assert "It is not known whether" in text(grace, scenes.escalated(place))
    assert "Nothing outside was changed." in text(grace, scenes.failed(place))


def test_every_bar_stands_in_the_table_too(grace: Client, place: Studio) -> None:
    page = text(grace, scenes.succeeded(place))
    table = page.split('id="lanes-table"')[1].split("</details>")[0]

    assert table.count("<tr>") == 1 + page.count("gantt__body")


def test_no_page_carries_inline_style_or_script(grace: Client, place: Studio) -> None:
    for run in scenes.everything(place):
        page = text(grace, run)
        assert " style=" not in page
        assert "<script>" not in page
        assert " onclick=" not in page


def test_a_run_of_another_domain_looks_like_none(grace: Client) -> None:
    foreign = scenes.succeeded(stage.studio("elsewhere"))

    for address in (f"/runs/{foreign.pk}/", f"/runs/{uuid4()}/"):
        for part in ("", "fragment/"):
            answer = grace.get(address + part)
            assert answer.status_code == 404
            assert "There is no such run" in answer.content.decode()


def test_who_may_not_read_the_log_is_not_sent_there(client: Client, place: Studio) -> None:
    run = scenes.waiting(place)
    client.force_login(stage.member(place.domain, "olga", "operate_runs"))

    assert f"stream=run%3A{run.pk}" not in text(client, run)


def test_what_agents_wrote_is_escaped(grace: Client, place: Studio) -> None:
    run = scenes.waiting(place)
    evil = {"message": "<img src=x onerror=alert(1)>", "severity": "<b>", "file": "a\u202eb"}
    stage.attach(run.steps.get(path="security"), "<i>Style", {"findings": [evil]})
    run.steps.filter(path="style").update(output={"<script>x": "<script>alert(1)</script>"})

    page = text(grace, run)

    assert "<img src=x" not in page
    assert "<i>Style" not in page
    assert "<script>alert" not in page
    assert "U+202E" in page


def test_agents_may_attach_anything_and_the_page_still_stands(
    grace: Client, place: Studio
) -> None:
    run = scenes.waiting(place)
    shapes: list[Any] = [{}, {"findings": None}, {"findings": [1, "two"]}, {"findings": {}}]
    for shape in shapes:
        stage.attach(run.steps.get(path="security"), "Odd", shape)
        text(grace, run)


def test_a_run_takes_a_fixed_number_of_queries(
    grace: Client, place: Studio, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    run = scenes.succeeded(place)

    with django_assert_max_num_queries(BUDGET):
        text(grace, run)
    with django_assert_max_num_queries(FRAGMENT_BUDGET):
        text(grace, run, "fragment/")
