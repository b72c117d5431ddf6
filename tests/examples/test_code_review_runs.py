"""Whole runs of the example on real repositories, from the first step to the merge."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from audit.services.events import recording
from governance.models import Effect, Gate, GateState, Person
from orchestrator.demo.seed import load, read_example
from orchestrator.demo.shop import Shop
from orchestrator.models import Run, RunState, Step, StepState, Workflow
from orchestrator.services import execution, runs, turns
from tests.factories.git import Key, branch, commit, git, repository, signing_key
from tests.factories.governance import member, review
from tests.harness.databases import CommittedDatabase

CLEAN = 'def total(prices: list[int]) -> int:\n    """Add prices up."""\n    return sum(prices)\n'
RULES = ".countersign/repository.yaml"


@dataclass(frozen=True)
class House:
    """A house with the example loaded, a reviewer, and a repository with a signing key."""

    workflow: Workflow
    ines: Person
    grace: Person
    shop: Path
    key: Key

    def started(self, source: str = "feature") -> Run:
        """Start a run over a branch and let every agent that may work do so."""
        inputs = {"repo": str(self.shop), "branch": source, "target": "main"}
        run = runs.start(
            workflow=self.workflow, initiator=self.ines, inputs=inputs, dedupe_key=source
        )
        return worked(run)


@pytest.fixture
def house(committed_db: CommittedDatabase, tmp_path: Path) -> House:
    example = read_example()
    with recording():
        demo = load(Shop(tmp_path), example)
    key = signing_key(tmp_path / "keys")
    signers = {".countersign/allowed_signers": key.allowed}
    shop = repository(tmp_path / "shop", {**signers, RULES: "require_signed_commits: true\n"})
    grace = member("grace", demo.workflow.domain)
    return House(demo.workflow, demo.initiator, grace, shop, key)


def worked(run: Run) -> Run:
    """Do everything that workers would do for this run until it waits or has ended."""
    while step := Step.objects.filter(run=run, state=StepState.READY).first():
        act = execution.execute if step.action_id else turns.drive
        act(step_id=step.pk, worker="worker-1")
    run.refresh_from_db()
    return run


def gate_of(run: Run) -> Gate:
    return Gate.objects.get(action__run_id=run.pk, state=GateState.PENDING)


def outcomes(run: Run) -> list[tuple[str, str]]:
    return list(run.steps.order_by("position").values_list("path", "state"))


def main_of(house: House) -> str:
    return git(house.shop, "rev-parse", "main")


def test_a_clean_branch_waits_for_a_person_and_is_merged_once_approved(house: House) -> None:
    head = branch(house.shop, {"total.py": CLEAN}, key=house.key)
    run = house.started()
    gate = gate_of(run)
    assert run.state == RunState.WAITING
    assert gate.sentence == "Merge branch feature into main of shop (1 commit, 1 file)"
    assert gate.verdict.reasons == ["protected_branch"]
    kinds = sorted(gate.exhibits.values_list("kind", flat=True))
    assert kinds == ["commits", "diff", "findings", "findings", "findings"]
    before = main_of(house)
    review(gate, house.grace)
    worked(run)
    assert run.state == RunState.SUCCEEDED
    assert git(house.shop, "log", "-1", "--format=%P", "main") == f"{before} {head}"
    assert Effect.objects.get().state == "succeeded"


def test_a_rejected_merge_ends_the_run_and_changes_nothing(house: House) -> None:
    branch(house.shop, {"total.py": CLEAN}, key=house.key)
    run, before = house.started(), main_of(house)
    review(gate_of(run), house.grace, verb="reject")
    worked(run)
    assert run.state == RunState.REJECTED
    assert main_of(house) == before
    assert not Effect.objects.exists()


def test_broken_code_waits_before_the_security_scan_until_a_person_lets_it_go_on(
    house: House,
) -> None:
    branch(house.shop, {"bad.py": "print(undefined)\n"}, key=house.key)
    run = house.started()
    assert outcomes(run)[:2] == [("style", "awaiting_approval"), ("security", "blocked")]
    gate = gate_of(run)
    assert gate.verdict.reasons == ["checkpoint_not_met"]
    review(gate, house.grace)
    worked(run)
    assert dict(outcomes(run))["security"] == StepState.SUCCEEDED
    assert gate_of(run).verdict.reasons == ["protected_branch"]


def test_a_secret_stops_the_run_before_any_gate_and_says_so(house: House) -> None:
    secret = "AKIA" + "IOSFODNN7" + "EXAMPLE"
    branch(house.shop, {"config.py": f"KEY = '{secret}'\n"}, key=house.key)
    run, before = house.started(), main_of(house)
    assert run.state == RunState.FAILED
    assert "secret" in run.error_detail
    assert dict(outcomes(run))["security"] == StepState.FAILED
    assert not Gate.objects.exists()
    assert main_of(house) == before


@pytest.mark.parametrize("signer", ["nobody", "mallory"])
def test_no_approval_is_asked_for_what_signatures_forbid(
    house: House, tmp_path: Path, signer: str
) -> None:
    mallory = signing_key(tmp_path / "keys", "mallory@example.org")
    branch(house.shop, {"total.py": CLEAN}, key=mallory if signer == "mallory" else None)
    run = house.started()
    assert run.state == RunState.FAILED
    assert "not signed" in run.error_detail
    assert not Gate.objects.exists()


def test_unsigned_commits_are_the_reviewers_matter_where_nobody_demands_signatures(
    house: House,
) -> None:
    git(house.shop, "checkout", "-q", "main")
    commit(house.shop, "Relax (#5)", {RULES: "require_signed_commits: false\n"})
    branch(house.shop, {"total.py": CLEAN}, message="No signature, no issue")
    gate = gate_of(house.started())
    compliance = gate.exhibits.get(name="Compliance").content
    assert [found["rule"] for found in compliance["findings"]] == ["unsigned", "no-issue"]


def test_a_branch_that_nobody_protects_is_merged_without_asking(house: House) -> None:
    git(house.shop, "checkout", "-q", "main")
    commit(house.shop, "Free (#5)", {RULES: "unprotected_branches: ['main']\n"})
    branch(house.shop, {"total.py": CLEAN}, key=house.key)
    run = house.started()
    assert run.state == RunState.SUCCEEDED
    assert not Gate.objects.exists()
    assert git(house.shop, "log", "-1", "--format=%s", "main") == "Merge branch feature into main"


def test_a_branch_that_moved_after_the_approval_is_asked_about_again(house: House) -> None:
    branch(house.shop, {"total.py": CLEAN}, key=house.key)
    run, before = house.started(), main_of(house)
    approved = gate_of(run)
    review(approved, house.grace)
    moved = branch(house.shop, {"later.py": CLEAN}, key=house.key, message="Later (#7)")
    worked(run)
    assert main_of(house) == before
    asked = gate_of(run)
    approved.refresh_from_db()
    assert (approved.state, asked.delta_of_id) == (GateState.VOID, approved.pk)
    diff = asked.exhibits.get(kind="diff").content
    assert [file["path"] for file in diff["files"]] == ["later.py"]
    review(asked, house.grace)
    worked(run)
    assert run.state == RunState.SUCCEEDED
    assert git(house.shop, "rev-parse", "main^2") == moved


def test_a_dirty_work_tree_is_told_and_asked_about_again(house: House) -> None:
    branch(house.shop, {"total.py": CLEAN}, key=house.key, back_to="main")
    run, before = house.started(), main_of(house)
    (house.shop / RULES).write_text("mine\n")
    review(gate_of(run), house.grace)
    worked(run)
    assert main_of(house) == before
    assert run.state == RunState.WAITING
    failed = Effect.objects.get()
    assert failed.state == "failed"
    assert str(house.shop) in failed.error
    git(house.shop, "checkout", "-q", RULES)
    review(gate_of(run), house.grace)
    worked(run)
    assert run.state == RunState.SUCCEEDED
    assert git(house.shop, "rev-list", "--count", "--merges", "main") == "1"
