import re
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import DjangoAssertNumQueries

from audit.models import Event
from governance.models import Agent
from orchestrator.models import Run, Step
from tests.orchestrator.views import stage
from tests.orchestrator.views.stage import Studio

pytestmark = pytest.mark.django_db

LIST_BUDGET, PAGE_BUDGET, FORM_BUDGET = 8, 10, 8
TYPED = {"in-repo": "/srv/demo", "in-branch": "feature", "in-target": "main", "in-depth": "7"}


@pytest.fixture
def place() -> Studio:
    return stage.studio()


@pytest.fixture
def grace(client: Client, place: Studio) -> Client:
    client.force_login(place.grace)
    return client


@pytest.fixture
def form(place: Studio) -> str:
    return f"/workflows/{place.workflow.pk}/start/"


def text(client: Client, address: str, **query: Any) -> str:
    answer = client.get(address, query)
    assert answer.status_code == 200
    return answer.content.decode()


def nothing_started() -> bool:
    told = Event.objects.filter(type="run.started").exists()
    return not (Run.objects.exists() or Step.objects.exists() or told)


def test_the_list_names_versions_and_the_commit_they_come_from(
    grace: Client,
    place: Studio,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    stage.save(place.domain, stage.SOURCE.replace("1.2.0", "1.3.0"))

    with django_assert_max_num_queries(LIST_BUDGET):
        page = text(grace, "/workflows/")

    assert page.index("1.3.0") < page.index("1.2.0")
    assert "4f4f4f4f" in page


def test_an_empty_list_teaches_one_command(grace: Client, place: Studio) -> None:
    place.workflow.delete()

    assert "python3 manage.py run" in text(grace, "/workflows/")


def test_a_workflow_shows_its_steps_agents_checkpoints_and_text(
    grace: Client,
    place: Studio,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_max_num_queries(PAGE_BUDGET):
        page = text(grace, f"/workflows/{place.workflow.pk}/")

    order = [page.index(name) for name in stage.NAMES.values()]
    assert order == sorted(order)
    assert "outputs.critical == 0" in page
    assert "If not, people are asked:" in page
    assert "steps.merge.outputs.merged == true" in page
    assert "api: countersign.dev/workflow/v1" in page


def test_a_workflow_says_which_agent_is_missing(grace: Client, place: Studio) -> None:
    Agent.objects.filter(slug="style").update(slug="gone")

    assert "No such agent is registered" in text(grace, f"/workflows/{place.workflow.pk}/")


def test_a_workflow_of_another_domain_looks_like_none(grace: Client) -> None:
    foreign = stage.studio("elsewhere").workflow

    assert grace.get(f"/workflows/{foreign.pk}/").status_code == 404
    assert grace.get(f"/workflows/{foreign.pk}/start/").status_code == 404
    assert grace.post(f"/workflows/{foreign.pk}/start/", TYPED).status_code == 404
    assert nothing_started()


def test_the_form_follows_the_schema(
    grace: Client, form: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(FORM_BUDGET):
        page = text(grace, form)

    assert "Absolute path of a local git repository." in page
    assert re.search(r'<input type="text" name="in-target" value="main"', page)
    assert re.search(r'<input type="number" name="in-depth" value="20" min="1" max="50"', page)
    assert re.search(r'<option value="thorough" selected>', page)
    assert '<input type="checkbox" name="in-strict"' in page


def test_an_address_can_bring_inputs(grace: Client, form: str) -> None:
    page = text(grace, form, repo="/srv/other", strict="true", level="quick")

    assert 'value="/srv/other"' in page
    assert re.search(r'name="in-strict"[^>]*checked', page)
    assert '<option value="quick" selected>' in page


def test_starting_makes_a_run_with_typed_inputs_and_leads_to_it(
    grace: Client, place: Studio, form: str
) -> None:
    answer = grace.post(form, {**TYPED, "in-strict": "on", "in-level": "quick", "key": "k1"})

    run = Run.objects.get()
    assert answer.headers["Location"] == f"/runs/{run.pk}/"
    assert run.initiator == place.grace
    assert run.inputs == {
        "repo": "/srv/demo",
        "branch": "feature",
        "target": "main",
        "depth": 7,
        "level": "quick",
        "strict": True,
    }


def test_what_the_agents_are_told_is_kept_and_shown(
    grace: Client, form: str, place: Studio
) -> None:
    said = {
        "brief-goal": "Merge it <today>",
        "brief-constraints": "No new dependency\n\nNo downtime",
        "brief-success_criteria": "The page answers",
    }
    answer = grace.post(form, {**TYPED, **said})
    run = Run.objects.get()
    assert answer.headers["Location"] == f"/runs/{run.pk}/"
    assert (run.goal, run.constraints) == (
        "Merge it <today>",
        ["No new dependency", "No downtime"],
    )
    page = text(grace, f"/runs/{run.pk}/")
    assert "Merge it &lt;today&gt;" in page
    assert "The page answers" in page


def test_a_brief_that_is_refused_is_said_at_its_field(grace: Client, form: str) -> None:
    answer = grace.post(form, {**TYPED, "brief-goal": "x" * 4001})
    assert answer.status_code == 422
    assert "At most 4000 characters." in answer.content.decode()
    assert '<a href="#id_brief-goal">Goal</a>' in answer.content.decode()
    assert nothing_started()


def test_a_form_sent_twice_starts_one_run(grace: Client, form: str) -> None:
    first = grace.post(form, {**TYPED, "key": "k1"})
    second = grace.post(form, {**TYPED, "key": "k1"})

    assert first.headers["Location"] == second.headers["Location"]
    assert Run.objects.count() == 1


def test_what_was_typed_stays_when_it_is_refused(grace: Client, form: str) -> None:
    answer = grace.post(form, {**TYPED, "in-branch": "", "in-depth": "900", "key": "k1"})
    page = answer.content.decode()

    assert answer.status_code == 422
    assert 'value="/srv/demo"' in page
    assert 'value="900"' in page
    assert 'name="key" value="k1"' in page
    assert page.count('aria-invalid="true"') == 2
    assert nothing_started()


def test_an_error_of_the_service_stands_at_its_field(grace: Client, place: Studio) -> None:
    text_of = stage.SOURCE.replace("title: Branch,", "title: Branch, pattern: '^[a-z/]+$',")
    workflow = stage.save(place.domain, text_of)

    answer = grace.post(f"/workflows/{workflow.pk}/start/", {**TYPED, "in-branch": "NO WAY"})
    field = answer.content.decode().split('id="id_in-branch_error"')[1].split("</p>")[0]

    assert answer.status_code == 422
    assert "NO WAY" in field
    assert nothing_started()


def test_an_agent_that_cannot_work_refuses_the_start_in_words(
    grace: Client, place: Studio, form: str
) -> None:
    Agent.objects.filter(slug="style").update(lifecycle="suspended")
    answer = grace.post(form, TYPED)

    assert answer.status_code == 422
    assert "No active agent is registered here as style@1" in answer.content.decode()
    assert nothing_started()


def test_who_may_not_operate_runs_sees_workflows_and_starts_nothing(
    client: Client, place: Studio, form: str
) -> None:
    client.force_login(stage.member(place.domain, "rita", "review_gates"))

    assert form not in text(client, "/workflows/")
    assert form not in text(client, f"/workflows/{place.workflow.pk}/")
    assert client.get(form).status_code == 403
    assert client.post(form, TYPED).status_code == 403
    assert nothing_started()


def test_a_token_starts_nothing_through_a_page(client: Client, form: str) -> None:
    answer = client.post(form, TYPED, headers={"Authorization": "Bearer anything"})

    assert answer.status_code == 401
    assert "/signin/" in answer.content.decode()
    assert nothing_started()
