"""A slow program is profiled, experts agree, and what they agreed on is measured."""

from pathlib import Path

import pytest

from orchestrator.demo import examples
from orchestrator.models import Run, RunState, Step
from tests.examples.houses import House, house_of, output_of
from tests.harness.databases import CommittedDatabase

NAME = "performance-optimisation"


@pytest.fixture
def house(committed_db: CommittedDatabase) -> House:
    return house_of(NAME)


def optimised(house: House, place: Path, *faults: str) -> Run:
    return house.run(examples.staged(NAME, place, faults))


@pytest.mark.parametrize(
    ("fault", "kind", "function"),
    [
        ("membership", "set", "kept"),
        pytest.param("recompute", "cache", "rate", marks=pytest.mark.slow),
        pytest.param("reread", "read_once", "currency", marks=pytest.mark.slow),
    ],
)
def test_the_waste_that_is_planted_is_found_agreed_on_and_mended(
    house: House, tmp_path: Path, fault: str, kind: str, function: str
) -> None:
    run = optimised(house, tmp_path, fault)
    assert (run.state, run.error_detail) == (RunState.SUCCEEDED, "")
    agreed = output_of(run, "talk")["proposal"]["data"]
    assert (agreed["kind"], agreed["function"]) == (kind, function)
    measured = output_of(run, "measure")
    assert measured["tests_pass"]
    assert measured["after_ms"] < measured["before_ms"]
    assert measured["patch"].startswith("--- a/orders.py")


def test_a_workload_that_is_fast_enough_is_left_alone(house: House, tmp_path: Path) -> None:
    run = optimised(house, tmp_path)
    assert run.state == RunState.SUCCEEDED
    states = dict(Step.objects.filter(run=run).values_list("path", "state"))
    assert states == {"profile": "succeeded", "talk": "skipped", "measure": "skipped"}


def test_slowness_that_no_expert_understands_is_left_to_a_person(
    house: House, tmp_path: Path
) -> None:
    run = optimised(house, tmp_path, "mystery")
    assert run.state == RunState.ESCALATED
    assert output_of(run, "talk")["proposal"] is None
    assert Step.objects.get(run=run, path="measure").state == "blocked"
