"""What a worker remembers of its run: never used once somebody else took hold of the run."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from orchestrator.models import Attempt, AttemptKind, Run, Step
from orchestrator.selectors.replays import Replayed, replay
from orchestrator.services import claims, moves, remembered, runs, turns
from orchestrator.services.claims import Claim
from tests.factories import orchestrator as make
from tests.factories.governance import House, house
from tests.factories.orchestrator import WORKER, step, step_of
from tests.harness.databases import CommittedDatabase

Race = Callable[..., list[object]]
# Statements of one step, however long its run is: it is committed and the next one claimed in one
# transaction, which settles and draws on the budget too. PostgreSQL appends events with one.
BUDGET = {"sqlite": 12, "postgresql": 10}


@pytest.fixture
def home(committed_db: CommittedDatabase, tmp_path: Path) -> Iterator[House]:
    home = house(tmp_path)
    make.agent(home, "style", output={"clean": True})
    yield home
    remembered._here.runs.clear()


def chain(home: House, count: int) -> Run:
    return make.started(home, *[step(f"s{n}", "style") for n in range(count)])


def claimed(run: Run, path: str, worker: str = WORKER) -> Claim:
    step_id = step_of(run, path).pk
    claim = claims.claim(step_id=step_id, kind=AttemptKind.TURN, worker=worker)
    assert claim is not None
    return claim


def committed(claim: Claim) -> Claim | None:
    return turns.commit(claim, turns._worked(claim))


@pytest.mark.parametrize("count", [5, 25])
def test_a_step_costs_the_same_few_statements_however_long_the_run_is(
    home: House, count: int
) -> None:
    claim = claimed(chain(home, count), "s0")
    for _ in range(count - 2):
        following = committed(claim)
        assert following is not None
        claim = following
    with CaptureQueriesContext(connection) as queries:
        assert committed(claim) is not None
    assert len(queries) <= BUDGET[connection.vendor], "\n".join(
        query["sql"][:160] for query in queries
    )


def test_what_is_remembered_is_what_the_database_holds(home: House) -> None:
    claim = claimed(chain(home, 4), "s0")
    following = committed(claim)
    with transaction.atomic():
        run = runs.lock(claim.run_id)
        known = remembered.past_of(run)
        assert known is not None
        assert remembered.last_rank(run.pk) == 1
        by_path = {past.path: past for past in known}
        read = {past.path: past for past in moves.past_of(run)}
    assert by_path["s0"] == read["s0"]
    assert by_path.keys() == read.keys() == {"s0", "s1"}
    assert following is not None


def test_nothing_is_remembered_once_somebody_else_took_hold_of_the_run(home: House) -> None:
    claim = claimed(chain(home, 4), "s0")
    committed(claim)
    Run.objects.filter(pk=claim.run_id).update(version=100)
    with transaction.atomic():
        run = runs.lock(claim.run_id)
        assert remembered.past_of(run) is None
        assert remembered.last_rank(run.pk) is None
        assert remembered.succeeded(run, ["s0"]) is None


def test_what_somebody_else_did_meanwhile_is_seen(home: House) -> None:
    run = make.started(home, step("s0", "style"), step("s1", "style"), step("s2", "style"))
    following = committed(claimed(run, "s0"))
    assert following is not None
    ours = deepcopy(dict(remembered._here.runs))
    remembered._here.runs.clear()
    third = committed(following)
    remembered._here.runs.clear()
    remembered._here.runs.update(ours)
    assert third is not None
    assert committed(third) is None
    run.refresh_from_db()
    assert run.state == "succeeded"
    assert list(run.steps.order_by("order").values_list("path", "order")) == [
        ("s0", 1),
        ("s1", 2),
        ("s2", 3),
    ]
    assert isinstance(replay(run.pk), Replayed)


def test_what_was_rolled_back_is_not_remembered(home: House) -> None:
    claim = claimed(chain(home, 4), "s0")
    following = committed(claim)
    assert following is not None

    def in_vain() -> None:
        with transaction.atomic():
            turns.commit(following, turns._worked(following))
            raise LookupError

    with pytest.raises(LookupError):
        in_vain()
    assert step_of(claim.step.run, "s1").state == "running"
    last = committed(following)
    assert last is not None
    assert last.step.path == "s2"


def test_a_hook_that_fails_leaves_nothing_half_remembered(home: House) -> None:
    claim = claimed(chain(home, 4), "s0")

    def broken() -> None:
        raise LookupError

    def with_a_broken_hook() -> None:
        with transaction.atomic():
            transaction.on_commit(broken)
            turns.commit(claim, turns._worked(claim))

    with pytest.raises(LookupError):
        with_a_broken_hook()
    with transaction.atomic():
        assert remembered.past_of(runs.lock(claim.run_id)) is None


def test_two_workers_that_advance_at_once_start_every_step_once(home: House, race: Race) -> None:
    run = chain(home, 6)
    step_id = step_of(run, "s0").pk
    race(*[lambda: turns.drive(step_id=step_id, worker=WORKER)] * 3)
    race(*[lambda: runs.advance(run_id=run.pk)] * 3)
    run.refresh_from_db()
    assert run.state == "succeeded"
    assert Attempt.objects.count() == 6
    assert list(run.steps.order_by("order").values_list("order", flat=True)) == [1, 2, 3, 4, 5, 6]
    assert isinstance(replay(run.pk), Replayed)


def test_workers_that_take_turns_on_a_fan_forget_nothing(home: House, race: Race) -> None:
    fan = {
        "id": "fan",
        "pattern": "concurrent",
        "branches": {
            f"b{n}": {"agent": "style", "timeouts": {"start_to_close": "30s"}} for n in range(8)
        },
        "join": {"policy": "all"},
    }
    agents = {"style": {"ref": "style@1"}}
    run = make.start(make.workflow(home, fan, step("after", "style"), agents=agents), home.ines)
    ready = list(Step.objects.filter(run=run, state="ready").values_list("pk", flat=True))

    def driving(own: list[UUID]) -> Callable[[], object]:
        return lambda: [turns.drive(step_id=pk, worker=WORKER) for pk in own]

    race(driving(ready[::2]), driving(ready[1::2]))
    run.refresh_from_db()
    assert run.state == "succeeded"
    ranks = list(run.steps.order_by("order").values_list("order", flat=True))
    assert ranks == list(range(1, 11))
    assert isinstance(replay(run.pk), Replayed)
