import re

import pytest
from django.test import Client

from orchestrator.workflow.advice.questions import QUESTIONS
from tests.orchestrator.views import stage

pytestmark = pytest.mark.django_db
ANSWERS = {
    "agents": "several",
    "oversight": "no",
    "coordination": "uncertain",
    "work": "magentic",
    "control": "centralized",
}


@pytest.fixture
def grace(client: Client) -> Client:
    client.force_login(stage.studio().grace)
    return client


def text(client: Client, **answers: str) -> str:
    answer = client.get("/workflows/advise/", answers)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_page_asks_every_question_and_recommends_nothing_yet(grace: Client) -> None:
    page = text(grace)
    assert page.count("<fieldset") == 5
    assert page.count('type="radio"') == sum(len(one.choices) for one in QUESTIONS)
    assert not re.search(r"<input[^>]* checked", page)
    assert "manage.py workflow advise" in page
    assert page.count("Recommend") == 1
    assert "still open" not in page


def test_the_answers_lead_to_a_pattern_its_price_and_a_file(grace: Client) -> None:
    page = text(grace, **ANSWERS)
    assert "Several agents with probabilistic coordination" in page
    assert "The most expensive, and the hardest to foresee" in page
    assert "starter-magentic" in page
    assert re.search(r'<input[^>]* value="magentic"[^>]* checked', page)


def test_one_agent_needs_two_answers_only(grace: Client) -> None:
    page = text(grace, agents="one", oversight="yes")
    assert "starter-single" in page
    assert "Topology" not in page


def test_open_and_unknown_answers_are_said_and_nothing_is_recommended(grace: Client) -> None:
    page = text(grace, **{**ANSWERS, "work": "<magic>"})
    assert "Some questions are still open" in page
    assert "<magic>" not in page
    assert "starter-" not in page


def test_the_list_of_workflows_leads_there_and_strangers_do_not_get_there(
    grace: Client,
) -> None:
    assert "/workflows/advise/" in grace.get("/workflows/").content.decode()
    assert Client().get("/workflows/advise/").status_code == 302
