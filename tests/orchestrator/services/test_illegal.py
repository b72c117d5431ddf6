"""What no table of states allows is refused, and told when the engine itself tries it."""

from pathlib import Path

import pytest
from django.db.models.functions import Now

from governance.refusals import Refusal
from orchestrator import tasks
from orchestrator.models import Run, RunState, Step, StepState
from orchestrator.services import run_states, runs, steps
from orchestrator.services.step_states import move
from orchestrator.services.sweep import sweep
from tests.factories import orchestrator as make
from tests.factories.audit import recorded
from tests.factories.governance import house
from tests.factories.orchestrator import started, states_of, step, work
from tests.orchestrator.services.escalating import last_event


@pytest.fixture
def run(db: None, tmp_path: Path) -> Run:
    home = house(tmp_path)
    make.agent(home, "style")
    return started(home, step("look", "style"), step("more", "style"))


@pytest.fixture
def resting(run: Run) -> Run:
    """A run whose step has rested long enough."""
    Step.objects.filter(path="look").update(state="backoff", not_before=Now())
    return run


def test_what_a_sweep_tries_in_vain_is_told_and_not_done(
    resting: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "wake", lambda step: move(step, StepState.SUCCEEDED))
    assert sweep().woken == 0
    assert states_of(resting)["look"] == "backoff"
    assert recorded(f"run:{resting.pk}").count("run.move_refused") == 1
    event = last_event(resting, "run.move_refused")
    assert (event.actor_kind, event.actor_id) == ("system", "engine")


def test_a_lost_race_is_nobodys_fault_and_told_nowhere(
    resting: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(step: Step) -> None:
        step.epoch += 1
        move(step, StepState.READY)

    monkeypatch.setattr(steps, "wake", late)
    assert sweep().woken == 0
    assert states_of(resting)["look"] == "backoff"
    assert "run.move_refused" not in recorded(f"run:{resting.pk}")


def test_what_a_worker_tries_in_vain_is_told_and_not_done(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert work(run).state == "succeeded"

    def again(*, run_id: object) -> None:
        run_states.move(runs.lock(run.pk), RunState.RUNNING)

    monkeypatch.setattr(runs, "advance", again)
    with pytest.raises(Refusal, match="cannot become"):
        tasks.advance_run(str(run.pk))
    run.refresh_from_db()
    assert run.state == "succeeded"
    assert recorded(f"run:{run.pk}")[-1] == "run.move_refused"


def test_what_was_decided_on_an_old_row_was_only_late(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = Run.objects.get(pk=run.pk)
    assert work(run).state == "succeeded"
    story = recorded(f"run:{run.pk}")

    def again(*, run_id: object) -> None:
        run_states.move(old, RunState.PENDING)

    monkeypatch.setattr(runs, "advance", again)
    with pytest.raises(Refusal, match="cannot become"):
        tasks.advance_run(str(run.pk))
    assert recorded(f"run:{run.pk}") == story
