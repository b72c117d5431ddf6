"""A suite that really fails is mended for real, or a person is called and nothing was touched."""

from pathlib import Path
from typing import Any

import pytest

from audit.services.events import recording
from governance.models import Action, Effect, Exhibit, Gate, Verdict
from orchestrator.demo import examples
from orchestrator.demo.scripted.script import script_of
from orchestrator.demo.scripted.server import serving
from orchestrator.models import Run, RunState, Step
from orchestrator.selectors.replays import Replayed, replay
from tests.examples.houses import House, gate_of, house_of, output_of
from tests.factories import orchestrator as make
from tests.factories.git import commit, git
from tests.factories.governance import member, review
from tests.harness.databases import CommittedDatabase

NAME, BRANCH = "self-healing-ci", "feature/totals"


@pytest.fixture
def house(committed_db: CommittedDatabase) -> House:
    return house_of(NAME)


def healed(house: House, place: Path, *faults: str) -> Run:
    return house.run(examples.staged(NAME, place, faults))


def head(place: Path) -> str:
    return git(place / "shop", "rev-parse", BRANCH)


def commits(place: Path) -> list[str]:
    return git(place / "shop", "log", "--format=%s", f"main..{BRANCH}").splitlines()


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("typo", "ModuleNotFoundError"),
        pytest.param("name", "NameError", marks=pytest.mark.slow),
        pytest.param("colon", "SyntaxError", marks=pytest.mark.slow),
    ],
)
def test_a_fault_with_a_known_remedy_is_mended_and_the_suite_is_green(
    house: House, tmp_path: Path, fault: str, error: str
) -> None:
    run = healed(house, tmp_path, fault)
    assert (run.state, run.error_detail) == (RunState.SUCCEEDED, "")
    assert not Gate.objects.exists()
    assert commits(tmp_path)[0].startswith(f"Mend shop/basket.py: {error}")
    assert len(commits(tmp_path)) == 2
    right, wrong = git(tmp_path / "shop", "show", "main:shop/basket.py"), head(tmp_path)
    assert git(tmp_path / "shop", "show", f"{wrong}:shop/basket.py") == right
    assert isinstance(replay(run.pk), Replayed)


def test_success_was_checked_by_running_the_tests_again(house: House, tmp_path: Path) -> None:
    run = healed(house, tmp_path, "typo")
    [green] = output_of(run, "heal")["criteria"]
    assert green["met"]
    assert green["reason"] == f"0 of 2 tests fail at {head(tmp_path)[:12]}."
    tries = Step.objects.filter(run=run, path="heal/item_run_tests").order_by("iteration")
    assert [step.output["passed"] for step in tries] == [False, True]


def test_two_faults_are_mended_one_after_the_other(house: House, tmp_path: Path) -> None:
    run = healed(house, tmp_path, "typo", "name")
    assert run.state == RunState.SUCCEEDED
    assert [line.partition(":")[0] for line in commits(tmp_path)[:2]] == [
        "Mend shop/basket.py",
        "Mend shop/basket.py",
    ]


def test_a_suite_that_passes_is_left_alone(house: House, tmp_path: Path) -> None:
    run = healed(house, tmp_path)
    assert run.state == RunState.SUCCEEDED
    assert not Action.objects.exists()
    assert commits(tmp_path) == []


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("logic", "No remedy is known: AssertionError: 1450 != 2100 (tests/test_basket.py:11)"),
        ("test", "The fault is in a test"),
    ],
)
def test_a_fault_without_a_known_remedy_calls_a_person_and_the_repository_is_untouched(
    house: House, tmp_path: Path, fault: str, why: str
) -> None:
    inputs = examples.staged(NAME, tmp_path, [fault])
    before = git(tmp_path / "shop", "for-each-ref")
    run = house.run(inputs)
    assert run.state == RunState.ESCALATED
    assert why in run.error_detail
    assert git(tmp_path / "shop", "for-each-ref") == before
    assert not Action.objects.exists()
    shown = {each.name: each.content for each in Exhibit.objects.filter(run_id=run.pk)}
    assert shown["Diagnosis"]["kind"] == "complex"
    assert "FAILED" in shown["Test run"]["findings"][0]["message"]


