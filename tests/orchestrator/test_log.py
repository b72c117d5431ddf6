import uuid
from pathlib import Path

import pytest

from audit import registry
from audit.types import StreamKey
from orchestrator.models import Run
from tests.factories import orchestrator as make
from tests.factories.governance import House, house, person
from tests.factories.orchestrator import started, step


@pytest.fixture
def home(db: None, tmp_path: Path) -> House:
    home = house(tmp_path)
    make.agent(home, "style")
    return home


@pytest.fixture
def run(home: House) -> Run:
    return started(home, step("look", "style"))


def test_people_of_the_domain_may_follow_a_run_and_nobody_else(home: House, run: Run) -> None:
    key = StreamKey("run", str(run.pk))
    assert registry.may_view_stream(home.grace, key)
    assert not registry.may_view_stream(home.mallory, key)
    assert not registry.may_view_stream(person("nobody"), key)
    assert not registry.may_view_stream(None, key)


def test_a_run_that_does_not_exist_is_nobodys(home: House) -> None:
    for name in (str(uuid.uuid4()), "nonsense"):
        assert not registry.may_view_stream(home.grace, StreamKey("run", name))


def test_people_of_the_domain_hear_that_its_list_of_runs_changed(home: House) -> None:
    assert registry.may_view_list(home.grace, "runs", str(home.domain.pk))
    assert not registry.may_view_list(home.mallory, "runs", str(home.domain.pk))
    assert not registry.may_view_list(home.grace, "runs", "nonsense")


def test_runs_and_workflows_have_names_and_pages(home: House, run: Run) -> None:
    name = f"review {str(run.pk)[:8]}"
    assert registry.labels_for("run", [str(run.pk)]) == {str(run.pk): name}
    workflow = str(run.workflow_id)
    assert registry.labels_for("workflow", [workflow]) == {workflow: "review 1.0.0"}
    assert registry.link_for("run", str(run.pk)) == f"/runs/{run.pk}/"


def test_a_waiting_run_says_in_words_what_it_waits_for() -> None:
    said = registry.event_type("run.waiting").describe({"reason": "awaiting_approval"})
    assert said == "The run is held up: Waiting for approval"
    assert "\N{EM DASH}" in registry.event_type("run.waiting").describe({"reason": "?"})
