from pathlib import Path

import pytest
from pytest_django import DjangoAssertNumQueries

from governance.models import Gate
from governance.refusals import Refusal
from governance.selectors import people
from orchestrator.models import Run
from orchestrator.selectors import runs, workflows
from orchestrator.services import execution
from orchestrator.services.sweep import sweep
from tests.factories import governance
from tests.factories import orchestrator as make
from tests.factories.governance import House, house
from tests.factories.orchestrator import drive, start, started, step, step_of, workflow
from tests.orchestrator.services.proposing import append


@pytest.fixture
def home(db: None, tmp_path: Path) -> House:
    return house(tmp_path)


@pytest.fixture
def run(home: House) -> Run:
    exhibit = {"name": "Findings", "kind": "findings", "content": {"n": 1}}
    make.agent(home, "style", output={"ok": True}, exhibits=[exhibit])
    make.agent(home, "clerk", proposals=[append(home.guarded)])
    run = started(home, step("look", "style"), step("write", "clerk"))
    drive(run, "look")
    return run


def test_a_waiting_run_shows_lanes_steps_gate_and_exhibits(home: House, run: Run) -> None:
    view = runs.run_for(home.grace, run.pk)
    assert (view.state, view.label, view.is_final) == ("waiting", "Waiting", False)
    assert (view.workflow, view.initiator) == ("review", "Ines")
    assert [lane.agent for lane in view.lanes] == ["Style", "Clerk"]
    [work, wait] = view.lanes[1].bars
    assert (work.kind, work.state, wait.kind, wait.state) == (
        "work",
        "proposed",
        "wait",
        "pending",
    )
    assert wait.end_ms is None
    assert work.end_ms is not None
    assert 0 <= work.start_ms <= work.end_ms
    assert wait.gate_id == Gate.objects.get().pk == view.gates[0].id
    assert [row.path for row in view.steps] == ["look", "write"]
    assert view.steps[0].attempts[0].runner.startswith("echo 1")
    assert [row.name for row in view.exhibits if row.trust == "agent"] == ["Findings"]
    assert view.seq > 0


def test_an_effect_shows_as_its_own_bar_and_not_as_work(home: House, run: Run) -> None:
    governance.review(Gate.objects.get(), home.grace)
    sweep()
    execution.execute(step_id=step_of(run, "write").pk, worker="w")
    view = runs.run_for(home.grace, run.pk)
    assert [bar.kind for bar in view.lanes[1].bars] == ["work", "wait", "effect"]
    assert all(bar.end_ms is not None for bar in view.lanes[1].bars)
    assert view.effects[0].undoable
    assert view.is_final
    assert view.finished_at is not None


def test_a_run_takes_the_same_number_of_queries_however_long_it_is(
    home: House, run: Run, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    people.permissions_for(home.grace, home.domain)
    with django_assert_num_queries(7):
        runs.run_for(home.grace, run.pk)
    long = started(home, *[step(f"look{n}", "style") for n in range(6)])
    drive(long, "look0")
    with django_assert_num_queries(7):
        runs.run_for(home.grace, long.pk)


def test_a_page_of_runs_is_newest_first_and_goes_on_where_it_stopped(
    home: House, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make.agent(home, "style")
    saved = workflow(home, step("look", "style"))
    ids = [start(saved, home.ines).pk for _ in range(5)][::-1]
    people.domain_for(home.grace)
    with django_assert_num_queries(1):
        first = runs.page_for(home.grace, limit=2)
    second = runs.page_for(home.grace, limit=2, before=first.next)
    third = runs.page_for(home.grace, limit=2, before=second.next)
    pages = [row.id for page in (first, second, third) for row in page.rows]
    assert pages == ids
    assert third.next == ""


def test_runs_of_one_moment_are_neither_lost_nor_shown_twice(home: House) -> None:
    make.agent(home, "style")
    saved = workflow(home, step("look", "style"))
    ids = {start(saved, home.ines).pk for _ in range(5)}
    Run.objects.update(created_at=Run.objects.earliest("created_at").created_at)
    seen, before = [], ""
    while True:
        page = runs.page_for(home.grace, limit=2, before=before)
        seen += [row.id for row in page.rows]
        if not (before := page.next):
            break
    assert sorted(seen) == sorted(ids)


def test_runs_can_be_listed_by_state(home: House, run: Run) -> None:
    assert [row.id for row in runs.page_for(home.grace, state="waiting").rows] == [run.pk]
    assert not runs.page_for(home.grace, state="failed").rows


@pytest.mark.parametrize("cursor", ["x", "20260101T000000000000.x", "x.1", "9" * 100])
def test_what_is_no_cursor_is_refused(home: House, cursor: str) -> None:
    with pytest.raises(Refusal) as caught:
        runs.page_for(home.grace, before=cursor)
    assert caught.value.code == "invalid_cursor"


def test_somebody_of_another_domain_sees_no_run_and_no_workflow(home: House, run: Run) -> None:
    assert not runs.page_for(home.mallory).rows
    for look in (
        lambda: runs.run_for(home.mallory, run.pk),
        lambda: runs.run_for(home.grace, "nonsense"),
        lambda: workflows.workflow_for(home.mallory, run.workflow_id),
    ):
        with pytest.raises(Refusal) as caught:
            look()
        assert (caught.value.code, caught.value.status) == ("not_found", 404)


def test_a_workflow_shows_its_steps_agents_and_input_schema(home: House, run: Run) -> None:
    view = workflows.workflow_for(home.grace, run.workflow_id)
    assert [(row.id, row.agent, row.ref) for row in view.steps] == [
        ("look", "Style", "style@1"),
        ("write", "Clerk", "clerk@1"),
    ]
    assert view.inputs == {"type": "object"}
    assert view.deadline == "1h"


def test_workflow_versions_are_listed_newest_first(home: House) -> None:
    make.agent(home, "style")
    for version in ("1.0.0", "1.1.0", "2.0.0"):
        workflow(home, step("look", "style"), version=version)
    first = workflows.page_for(home.grace, limit=2)
    second = workflows.page_for(home.grace, limit=2, before=first.next)
    assert [row.version for row in [*first.rows, *second.rows]] == ["2.0.0", "1.1.0", "1.0.0"]