def test_on_a_protected_branch_the_same_remedy_waits_for_a_person(
    house: House, tmp_path: Path
) -> None:
    run = healed(house, tmp_path, "typo", "protected")
    gate = gate_of(run)
    assert gate.verdict.reasons == ["protected_branch"]
    assert gate.sentence == f"Commit shop/basket.py to {BRANCH} of shop"
    assert len(commits(tmp_path)) == 1
    review(gate, house.grace)
    make.work(run)
    assert run.state == RunState.SUCCEEDED
    assert len(commits(tmp_path)) == 2


def test_a_rejected_remedy_is_not_applied(house: House, tmp_path: Path) -> None:
    run = healed(house, tmp_path, "typo", "protected")
    review(gate_of(run), house.grace, verb="reject")
    make.work(run)
    assert run.state == RunState.REJECTED
    assert len(commits(tmp_path)) == 1
    assert not Effect.objects.exists()


def claim(*, holds: bool = False) -> dict[str, Any]:
    return {"answer": holds, "reason": "So it seems."}


def ledger(*items: str, satisfied: bool = False) -> dict[str, Any]:
    """Return the progress ledger of a model."""
    return {
        "is_request_satisfied": claim(holds=satisfied),
        "is_in_loop": claim(),
        "is_progress_being_made": claim(holds=True),
        "next": [{"item": item, "instruction": "Please."} for item in items],
    }


def item(name: str, agent: str, *before: str) -> dict[str, Any]:
    """Return an item of a model's plan."""
    return {
        "id": name,
        "agent": agent,
        "goal": f"Do the part of {agent}",
        "risk": "low",
        "depends_on": list(before),
        "est_cost_micro_usd": 0,
    }


PLAN = {
    "team": [{"agent": name, "why": "It is needed."} for name in ("reproduce", "diagnose", "fix")],
    "plan": [
        item("one", "reproduce"),
        item("two", "diagnose", "one"),
        item("three", "fix", "two"),
    ],
}


def led_by_a_model(place: Path, base_url: str, fault: str) -> Run:
    """Run the example with the lead of `agents.openai.yaml` at another address."""
    example = examples.read(NAME, "agents.openai.yaml")
    [lead] = (each for each in example.manifest["agents"] if each["runner"] == "openai")
    lead["config"]["base_url"] = base_url
    with recording():
        loaded = examples.load(example)
    house = House(loaded.workflow, loaded.initiator, member("grace", loaded.workflow.domain))
    return house.run(examples.staged(NAME, place, [fault]))


def test_a_model_may_lead_the_same_team_by_the_same_file(
    committed_db: CommittedDatabase, tmp_path: Path
) -> None:
    turns = [PLAN, ledger("one"), ledger("two"), ledger("three"), ledger(satisfied=True)]
    with serving(script_of([{"json": turn} for turn in turns])) as model:
        run = led_by_a_model(tmp_path, model.base_url, "typo")
    assert (run.state, run.error_detail) == (RunState.SUCCEEDED, "")
    assert len(commits(tmp_path)) == 2


def test_a_model_that_claims_success_over_a_failing_suite_is_not_believed(
    committed_db: CommittedDatabase, tmp_path: Path
) -> None:
    turns = [{"json": PLAN}, {"json": ledger(satisfied=True), "always": True}]
    with serving(script_of(turns)) as model:
        run = led_by_a_model(tmp_path, model.base_url, "logic")
    assert run.state == RunState.ESCALATED
    assert len(commits(tmp_path)) == 1


def test_policy_forbids_a_healer_to_change_a_test(house: House, tmp_path: Path) -> None:
    inputs = examples.staged(NAME, tmp_path, ["typo"])
    run = make.start(house.workflow, house.ines, inputs)
    fixer = Step.objects.get(run=run, path="heal/plan").run.domain.agents.get(slug="ci-fixer")
    program = tmp_path / "cheat.py"
    base = head(tmp_path)
    arguments = {
        "repository": str(tmp_path / "shop"),
        "branch": BRANCH,
        "base": base,
        "message": "Mend it",
        "files": [{"path": "tests/test_basket.py", "text": "import unittest\n"}],
    }
    said = {
        "output": {"applied": True, "reason": "Trust me."},
        "proposals": [{"tool": "git.commit", "arguments": arguments}],
    }
    program.write_text(f"import json\nprint(json.dumps({said!r}))\n")
    fixer.runner_config = {"argv": ["python", str(program)]}
    fixer.save()
    make.work(run)
    assert Verdict.objects.get().reasons == ["changes_tests"]
    assert run.state == RunState.ESCALATED
    assert head(tmp_path) == base
    commit(tmp_path / "shop", "The repository still works (#9)")
