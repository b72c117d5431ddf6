"""Limits of how many are at work, and mutexes: who goes, who waits, and who is rung for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import override_settings

from governance.models import Agent
from orchestrator.models import AttemptKind, Mutex, Run, Step
from orchestrator.selectors.replays import Replayed, replay
from orchestrator.services import bells, claims, execution, turns
from orchestrator.services.claims import Claim
from orchestrator.services.sweep import sweep
from tests.factories import orchestrator as make
from tests.factories.audit import recorded
from tests.factories.governance import House, house, lines_in
from tests.factories.orchestrator import WORKER, started, states_of, step, step_of, work
from tests.orchestrator.services.proposing import append

TURN = {"start_to_close": "30s"}


@pytest.fixture
def home(db: None, tmp_path: Path) -> House:
    home = house(tmp_path)
    for slug in ("ann", "bob"):
        make.agent(home, slug)
    return home


def take(run: Run, path: str) -> Claim | None:
    return claims.claim(step_id=step_of(run, path).pk, kind=AttemptKind.TURN, worker=WORKER)


def finish(claim: Claim | None) -> None:
    """Do the turn that was taken, and none after it."""
    assert claim is not None
    turns.take(Claim(**{**_fields(claim), "worker": ""}))


def _fields(claim: Claim) -> dict[str, Any]:
    return {name: getattr(claim, name) for name in Claim.__slots__}


def fan(size: int = 3, **fields: Any) -> dict[str, Any]:
    branches = {f"b{number}": {"agent": "ann", "timeouts": TURN} for number in range(size)}
    return {"id": "fan", "pattern": "concurrent", "branches": branches, **fields}


def limited(slug: str, most: int) -> None:
    Agent.objects.filter(slug=slug).update(max_parallel=most)


def test_a_limit_that_is_set_while_a_run_goes_on_counts_for_its_next_step(home: House) -> None:
    run = started(home, step("one", "ann"), step("two", "ann"), step("three", "bob"))
    limited("ann", 1)
    work(run)
    assert run.state == "succeeded"
    assert [step_of(run, path).bounded for path in ("one", "two", "three")] == [False, True, False]


def alone(id: str, agent: str, *keys: str, **fields: Any) -> dict[str, Any]:
    return step(id, agent, mutex=list(keys), **fields)


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect the steps that are rung for one by one."""
    found: list[str] = []
    monkeypatch.setattr(bells, "ring", lambda step: found.append(step.place))
    return found


def test_an_agent_is_at_work_on_no_more_steps_than_it_may(home: House, rung: list[str]) -> None:
    limited("ann", 1)
    run = started_with(home, fan())
    first = take(run, "fan/b0")
    assert first is not None
    assert take(run, "fan/b1") is None
    assert step_of(run, "fan/b1").state == "ready"
    finish(first)
    assert rung == ["fan/b1", "fan/b2"]
    assert take(run, "fan/b1") is not None


def test_the_oldest_step_of_an_agent_goes_first(home: House) -> None:
    limited("ann", 1)
    older, newer = started(home, step("a", "ann")), started(home, step("a", "ann"))
    assert take(newer, "a") is None
    assert take(older, "a") is not None
    assert take(newer, "a") is None


def test_a_step_of_a_paused_run_holds_nobody_up(home: House) -> None:
    limited("ann", 1)
    older, newer = started(home, step("a", "ann")), started(home, step("a", "ann"))
    Run.objects.filter(pk=older.pk).update(state="paused")
    assert take(newer, "a") is not None


def test_a_run_with_fans_within_fans_keeps_to_its_limit_as_a_whole(home: House) -> None:
    outer = fan(0)
    for name in "xy":
        branches = {f"{name}{n}": {"agent": "ann", "timeouts": TURN} for n in range(2)}
        outer["branches"][name] = {"pattern": "concurrent", "branches": branches}
    limits = {"deadline": "1h", "max_attempts": 3, "max_parallel": 2}
    agents = {"ann": {"ref": "ann@1"}}
    run = started(home, outer, limits=limits, agents=agents)
    assert sum(state == "ready" for state in states_of(run).values()) == 4
    assert take(run, "fan/x/x0") is not None
    assert take(run, "fan/y/y0") is not None
    assert take(run, "fan/x/x1") is None
    assert take(run, "fan/y/y1") is None


def test_an_installation_keeps_to_its_limit(home: House) -> None:
    with override_settings(MAX_PARALLEL=2):
        run = started_with(home, fan())
        assert take(run, "fan/b0") is not None
        assert take(run, "fan/b1") is not None
        assert take(run, "fan/b2") is None


def test_steps_that_are_bound_by_nothing_are_not_looked_at(home: House) -> None:
    run = started(home, step("a", "ann"))
    assert not step_of(run, "a").bounded
    assert not Mutex.objects.exists()


