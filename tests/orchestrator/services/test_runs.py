import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from audit.models import Event
from governance.models import Agent, Domain, Gate
from governance.refusals import Refusal
from orchestrator.models import RUN_TRANSITIONS, Run, RunState, Step, Workflow
from orchestrator.services import run_states, runs, workflows
from orchestrator.services.sweep import sweep
from tests.factories import orchestrator as make
from tests.factories.audit import AppendFailedError, failing_append, recorded, size_of_the_log
from tests.factories.governance import House, house
from tests.factories.orchestrator import TESTER, drive, start, started, states_of, step, workflow
from tests.orchestrator.services.proposing import append

INPUTS = {
    "type": "object",
    "additionalProperties": False,
    "required": ["repo"],
    "properties": {
        "repo": {"type": "string", "minLength": 1},
        "depth": {"type": "integer", "default": 3},
    },
}


@pytest.fixture
def home(db: None, tmp_path: Path) -> House:
    return house(tmp_path)


def test_a_run_starts_with_its_first_step_ready_and_its_agents_assigned(home: House) -> None:
    style = make.agent(home, "style")
    run = started(home, step("a", "style"), step("b", "style"))
    assert run.state == "running"
    assert run.started_at is not None
    assert run.deadline_at > run.started_at
    assert states_of(run) == {"a": "ready", "b": "blocked"}
    assert set(Step.objects.values_list("agent", flat=True)) == {style.pk}
    assert recorded(f"run:{run.pk}") == ["run.started", "step.ready"]


def test_the_person_who_started_it_is_the_actor(home: House) -> None:
    make.agent(home, "style")
    run = started(home, step("a", "style"))
    event = Event.objects.get(type="run.started", stream__object_id=str(run.pk))
    assert (event.actor_kind, event.actor_id) == ("person", str(home.ines.pk))


def test_defaults_of_the_schema_are_filled_in(home: House) -> None:
    make.agent(home, "style")
    run = start(workflow(home, step("a", "style"), inputs=INPUTS), home.ines, {"repo": "here"})
    assert run.inputs == {"repo": "here", "depth": 3}


def test_every_wrong_input_is_named_and_nothing_is_created(home: House) -> None:
    make.agent(home, "style")
    saved = workflow(home, step("a", "style"), inputs=INPUTS)
    before = size_of_the_log()
    with pytest.raises(Refusal) as caught:
        start(saved, home.ines, {"depth": "deep", "x/y": 1})
    assert (caught.value.code, caught.value.status) == ("invalid_inputs", 422)
    assert len(caught.value.extra["errors"]) == 3
    assert "/depth" in [error["pointer"] for error in caught.value.extra["errors"]]
    assert not Run.objects.exists()
    assert size_of_the_log() == before


def test_inputs_that_cannot_be_stored_are_refused(home: House) -> None:
    make.agent(home, "style")
    saved = workflow(home, step("a", "style"))
    for bad in ({"a": "\0"}, {"a": float("nan")}, {"a": "\ud800"}):
        with pytest.raises(Refusal, match="inputs"):
            start(saved, home.ines, bad)
    assert not Run.objects.exists()


@pytest.mark.parametrize("lifecycle", ["suspended", "retired", "draft"])
def test_an_agent_that_is_not_active_cannot_be_run(home: House, lifecycle: str) -> None:
    style = make.agent(home, "style")
    saved = workflow(home, step("a", "style"))
    Agent.objects.filter(pk=style.pk).update(lifecycle=lifecycle)
    with pytest.raises(Refusal) as caught:
        start(saved, home.ines)
    assert caught.value.code == "unknown_agent"
    assert "style@1" in caught.value.detail
    assert not Run.objects.exists()


def test_an_agent_of_another_domain_is_unknown(home: House) -> None:
    make.agent(home, "style")
    saved = workflow(home, step("a", "style"))
    elsewhere = Domain.objects.get(slug="elsewhere")
    Agent.objects.filter(slug="style").update(domain=elsewhere)
    with pytest.raises(Refusal, match="style@1"):
        start(saved, home.ines)


def test_a_deactivated_person_cannot_start_a_run(home: House) -> None:
    make.agent(home, "style")
    saved = workflow(home, step("a", "style"))
    home.ines.is_active = False
    with pytest.raises(Refusal) as caught:
        start(saved, home.ines)
    assert caught.value.code == "inactive_person"
    assert not Run.objects.exists()


