"""From a decision to the next step of the run, in few statements and without another bell."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.models import Gate
from orchestrator import tasks
from orchestrator.celery import app
from orchestrator.models import Run
from orchestrator.selectors.replays import Replayed, replay
from orchestrator.services import execution
from tests.factories import governance
from tests.factories import orchestrator as make
from tests.factories.governance import House, house, lines_in
from tests.factories.orchestrator import WORKER, states_of, step, step_of, tries_of
from tests.harness.databases import CommittedDatabase
from tests.orchestrator.services.proposing import append

# Statements after the decision, commits not counted: the step is resumed in one transaction; in
# three more it is claimed, its warrant is used, and its end is taken over with the next claim.
RESUMED = {"sqlite": 14, "postgresql": 12}
EXECUTED = {"sqlite": 50, "postgresql": 46}


@pytest.fixture
def home(committed_db: CommittedDatabase, tmp_path: Path) -> House:
    return house(tmp_path)


@pytest.fixture
def run(home: House) -> Run:
    make.agent(home, "clerk", output={"why": "tidy"}, proposals=[append(home.guarded)])
    make.agent(home, "style", output={"clean": True})
    run = make.started(home, step("write", "clerk"), step("next", "style"))
    make.drive(run, "write")
    return run


def check(said: Sequence[str], budget: Mapping[str, int]) -> None:
    kept = [text[:160] for text in said if not text.startswith(("BEGIN", "COMMIT"))]
    assert len(kept) <= budget[connection.vendor], "\n".join(kept)


def decided(home: House) -> None:
    governance.review(Gate.objects.get(state="pending"), home.grace)


def test_a_worker_that_takes_turns_goes_on_with_the_next_step_in_the_same_commit(
    home: House, run: Run
) -> None:
    decided(home)
    assert execution.execute(step_id=step_of(run, "write").pk, worker=WORKER, takes_turns=True)
    run.refresh_from_db()
    assert (run.state, lines_in(home.guarded)) == ("succeeded", 1)
    assert states_of(run) == {"write": "succeeded", "next": "succeeded"}
    assert tries_of(run, "next") == ["succeeded"]
    assert isinstance(replay(run.pk), Replayed)


def test_a_worker_of_effects_alone_leaves_the_next_step_to_others(home: House, run: Run) -> None:
    decided(home)
    assert execution.execute(step_id=step_of(run, "write").pk, worker=WORKER)
    assert states_of(run) == {"write": "succeeded", "next": "ready"}
    assert tries_of(run, "next") == []


@pytest.mark.parametrize(
    ("queues", "next_step"), [(["agents", "effects"], "succeeded"), (["effects"], "ready")]
)
def test_what_a_worker_takes_is_what_its_queues_say(
    home: House, run: Run, queues: list[str], next_step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.amqp.queues, "_consume_from", dict.fromkeys(queues))
    decided(home)
    tasks.run_effect_step(str(step_of(run, "write").pk))
    assert states_of(run) == {"write": "succeeded", "next": next_step}


def test_a_decision_resumes_its_step_with_few_statements(home: House, run: Run) -> None:
    gate = Gate.objects.get(state="pending")
    stamp = governance.stamp_for(gate, home.grace)
    with CaptureQueriesContext(connection) as queries:
        governance.review(gate, home.grace, stamp=stamp)
    said = [query["sql"] for query in queries]
    check(said[said.index("COMMIT") + 1 :], RESUMED)
    assert step_of(run, "write").state == "ready"


def test_an_approved_action_is_carried_out_and_the_next_step_claimed_with_few_statements(
    home: House, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided(home)
    claims: list[object] = []
    monkeypatch.setattr("orchestrator.services.turns.drive_on", claims.append)
    write = step_of(run, "write").pk
    with CaptureQueriesContext(connection) as queries:
        assert execution.execute(step_id=write, worker=WORKER, takes_turns=True)
    check([query["sql"] for query in queries], EXECUTED)
    assert [getattr(claim, "step_id", None) for claim in claims] == [step_of(run, "next").pk]
    assert step_of(run, "next").state == "running"
