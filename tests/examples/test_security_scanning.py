"""Seven real repositories are scanned, and the report is another one for every planted fault."""

import sys
from pathlib import Path

import pytest

from governance.models import Gate
from orchestrator.demo import examples
from orchestrator.models import Run, RunState, Step
from tests.examples.houses import House, gate_of, house_of, output_of
from tests.factories import orchestrator as make
from tests.factories.governance import review
from tests.harness.databases import CommittedDatabase

NAME = "security-scanning"
KEY = "AKIA" + "IOSFODNN7" + "EXAMPLE"


@pytest.fixture
def house(committed_db: CommittedDatabase) -> House:
    return house_of(NAME)


def scanned(house: House, place: Path, *faults: str) -> Run:
    return house.run(examples.staged(NAME, place, faults))


def test_repositories_without_a_fault_are_reported_without_asking_anybody(
    house: House, tmp_path: Path
) -> None:
    run = scanned(house, tmp_path)
    report = output_of(run, "report")
    assert run.state == RunState.SUCCEEDED
    assert (report["repositories"], report["scanned"], report["failed"]) == (7, 7, [])
    assert report["critical"] == report["high"] == 0
    assert not Gate.objects.exists()


def test_seven_repositories_make_two_shards_alike_to_one(house: House, tmp_path: Path) -> None:
    run = scanned(house, tmp_path)
    shards = Step.objects.filter(run=run, path__in=("scans/0", "scans/1")).order_by("path")
    assert [len(shard.task["each"]["shard"]) for shard in shards] == [3, 4]
    assert not Step.objects.filter(run=run, path="scans/2").exists()


def test_a_secret_comes_first_and_people_are_asked(house: House, tmp_path: Path) -> None:
    run = scanned(house, tmp_path, "secret", "hole")
    gate = gate_of(run)
    report = gate.exhibits.get(name="Security report").content
    first = report["findings"][0]
    assert (first["rule"], first["severity"]) == ("aws-access-key-id", "critical")
    assert (first["file"], first["line"]) == ("payments/deploy/settings.ini", 2)
    assert KEY not in str(report)
    assert gate.verdict.reasons == ["checkpoint_not_met"]
    assert run.state == RunState.WAITING
    review(gate, house.grace)
    make.work(run)
    assert run.state == RunState.SUCCEEDED
    first, *_ = output_of(run, "advice")["advice"]
    assert (first["rule"], first["text"][:9]) == ("aws-access-key-id", "Revoke it")


def test_a_report_with_a_secret_that_people_reject_does_not_stand(
    house: House, tmp_path: Path
) -> None:
    run = scanned(house, tmp_path, "secret")
    review(gate_of(run), house.grace, verb="reject")
    make.work(run)
    assert run.state == RunState.REJECTED


def test_a_hole_that_bandit_is_sure_of_is_critical_and_below_it_stands_what_is_not(
    house: House, tmp_path: Path
) -> None:
    run = scanned(house, tmp_path, "hole")
    gravest = [(each["rule"], each["severity"]) for each in output_of(run, "report")["top"]]
    assert gravest[0] == ("B602", "critical")
    assert ("B404", "low") in gravest


def test_a_repository_that_cannot_be_read_is_listed_as_failed(
    house: House, tmp_path: Path
) -> None:
    run = scanned(house, tmp_path, "broken")
    report = output_of(run, "report")
    [failed] = report["failed"]
    assert Path(failed["repository"]).name == "orders"
    assert failed["reason"].startswith("git ls-tree")
    assert (report["repositories"], report["scanned"]) == (7, 6)
    assert "could not be scanned" in gate_of(run).action.rationale


def test_repositories_of_an_agent_that_broke_down_are_listed_as_failed(
    house: House, tmp_path: Path
) -> None:
    inputs = examples.staged(NAME, tmp_path)
    run = make.start(house.workflow, house.ines, inputs)
    agent = Step.objects.get(run=run, path="scans/0").agent
    assert agent is not None
    program = tmp_path / "broken.py"
    program.write_text(
        "import json, sys\n"
        "wanted = json.load(sys.stdin)['inputs']['repositories']\n"
        "findings = [] if len(wanted) == 3 else [{'repository': each, 'rule': 'scanned',"
        " 'severity': 'info', 'file': '', 'line': 0, 'message': ''} for each in wanted]\n"
        "print(json.dumps({'output': {'findings': findings}}))\n"
    )
    agent.runner_config = {"argv": [sys.executable, str(program)]}
    agent.save()
    make.work(run)
    report = output_of(run, "report")
    assert [Path(each["repository"]).name for each in report["failed"]] == [
        "basket",
        "catalog",
        "invoices",
    ]
    assert "no answer" in report["failed"][0]["reason"]
