"""A real service on loopback is attacked, and what is done about it depends on what was done."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from governance.models import Effect, Gate
from orchestrator.models import Run, RunState, Step
from tests.examples.houses import House, gate_of, house_of, output_of
from tests.examples.services import asked, credential, service
from tests.factories import orchestrator as make
from tests.factories.governance import review
from tests.harness.databases import CommittedDatabase

TALK, COMMAND = "incident-response", "incident-command"
BOTH = pytest.mark.parametrize("name", [TALK, COMMAND])


def agreed_to(run: Run, house: House) -> Run:
    """Approve whatever the run asks, one thing after the other."""
    for _ in range(5):
        waiting = Gate.objects.filter(action__run_id=run.pk, state="pending").first()
        if waiting is None:
            break
        review(waiting, house.grace)
        make.work(run)
    run.refresh_from_db()
    return run


def tools_of(run: Run) -> list[str]:
    done = Effect.objects.filter(run_id=run.pk, state="succeeded").order_by("commit_seq")
    return [effect.action.tool_id for effect in done]


def evidence_of(run: Run) -> dict[str, Any]:
    effect = Effect.objects.get(run_id=run.pk, action__tool="evidence.preserve")
    return dict(effect.response)


@BOTH
def test_an_abused_credential_is_rotated_after_people_agreed_and_the_evidence_is_kept(
    committed_db: CommittedDatabase, tmp_path: Path, name: str
) -> None:
    house = house_of(name)
    with service(name, tmp_path, "leak") as inputs:
        stolen = credential(inputs)
        assert asked(inputs, stolen) == 200
        run = house.run(inputs)
        assert run.state == RunState.WAITING
        assert asked(inputs, stolen) == 200
        run = agreed_to(run, house)
        assert (run.state, run.error_detail) == (RunState.SUCCEEDED, "")
        assert tools_of(run) == ["evidence.preserve", "service.isolate", "credential.rotate"]
        assert asked(inputs, stolen) == 503
        kept = evidence_of(run)
        data = Path(kept["evidence"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == kept["sha256"] == Path(kept["evidence"]).name
        assert b"/customers/119" in data
        assert credential(inputs) != stolen
        assert stolen.encode() not in str(run.steps.values_list("output")).encode()


@BOTH
def test_a_flood_is_shut_out_and_no_credential_is_touched(
    committed_db: CommittedDatabase, tmp_path: Path, name: str
) -> None:
    house = house_of(name)
    with service(name, tmp_path, "flood") as inputs:
        before = credential(inputs, "reports")
        run = agreed_to(house.run(inputs), house)
        assert (run.state, run.error_detail) == (RunState.SUCCEEDED, "")
        assert tools_of(run) == ["evidence.preserve", "service.isolate"]
        assert asked(inputs, before, "reports") == 503
        assert credential(inputs, "reports") == before


@BOTH
def test_slow_answers_interrupt_nobody(
    committed_db: CommittedDatabase, tmp_path: Path, name: str
) -> None:
    house = house_of(name)
    with service(name, tmp_path, "slow") as inputs:
        run = house.run(inputs)
        assert (run.state, run.error_detail) == (RunState.SUCCEEDED, "")
        assert not Gate.objects.exists()
        assert asked(inputs, credential(inputs)) == 200


@BOTH
def test_a_service_in_order_is_left_alone(
    committed_db: CommittedDatabase, tmp_path: Path, name: str
) -> None:
    house = house_of(name)
    with service(name, tmp_path) as inputs:
        run = house.run(inputs)
        assert (run.state, run.error_detail) == (RunState.SUCCEEDED, "")
        assert tools_of(run) == []


@BOTH
def test_a_rotation_that_people_refuse_lets_everybody_in_again(
    committed_db: CommittedDatabase, tmp_path: Path, name: str
) -> None:
    house = house_of(name)
    with service(name, tmp_path, "leak") as inputs:
        stolen = credential(inputs)
        run = house.run(inputs)
        review(gate_of(run), house.grace)
        make.work(run)
        assert asked(inputs, stolen) == 503
        review(gate_of(run), house.grace, verb="reject")
        make.work(run)
        run.refresh_from_db()
        assert run.state == RunState.REJECTED
        assert asked(inputs, stolen) == 200
        assert credential(inputs) == stolen


def test_the_commander_pulls_in_only_whom_the_evidence_asks_for(
    committed_db: CommittedDatabase, tmp_path: Path
) -> None:
    house = house_of(COMMAND)
    with service(COMMAND, tmp_path, "slow") as inputs:
        run = house.run(inputs)
    worked = Step.objects.filter(run=run, path__startswith="command/item_")
    assert set(worked.values_list("alias", flat=True)) == {"diagnostics", "performance"}
    assert output_of(run, "command/item_explain")["slow"][0]["path"] == "/report"


def test_the_panel_decides_by_a_ballot_whose_papers_are_kept(
    committed_db: CommittedDatabase, tmp_path: Path
) -> None:
    house = house_of(TALK)
    with service(TALK, tmp_path, "leak", "slow") as inputs:
        run = house.run(inputs)
    talk = output_of(run, "talk")
    assert talk["proposal"]["data"]["kind"] == "leak"
    assert len(talk["tally"]["papers"]) == 3
    assert {one["data"].get("kind") for one in talk["thread"] if one["kind"] == "proposal"} == {
        "leak",
        "slow",
    }
