"""Many turns in one commit: nothing is taken twice, nothing is lost, nobody waits for the slow."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from audit.services.events import recording
from governance.models import Agent, Holding, Lifecycle
from orchestrator.models import Attempt, Run, Step
from orchestrator.runners.base import AgentFailedError, AgentRequest, AgentResult, Heartbeat
from orchestrator.runners.registry import runners
from orchestrator.selectors.replays import Replayed, replay
from orchestrator.services import claims, runs, slices, turns
from orchestrator.services.spending import NoBudgetError
from orchestrator.services.sweep import sweep
from orchestrator.services.turns import Turn
from tests.factories import orchestrator as make
from tests.factories.governance import House, house
from tests.factories.orchestrator import WORKER
from tests.harness.databases import CommittedDatabase

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
Race = Callable[..., list[object]]
Meanwhile = Callable[[AgentRequest], None]


class Interrupted:
    """An agent that answers at once, after something else has happened."""

    name = "interrupted"
    version = "1"
    meanwhile: Meanwhile

    def run(self, request: AgentRequest, heartbeat: Heartbeat) -> AgentResult:
        """Let it happen, then answer."""
        self.meanwhile(request)
        return AgentResult(output={"item": request.inputs.get("item")})


@pytest.fixture
def agent_of() -> Iterator[Interrupted]:
    runner = Interrupted()
    runners()[Interrupted.name] = (runner, "interrupted 1 (test)")
    yield runner
    del runners()[Interrupted.name]


@pytest.fixture
def home(committed_db: CommittedDatabase, tmp_path: Path) -> House:
    home = house(tmp_path)
    make.agent(home, "scanner")
    make.agent(home, "closer")
    return home


def fan(home: House, count: int, options: dict[str, Any] | None = None, **fields: Any) -> Run:
    block = {
        "id": "scans",
        "pattern": "concurrent",
        "foreach": {"in": "inputs.items", "as": "item", "cap": 100},
        "do": {
            "agent": "scanner",
            "timeouts": {"start_to_close": "30s"},
            "with": {"item": "{{ item }}"},
            **fields,
        },
        "max_parallel": 100,
        "join": {"policy": "all_settled"},
        **(options or {}),
    }
    agents = {slug: {"ref": f"{slug}@1"} for slug in ("scanner", "closer")}
    saved = make.workflow(home, block, make.step("close", "closer"), agents=agents)
    return make.start(saved, home.ines, {"items": list(range(count))})


def ready(run: Run) -> list[Any]:
    return list(run.steps.filter(state="ready").order_by("path").values_list("pk", flat=True))


def finished(run: Run) -> Run:
    while left := ready(run):
        slices.drive(step_ids=left, worker=WORKER)
    run.refresh_from_db()
    assert isinstance(replay(run.pk), Replayed)
    return run


def test_a_fan_ends_with_one_turn_for_each_branch_and_one_join(home: House) -> None:
    run = fan(home, 30)
    assert slices.drive(step_ids=ready(run), worker=WORKER) == 31
    run = finished(run)
    assert run.state == "succeeded"
    assert Attempt.objects.filter(outcome="succeeded").count() == Attempt.objects.count() == 31
    outputs = {step.path: step.output for step in run.steps.filter(path__startswith="scans/")}
    assert outputs == {f"scans/{n}": {"item": n} for n in range(30)}
    ranks = run.steps.order_by("order").values_list("order", flat=True)
    assert list(ranks) == list(range(1, 33))


@pytest.mark.parametrize("count", [3, 30])
def test_a_batch_is_claimed_with_the_same_few_statements_however_large_it_is(
    home: House, count: int
) -> None:
    run = fan(home, count)
    with CaptureQueriesContext(connection) as queries, recording():
        taken = claims.taken_together(step_ids=ready(run), worker=WORKER, run=runs.lock(run.pk))
    assert len(taken) == Attempt.objects.filter(settlement="held").count() == count
    writes = [said for query in queries if not (said := query["sql"]).startswith("SELECT")]
    held = Holding.objects.get(pk=run.pk)
    assert held.micro_usd_held == sum(one.budget.amounts["micro_usd"] for one in taken)
    assert sum(said.startswith(("UPDATE", "INSERT")) for said in writes) <= 7


def test_turns_that_ended_together_are_settled_and_closed_together(home: House) -> None:
    run = fan(home, 9)
    with recording():
        taken = claims.taken_together(
            step_ids=ready(run)[:8], worker=WORKER, run=runs.lock(run.pk)
        )
    ended = [(claim, turn) for claim in taken if isinstance(turn := turns.attempt(claim), Turn)]
    with CaptureQueriesContext(connection) as queries:
        slices._Slice(run.pk, WORKER, deque())._hand_over_together(ended, [])
    said = [query["sql"] for query in queries]
    for table in ("governance_holding", "orchestrator_attempt"):
        assert sum(text.startswith(f'UPDATE "{table}"') for text in said) == 1
    assert Attempt.objects.filter(outcome="succeeded", settlement="settled").count() == 8
    assert Holding.objects.get(pk=run.pk).micro_usd_held == 0
    assert finished(run).state == "succeeded"


@pytest.mark.parametrize("count", [2, 12])
def test_a_run_that_somebody_else_moved_is_read_once_for_all_turns_that_ended(
    home: House, count: int
) -> None:
    run = fan(home, 30)
    with recording():
        taken = claims.taken_together(
            step_ids=ready(run)[:count], worker=WORKER, run=runs.lock(run.pk)
        )
    ended = [(claim, turn) for claim in taken if isinstance(turn := turns.attempt(claim), Turn)]
    runs.advance(run_id=run.pk)
    Run.objects.filter(pk=run.pk).update(version=F("version") + 1)
    with CaptureQueriesContext(connection) as queries:
        slices._Slice(run.pk, WORKER, deque())._hand_over_together(ended, [])
    said = [query["sql"] for query in queries]
    past = [text for text in said if text.startswith("SELECT") and '"orchestrator_step"' in text]
    # The rank that was given last, and the past.
    assert len(past) == 2
    assert Attempt.objects.filter(outcome="succeeded").count() == count
    assert finished(run).state == "succeeded"


def test_a_batch_that_the_budget_does_not_cover_is_not_taken_at_all(home: House) -> None:
    run = fan(home, 6)
    wanted = ready(run)
    Holding.objects.filter(pk=run.pk).update(micro_usd_cap=120_000)
    with pytest.raises(NoBudgetError), recording():
        claims.taken_together(step_ids=wanted, worker=WORKER, run=runs.lock(run.pk))
    assert ready(run) == wanted
    assert not Attempt.objects.exists()
    assert Holding.objects.get(pk=run.pk).micro_usd_held == 0


@pytest.mark.parametrize(
    "options",
    [
        {"max_parallel": 3},
        {"join": {"policy": "quorum", "success": 5}},
        {"join": {"policy": "any"}, "max_parallel": 4},
        {"join": {"policy": "all"}, "aggregate": {"reduce": "collect"}},
    ],
)
def test_what_follows_from_one_turn_of_a_slice_follows_at_once(
    home: House, options: dict[str, Any]
) -> None:
    run = fan(home, 12, options)
    slices._sizes[run.pk] = 12
    run = finished(run)
    assert run.state == "succeeded"
    left = set(run.steps.values_list("state", flat=True)) - {"succeeded", "cancelled"}
    assert left == set()


def test_the_same_slice_delivered_to_three_workers_is_taken_once(home: House, race: Race) -> None:
    run = fan(home, 20)
    ids = ready(run)
    race(*[lambda n=n: slices.drive(step_ids=ids, worker=f"w:{n}") for n in range(3)])
    run = finished(run)
    assert run.state == "succeeded"
    assert Attempt.objects.count() == 21


def test_a_claim_that_was_lost_spoils_nothing_of_its_slice(
    home: House, agent_of: Interrupted
) -> None:
    Agent.objects.filter(slug="scanner").update(runner=Interrupted.name)
    run = fan(home, 8)
    lost: list[int] = []

    def lose_one(request: AgentRequest) -> None:
        if request.inputs["item"] == 4 and not lost:
            lost.append(4)
            Step.objects.filter(run=run, path="scans/4").update(lease_expires_at=LONG_AGO)
            sweep()

    agent_of.meanwhile = lose_one
    run = finished_after_sweeps(run)
    assert run.state == "succeeded"
    assert sorted(make.tries_of(run, "scans/4")) == ["stale", "succeeded"]
    others = Attempt.objects.exclude(step__path="scans/4")
    assert set(others.values_list("outcome", flat=True)) == {"succeeded"}
    assert others.count() == 8


def finished_after_sweeps(run: Run) -> Run:
    slices.drive(step_ids=ready(run), worker=WORKER)
    return finished(run)


def test_what_has_not_begun_is_given_back_while_one_turn_takes_long(
    home: House, agent_of: Interrupted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "PATIENCE_SECONDS", 0.05)
    Agent.objects.filter(slug="scanner").update(runner=Interrupted.name)
    run = fan(home, 8)
    left: list[int] = []

    def be_slow(request: AgentRequest) -> None:
        if request.inputs["item"] == 3:
            deadline = time.monotonic() + 60
            while not left and time.monotonic() < deadline:
                time.sleep(0.05)
                given_back = Attempt.objects.filter(step__run=run, outcome="stale").count()
                left.extend([given_back] if given_back else [])

    agent_of.meanwhile = be_slow
    monkeypatch.setitem(slices._sizes, run.pk, 6)
    slices.drive(step_ids=ready(run), worker=WORKER)
    assert left[0] >= 2
    run = finished(run)
    assert run.state == "succeeded"
    assert Step.objects.filter(run=run, crash_count__gt=0).count() == 0


def test_a_branch_that_fails_is_taken_over_by_itself(home: House, agent_of: Interrupted) -> None:
    Agent.objects.filter(slug="scanner").update(runner=Interrupted.name)

    def fail_one(request: AgentRequest) -> None:
        if request.inputs["item"] == 2:
            raise AgentFailedError("broken", "It is broken.", retryable=False)

    agent_of.meanwhile = fail_one
    run = finished(fan(home, 5, on_failure="stop"))
    assert run.state == "succeeded"
    states = make.states_of(run)
    assert states["scans/2"] == "failed"
    assert [states[f"scans/{n}"] for n in (0, 1, 3, 4)] == ["succeeded"] * 4


def test_an_agent_that_is_suspended_in_the_middle_of_a_slice_takes_no_further_turn(
    home: House, agent_of: Interrupted, monkeypatch: pytest.MonkeyPatch
) -> None:
    Agent.objects.filter(slug="scanner").update(runner=Interrupted.name)
    run = fan(home, 4, on_failure="stop")
    begun: list[int] = []

    def suspend(request: AgentRequest) -> None:
        begun.append(request.inputs["item"])
        Agent.objects.filter(slug="scanner").update(lifecycle=Lifecycle.SUSPENDED)

    agent_of.meanwhile = suspend
    slices.drive(step_ids=ready(run), worker=WORKER)
    assert begun == [0]
