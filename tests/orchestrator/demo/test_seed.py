import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from audit.models import Event
from audit.types import Actor
from governance.adapters import adapter_for
from governance.models import Agent, Domain, Gate, GateState, Person
from governance.services import domains
from orchestrator.demo import crowd, seed
from orchestrator.models import Run, RunState
from orchestrator.runners.git.merge import GitMerge
from orchestrator.services import turns
from tests.factories.git import git, merge_arguments
from tests.harness.databases import CommittedDatabase


@pytest.fixture
def shop(committed_db: CommittedDatabase, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Say where the demo's repository is, which an installation there would allow."""
    place = committed_db.data_dir / "demo-shop"
    monkeypatch.setattr(adapter_for("git.merge"), "roots", (place,))
    return place


def test_the_demo_is_a_repository_whose_commits_are_signed_and_name_issues(shop: Path) -> None:
    seed.first()
    facts = GitMerge(["/"]).collect(merge_arguments(shop, "volume-discounts")).facts
    assert facts["commit_count"] == 3
    assert facts["unsigned_commits"] == facts["unverified_signers"] == []
    assert facts["linked_issues"] == ["#12"]
    assert facts["signatures_required"]
    assert facts["target_protected"]
    assert git(shop, "status", "--porcelain") == ""


def test_the_shop_passes_its_own_tests_on_both_branches(shop: Path) -> None:
    seed.first()
    for name in ("main", "volume-discounts"):
        git(shop, "checkout", "-q", name)
        command = [sys.executable, "-B", "-m", "unittest", "-q"]
        subprocess.run(command, cwd=shop, check=True, capture_output=True)


def test_the_demo_loaded_twice_is_loaded_once(shop: Path) -> None:
    first = seed.first()
    events, head = Event.objects.count(), git(shop, "rev-parse", "volume-discounts")
    assert seed.first() == first
    assert Event.objects.count() == events
    assert git(shop, "rev-parse", "volume-discounts") == head
    assert Domain.objects.get().slug == "demo"


def test_the_people_of_the_demo_own_its_agents_and_cannot_sign_in(shop: Path) -> None:
    run = seed.first()
    assert set(Person.objects.values_list("username", "may_sign_in")) == {
        ("demo-owner", False),
        ("demo-sponsor", False),
        ("demo-initiator", False),
    }
    assert run.initiator.display_name == "Ines Moreau"
    assert {(str(a.owner), str(a.sponsor)) for a in Agent.objects.all()} == {
        ("Olga Petrova", "Sam Adeyemi")
    }


def test_the_demo_run_comes_to_wait_at_a_gate_before_anybody_enrolled(shop: Path) -> None:
    run = seed.first()
    turns.drive(step_id=run.steps.earliest("position").pk, worker="worker-1")
    run.refresh_from_db()
    gate = Gate.objects.get()
    assert (run.state, gate.state) == (RunState.WAITING, GateState.PENDING)
    assert gate.sentence == (
        "Merge branch volume-discounts into main of demo-shop (3 commits, 5 files)"
    )


def test_another_run_is_about_another_branch(shop: Path) -> None:
    runs = [seed.first(), seed.another(), seed.another()]
    assert len({run.inputs["branch"] for run in runs}) == 3
    facts = GitMerge(["/"]).collect(merge_arguments(shop, runs[2].inputs["branch"])).facts
    assert facts["unsigned_commits"] == facts["unverified_signers"] == []


def test_many_runs_wait_at_their_gates_by_the_real_road(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crowd, "BRANCHES", 3)
    many = crowd.BRANCHES + 1
    assert crowd.gather(many) == many
    assert set(Run.objects.values_list("state", flat=True)) == {RunState.WAITING}
    assert Gate.objects.filter(state=GateState.PENDING).count() == many
    assert Gate.objects.values("sentence").distinct().count() == crowd.BRANCHES
    run = Run.objects.latest("created_at")
    recorded = Event.objects.filter(stream__object_id=str(run.pk)).order_by("seq")
    types = list(recorded.values_list("type", flat=True))
    assert types[0] == "run.started"
    assert types.count("step.succeeded") == 3
    assert "gate.opened" in types


def test_a_house_of_its_own_is_left_alone(shop: Path) -> None:
    domains.found(slug="home", name="Home", actor=Actor.system("test"))
    with pytest.raises(CommandError, match="empty data directory"):
        call_command("demo")
    assert not Run.objects.exists()
    assert Domain.objects.count() == 1


def test_a_repository_that_was_only_half_made_is_made_anew(shop: Path) -> None:
    draft = shop.with_name(".demo-shop-draft")
    draft.mkdir()
    (draft / "junk").write_text("left behind")
    seed.first()
    assert not draft.exists()
    assert not (shop / "junk").exists()