def test_the_same_key_is_the_same_run(home: House) -> None:
    make.agent(home, "style")
    saved = workflow(home, step("a", "style"))
    first = start(saved, home.ines, {"a": 1}, "key")
    again = start(saved, home.ines, {"a": 1}, "key")
    assert first.pk == again.pk
    assert Run.objects.count() == 1
    assert recorded().count("run.started") == 1


def test_the_same_key_for_something_else_is_refused(home: House) -> None:
    make.agent(home, "style")
    saved = workflow(home, step("a", "style"))
    start(saved, home.ines, {"a": 1}, "key")
    with pytest.raises(Refusal) as caught:
        start(saved, home.ines, {"a": 2}, "key")
    assert (caught.value.code, caught.value.status) == ("dedupe_key_taken", 409)
    assert Run.objects.count() == 1


def test_a_run_whose_event_cannot_be_written_does_not_exist(home: House) -> None:
    make.agent(home, "style")
    saved = workflow(home, step("a", "style"))
    with failing_append(), pytest.raises(AppendFailedError):
        start(saved, home.ines)
    assert not Run.objects.exists()
    assert not Step.objects.exists()


def test_the_same_text_is_the_same_workflow_in_each_domain(home: House) -> None:
    text = make.document(step("a", "style"))
    fields: dict[str, Any] = {"text": text, "filename": "f", "git_commit": "", "actor": TESTER}
    first = workflows.save(domain=home.domain, **fields)
    assert workflows.save(domain=home.domain, **fields) == first
    assert recorded().count("workflow.saved") == 1
    other = workflows.save(domain=Domain.objects.get(slug="elsewhere"), **fields)
    assert other != first


def test_a_workflow_whose_event_cannot_be_written_is_not_kept(home: House) -> None:
    with failing_append(), pytest.raises(AppendFailedError):
        workflow(home, step("a", "style"))
    assert not Workflow.objects.exists()


def test_advancing_again_changes_nothing(home: House) -> None:
    make.agent(home, "style")
    run = started(home, step("a", "style"))
    before = size_of_the_log()
    assert runs.advance(run_id=run.pk) is None
    assert size_of_the_log() == before


def test_a_run_past_its_deadline_is_timed_out_with_its_steps_and_gates(home: House) -> None:
    make.agent(home, "clerk", proposals=[append(home.guarded)])
    run = started(home, step("write", "clerk"), step("more", "clerk"))
    drive(run, "write")
    Run.objects.filter(pk=run.pk).update(deadline_at=Now())
    assert sweep().timed_out == 1
    run.refresh_from_db()
    assert (run.state, run.error_code) == ("timed_out", "deadline")
    assert states_of(run) == {"write": "cancelled", "more": "cancelled"}
    assert Gate.objects.get().state == "cancelled"
    assert sweep().timed_out == 0


def test_a_run_before_its_deadline_is_left_alone(home: House) -> None:
    make.agent(home, "style")
    run = started(home, step("a", "style"))
    assert not runs.time_out(run_id=run.pk)
    run.refresh_from_db()
    assert run.state == "running"


def test_a_run_cannot_make_a_move_that_is_not_in_the_table(home: House) -> None:
    make.agent(home, "style")
    run = started(home, step("a", "style"))
    for before, legal in RUN_TRANSITIONS.items():
        Run.objects.filter(pk=run.pk).update(state=before)
        run.refresh_from_db()
        for after in set(RunState) - legal:
            with pytest.raises(Refusal) as caught:
                run_states.move(run, after)
            assert (caught.value.code, caught.value.status) == ("illegal_transition", 409)
            assert Run.objects.get(pk=run.pk).state == before


def test_a_run_that_moved_meanwhile_is_not_moved_again(home: House) -> None:
    make.agent(home, "style")
    run = started(home, step("a", "style"))
    Run.objects.filter(pk=run.pk).update(state="waiting")
    with pytest.raises(Refusal) as caught:
        run_states.move(run, RunState.SUCCEEDED)
    assert caught.value.code == "run_moved"


def test_starting_with_one_key_from_many_places_makes_one_run(
    committed_db: None, race: Callable[..., list[object]], tmp_path: Path
) -> None:
    home = house(tmp_path)
    make.agent(home, "style")
    saved = workflow(home, step("a", "style"))
    found = race(*[lambda: start(saved, home.ines, {}, "key").pk] * 5)
    assert len(set(found)) == 1
    assert isinstance(found[0], uuid.UUID), found
    assert Run.objects.count() == 1
    assert Step.objects.count() == 1