def test_two_steps_never_hold_one_mutex(home: House, rung: list[str]) -> None:
    one, two = _with_repo(home, "shop"), _with_repo(home, "shop")
    other = _with_repo(home, "bank")
    first = take(one, "a")
    assert first is not None
    assert take(two, "a") is None
    waits = step_of(two, "a")
    assert waits.waits_for == f"{home.domain.pk}/repo:shop"
    assert take(two, "a") is None
    assert recorded(f"run:{two.pk}").count("step.held_up") == 1
    assert take(other, "a") is not None
    finish(first)
    assert "a" in rung
    assert take(two, "a") is not None
    assert step_of(two, "a").waits_for == ""


def _with_repo(home: House, repo: str) -> Run:
    file = make.workflow(home, alone("a", "ann", "repo:{{ inputs.repo }}"))
    return make.start(file, home.ines, {"repo": repo})


def test_all_mutexes_are_had_or_none(home: House) -> None:
    one = started(home, alone("a", "ann", "m2"))
    both = started(home, alone("a", "ann", "m1", "m2"))
    assert take(one, "a") is not None
    assert take(both, "a") is None
    free = started(home, alone("a", "ann", "m1"))
    assert take(free, "a") is not None


def test_a_step_lets_go_while_people_are_asked_and_holds_again_while_it_acts(home: House) -> None:
    make.agent(home, "clerk", proposals=[append(home.open)])
    run = started(home, alone("write", "clerk", "m"))
    other = started(home, alone("a", "ann", "m"))
    turns.drive(step_id=step_of(run, "write").pk, worker=WORKER)
    holder = take(other, "a")
    assert holder is not None
    assert not execution.execute(step_id=step_of(run, "write").pk, worker=WORKER)
    finish(holder)
    assert work(run).state == "succeeded"
    assert lines_in(home.open) == 1
    assert isinstance(replay(run.pk), Replayed)


def test_a_mutex_of_a_lost_worker_is_free_once_its_claim_is(home: House) -> None:
    one, two = started(home, alone("a", "ann", "m")), started(home, alone("a", "ann", "m"))
    lost = take(one, "a")
    assert lost is not None
    assert take(two, "a") is None
    Step.objects.filter(run=one).update(lease_expires_at=Now())
    assert sweep().reclaimed == 1
    assert take(two, "a") is not None
    assert take(one, "a") is None


def block(id: str, *keys: str, steps: list[dict[str, Any]]) -> dict[str, Any]:
    return {"id": id, "pattern": "sequential", "mutex": list(keys), "steps": steps}


def started_with(home: House, *nodes: dict[str, Any]) -> Run:
    return started(home, *nodes, agents={"ann": {"ref": "ann@1"}})


def test_a_block_holds_its_mutex_until_it_ends(home: House) -> None:
    inner = [step("x", "ann"), step("y", "ann")]
    run = started_with(home, block("b", "m", steps=inner))
    other = started(home, alone("a", "ann", "m"))
    finish(take(run, "b/x"))
    assert take(other, "a") is None
    assert work(run).state == "succeeded"
    assert take(other, "a") is not None


def crossed(home: House) -> tuple[Run, Run]:
    """Start two runs whose blocks hold what a step in the other's wants."""
    runs = [
        started_with(
            home,
            block("b", mine, steps=[step("x", "ann"), alone("y", "ann", theirs)]),
        )
        for mine, theirs in (("m1", "m2"), ("m2", "m1"))
    ]
    for run in runs:
        finish(take(run, "b/x"))
    for run in runs:
        assert take(run, "b/y") is None
    return runs[0], runs[1]


def test_of_steps_that_wait_for_each_other_in_a_circle_the_youngest_needs_a_person(
    home: House,
) -> None:
    older, younger = crossed(home)
    assert sweep().gave_way == 1
    assert sweep().gave_way == 0
    younger.refresh_from_db()
    stuck = step_of(younger, "b/y")
    assert (stuck.state, stuck.error_code, younger.state) == ("escalated", "deadlock", "escalated")
    assert "m1" in stuck.error_detail
    assert work(older).state == "succeeded"
    assert isinstance(replay(younger.pk), Replayed)
    assert isinstance(replay(older.pk), Replayed)


def test_a_mutex_that_cannot_be_worked_out_stands_for_its_text(home: House) -> None:
    one = started(home, alone("a", "ann", "repo:{{ inputs.repo }}"))
    two = started(home, alone("a", "ann", "repo:{{ inputs.repo }}"))
    assert take(one, "a") is not None
    assert take(two, "a") is None


def test_many_workers_at_once_keep_to_limits_and_mutexes(
    committed_db: None, race: Callable[..., list[object]], tmp_path: Path
) -> None:
    home = house(tmp_path)
    make.agent(home, "ann")
    make.agent(home, "bob")
    limited("ann", 2)
    run = started_with(home, fan(5))
    same = [started(home, alone("a", "bob", "m")) for _ in range(5)]
    takes = [lambda n=n: take(run, f"fan/b{n}") for n in range(5)]
    won = [claim for claim in race(*takes) if isinstance(claim, Claim)]
    assert 1 <= len(won) <= 2
    assert Step.objects.filter(state="running", agent__slug="ann").count() == len(won)
    came = race(*[lambda r=r: take(r, "a") for r in same])
    assert sorted(type(outcome).__name__ for outcome in came) == ["Claim", *["NoneType"] * 4]
