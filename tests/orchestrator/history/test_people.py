"""What people did to a run is taken from its stream; what the engine made of it has to follow."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from governance.models import Agent, Gate
from orchestrator.models import Run, Step
from orchestrator.patterns.paths import joined
from orchestrator.selectors.replays import Replayed, replay
from orchestrator.services import cancellation, escalation, execution, pausing
from tests.factories import orchestrator as make
from tests.factories.governance import House, lines_in
from tests.factories.orchestrator import started, states_of, step, step_of, work
from tests.factories.tampering import edit
from tests.orchestrator.services.escalating import (
    escalated,
    last_event,
    lose,
    operated,
    refused,
    use,
)
from tests.orchestrator.services.proposing import append

ALIASES = {slug: {"ref": f"{slug}@1"} for slug in ("style", "other", "clerk")}


@pytest.fixture
def home(db: None, tmp_path: Path) -> House:
    return operated(tmp_path)


def follows(run: Run) -> None:
    outcome = replay(run.pk)
    assert isinstance(outcome, Replayed), outcome


def retried(run: Run) -> None:
    use(escalation.retry, run)


def rerouted(run: Run) -> None:
    use(escalation.reroute, run, agent_id=Agent.objects.get(slug="other").pk)


def skipped(run: Run) -> None:
    use(escalation.skip, run)


def failed(run: Run) -> None:
    use(escalation.fail, run)


def paused(run: Run) -> None:
    said: dict[str, Any] = {"run_id": run.pk, "person": run.initiator, "reason": "Wait."}
    pausing.pause(**said)
    use(escalation.retry, run)
    follows(run)
    pausing.resume(**said)


def cancelled(run: Run) -> None:
    cancellation.cancel(run_id=run.pk, person=run.initiator, reason="Enough.")


VERBS = {
    retried: "succeeded",
    rerouted: "succeeded",
    skipped: "succeeded",
    failed: "failed",
    paused: "succeeded",
    cancelled: "cancelled",
}


@pytest.mark.parametrize(("verb", "end"), VERBS.items())
def test_a_run_that_people_took_in_hand_replays(
    home: House, verb: Callable[[Run], None], end: str
) -> None:
    run = escalated(home)
    verb(run)
    follows(run)
    assert work(run).state == end
    follows(run)


@pytest.mark.parametrize(("verb", "end"), VERBS.items())
def test_a_step_inside_a_block_is_taken_in_hand_like_any_other(
    home: House, verb: Callable[[Run], None], end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = stuck_in_a_block(home)
    monkeypatch.setattr(
        "tests.orchestrator.services.escalating.step_of",
        lambda run, path: step_of(run, f"work/{path}"),
    )
    verb(run)
    follows(run)
    assert work(run).state == end
    assert step_of(run, "work").state == end
    follows(run)


def stuck_in_a_block(home: House) -> Run:
    for slug in ("style", "other"):
        make.agent(home, slug)
    inner = [step("look", "style"), step("more", "other")]
    block: dict[str, Any] = {"id": "work", "pattern": "sequential", "steps": inner}
    run = started(home, block, agents={a: ALIASES[a] for a in ("style", "other")})
    for _ in range(3):
        lose(step_of(run, "work/look"))
    run.refresh_from_db()
    assert states_of(run) == {"work": "escalated", "work/look": "escalated"}
    return run


@pytest.mark.parametrize("verb", [escalation.skip, escalation.fail])
def test_a_block_is_not_decided_by_itself_while_a_step_inside_needs_a_person(
    home: House, verb: Any
) -> None:
    refused(verb, stuck_in_a_block(home), "steps_inside", "work")


def test_nobody_begins_a_block_again(home: House) -> None:
    refused(escalation.retry, stuck_in_a_block(home), "nobody_works_on_it", "work")


@pytest.fixture
def written(home: House) -> Run:
    """A run that wrote a line within a block; its next step needs a person."""
    make.agent(home, "clerk", proposals=[append(home.open)])
    make.agent(home, "style")
    inner = [step("write", "clerk"), step("look", "style")]
    block: dict[str, Any] = {"id": "work", "pattern": "sequential", "steps": inner}
    run = started(home, block, agents={a: ALIASES[a] for a in ("style", "clerk")})
    make.drive(run, "work/write")
    execution.execute(step_id=step_of(run, "work/write").pk, worker="effects:1")
    for _ in range(3):
        lose(step_of(run, "work/look"))
    run.refresh_from_db()
    return run


def test_what_was_done_in_a_block_is_undone_and_the_end_follows(home: House, written: Run) -> None:
    use(escalation.fail, written, "work/look")
    assert work(written).state == "failed"
    assert (written.rollback, lines_in(home.open)) == ("complete", 0)
    undo = Step.objects.get(run=written, undoes__isnull=False)
    assert (undo.path, undo.state, undo.kind) == (
        joined("undo", "work/write"),
        "succeeded",
        "turn",
    )
    follows(written)


def test_a_person_lets_everything_be_undone_and_the_rest_follows(
    home: House, written: Run
) -> None:
    escalation.roll_back(run_id=written.pk, person=written.initiator, reason="Start over.")
    assert work(written).rollback == "complete"
    follows(written)


def test_an_end_that_does_not_follow_is_named(written: Run) -> None:
    use(escalation.fail, written, "work/look")
    from_stream = last_event(written, "step.failed")
    edit(from_stream, type="step.stale")
    assert not isinstance(replay(written.pk), Replayed)


def test_a_cancelled_run_ends_its_blocks_and_its_gates_once(home: House) -> None:
    make.agent(home, "clerk", proposals=[append(home.guarded)])
    make.agent(home, "style")
    do = {key: value for key, value in step("x", "clerk").items() if key != "id"}
    fan: dict[str, Any] = {
        "id": "fan",
        "pattern": "concurrent",
        "branches": {"a": do, "b": {**do, "agent": "style"}},
        "join": {"policy": "all"},
    }
    run = started(home, fan, agents={a: ALIASES[a] for a in ("style", "clerk")})
    make.drive(run, "fan/a")
    assert step_of(run, "fan/a").state == "awaiting_approval"
    cancelled(run)
    assert work(run).state == "cancelled"
    assert set(states_of(run).values()) == {"cancelled"}
    assert Gate.objects.get().state == "cancelled"
    follows(run)
