"""A real project goes from a commit to production, or stops where a planted fault shows."""

import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from governance.models import Effect, EffectState, Gate
from orchestrator.demo import examples
from orchestrator.models import Run, RunState
from tests.examples.houses import House, gate_of, house_of, output_of
from tests.factories import orchestrator as make
from tests.factories.git import git
from tests.factories.governance import review
from tests.harness.databases import CommittedDatabase

NAME = "release"
PATIENCE_SECONDS = 60
Served = Callable[[], str]


@pytest.fixture
def house(committed_db: CommittedDatabase) -> House:
    return house_of(NAME)


def released(house: House, place: Path, *faults: str) -> Run:
    return house.run(examples.staged(NAME, place, faults))


def current(place: Path, target: str) -> str:
    """Return the version that lies in a target."""
    package = place / target / "current" / "shop" / "__init__.py"
    return package.read_text().split('"')[-2]


def both(place: Path) -> tuple[str, str]:
    return current(place, "staging"), current(place, "production")


@pytest.fixture
def production_served(tmp_path: Path) -> Iterator[Callable[[], Served]]:
    """Serve production's target by a real process, and give a way to ask for its version."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started: list[subprocess.Popen[bytes]] = []

    def serve() -> Served:
        program = str(examples.FOLDER / NAME / "serve.py")
        command = [sys.executable, program, str(tmp_path / "production"), str(port)]
        started.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))
        return lambda: version_at(port)

    yield serve
    for process in started:
        process.terminate()
        process.wait()


def version_at(port: int) -> str:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        client.request("GET", "/health")
        body = client.getresponse().read()
    except OSError:
        return ""
    finally:
        client.close()
    return str(json.loads(body)["version"])


def comes_to(served: Served, version: str) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while served() != version:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def test_a_release_without_a_fault_is_in_staging_and_waits_before_production(
    house: House, tmp_path: Path
) -> None:
    run = released(house, tmp_path)
    gate = gate_of(run)
    assert gate.sentence == "Deploy 1.1.0 to production (production), in place of 1.0.0"
    assert gate.verdict.reasons == ["production_release"]
    assert both(tmp_path) == ("1.1.0", "1.0.0")
    names = set(gate.exhibits.values_list("name", flat=True))
    assert {"Build", "Tests", "Security", "Compliance", "Health in staging"} <= names
    assert {"Changes to the current release", "Commits"} <= names


def test_an_approved_release_is_what_production_serves(
    house: House, tmp_path: Path, production_served: Callable[[], Served]
) -> None:
    run = released(house, tmp_path)
    served = production_served()
    assert comes_to(served, "1.0.0")
    review(gate_of(run), house.grace)
    make.work(run)
    assert (run.state, run.error_detail) == (RunState.SUCCEEDED, "")
    assert both(tmp_path) == ("1.1.0", "1.1.0")
    assert comes_to(served, "1.1.0")
    assert output_of(run, "notes") == {"notes": "# 1.1.0\n\n- Round prices"}


def test_a_release_that_is_ill_in_production_is_rolled_back_and_the_old_one_served_again(
    house: House, tmp_path: Path, production_served: Callable[[], Served]
) -> None:
    run = released(house, tmp_path, "drift")
    served = production_served()
    assert comes_to(served, "1.0.0")
    gate = gate_of(run)
    assert both(tmp_path) == ("1.1.0", "1.0.0")
    review(gate, house.grace)
    make.work(run)
    assert run.state == RunState.FAILED
    assert "production_check.healthy" in run.error_detail
    assert "staging_check.healthy" not in run.error_detail
    assert run.rollback == "complete"
    assert both(tmp_path) == ("1.0.0", "1.0.0")
    assert comes_to(served, "1.0.0")
    assert set(Effect.objects.values_list("state", flat=True)) == {EffectState.COMPENSATED}


def test_a_rejected_release_leaves_both_targets_as_they_were(house: House, tmp_path: Path) -> None:
    run = released(house, tmp_path)
    review(gate_of(run), house.grace, verb="reject")
    make.work(run)
    assert (run.state, run.rollback) == (RunState.REJECTED, "complete")
    assert both(tmp_path) == ("1.0.0", "1.0.0")


@pytest.mark.parametrize(
    ("fault", "unmet"),
    [
        ("syntax", "build.errors"),
        ("test", "test.passed"),
        ("secret", "security.critical"),
        ("unsigned", "compliance.in_order"),
        ("licence", "compliance.in_order"),
    ],
)
def test_a_fault_stops_the_release_where_it_shows_and_nothing_is_deployed(
    house: House, tmp_path: Path, fault: str, unmet: str
) -> None:
    run = released(house, tmp_path, fault)
    assert run.state == RunState.FAILED
    first, *_ = run.error_detail.partition("does not hold: ")[2].split("; ")
    assert unmet in first
    assert not Effect.objects.exists()
    assert not Gate.objects.exists()
    assert both(tmp_path) == ("1.0.0", "1.0.0")


def test_a_service_that_does_not_start_never_reaches_production(
    house: House, tmp_path: Path
) -> None:
    run = released(house, tmp_path, "crash")
    assert run.state == RunState.FAILED
    assert not Gate.objects.exists()
    assert both(tmp_path) == ("1.0.0", "1.0.0")
    assert list(Effect.objects.values_list("state", flat=True)) == [EffectState.COMPENSATED]


def test_policy_keeps_a_deployer_of_staging_out_of_production(
    house: House, tmp_path: Path
) -> None:
    inputs = examples.staged(NAME, tmp_path)
    (tmp_path / "staging" / "target.json").write_text('{"environment": "production"}')
    run = house.run(inputs)
    assert run.state != RunState.SUCCEEDED
    assert not Effect.objects.exists()
    assert both(tmp_path) == ("1.0.0", "1.0.0")


def test_a_branch_that_moves_during_the_run_is_not_what_is_deployed(
    house: House, tmp_path: Path
) -> None:
    run = released(house, tmp_path)
    shop = tmp_path / "shop"
    built = git(shop, "rev-parse", "main")
    git(shop, "commit", "-q", "--allow-empty", "-m", "Later (#14)")
    review(gate_of(run), house.grace)
    make.work(run)
    record = json.loads(
        (tmp_path / "production" / "current").resolve().with_suffix(".json").read_text()
    )
    assert record["commit"] == built
