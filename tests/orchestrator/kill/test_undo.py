"""A real merge is undone by a revert, by real workers, one of which is killed in the middle."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.test import override_settings

from audit.services.events import recording
from governance.models import Effect
from governance.services import domains, tools
from orchestrator.models import Run, Step
from orchestrator.runners.git import merge
from orchestrator.services import cancellation
from tests.factories import governance
from tests.factories import orchestrator as make
from tests.factories.audit import recorded
from tests.factories.git import branch, commit, git, merge_arguments, repository
from tests.factories.governance import house
from tests.factories.orchestrator import step, step_of, tries_of
from tests.harness.databases import CommittedDatabase
from tests.harness.workers import Workers
from tests.orchestrator.kill.stage import Bell, Stage, kept_of
from tests.orchestrator.services.proposing import append

pytestmark = [pytest.mark.kill, pytest.mark.slow]

LEASE_SECONDS = 2
RELAXED = {".countersign/repository.yaml": "unprotected_branches: ['main']\n"}
PERMIT = """
@id("permit.merge") @tier("permit")
permit (principal in Countersign::AgentClass::"clerk",
        action == Countersign::Action::"merge", resource);
"""
# Stops before or after the branch moves, as long as a file of that name lies beside it.
STAND_IN = """#!/bin/sh
hold() {{
  [ -e {folder}/$1 ] && touch {folder}/reached
  while [ -e {folder}/$1 ]; do sleep 0.05; done
}}
case "$*" in *update-ref*) hold before;; esac
{git} "$@"; code=$?
case "$*" in *update-ref*) hold after;; esac
exit $code
"""


@dataclass(frozen=True)
class Shop:
    """A stage with a repository whose feature branch is merged by the first step."""

    stage: Stage
    path: Path
    folder: Path

    def start(self) -> Run:
        """Merge, and wait at the gate of the step after it."""
        run = self.stage.start(step("merge", "merger"), step("write", "clerk"))
        self.stage.until_state(run, "waiting", sweeping=True)
        return run

    def cancel(self, run: Run) -> None:
        """Ask for the end of the run."""
        cancellation.cancel(run_id=run.pk, person=self.stage.home.ines, reason="Wrong branch.")

    def hold(self, where: str) -> None:
        """Let git stop there."""
        (self.folder / where).touch()

    def let_go(self, where: str) -> None:
        """Let it go on."""
        (self.folder / where).unlink()

    def reached(self) -> bool:
        """Whether a git stopped."""
        return (self.folder / "reached").exists()

    def subjects(self) -> list[str]:
        """Return the first line of every commit on main since the beginning, newest first."""
        log = git(self.path, "log", "--first-parent", "--format=%s", "main")
        return log.splitlines()


@pytest.fixture
def shop(committed_db: CommittedDatabase, tmp_path: Path) -> Iterator[Shop]:
    folder, place = tmp_path / "bin", tmp_path / "ledgers"
    folder.mkdir()
    place.mkdir()
    script = folder / "git"
    script.write_text(STAND_IN.format(folder=folder, git=shutil.which("git")))
    script.chmod(0o755)
    environment = {
        **committed_db.environment,
        "DJANGO_SETTINGS_MODULE": "tests.orchestrator.kill.settings",
        "CLAIM_LEASE_SECONDS": str(LEASE_SECONDS),
        "PATH": f"{folder}:{os.environ['PATH']}",
    }
    home = house(place)
    path = repository(tmp_path / "shop", {"a.py": "A = 1\n", **RELAXED})
    branch(path, {"a.py": "A = 2\n"}, back_to="main")
    stage = Stage(home, Workers(environment, tmp_path), place, Bell())
    _let_merge(home, path)
    with override_settings(CLAIM_LEASE_SECONDS=LEASE_SECONDS, RING_AGAIN_SECONDS=1):
        yield Shop(stage, path, folder)
    stage.workers.stop()
    stage.bell.close()


def _let_merge(home: governance.House, path: Path) -> None:
    governance.bundle(home.domain, governance.POLICIES + PERMIT)
    tools.register(
        slug=merge.SLUG,
        name="Merge branches",
        description="Merges one branch into another.",
        schema=merge.SCHEMA,
        risk="high",
        reversibility="compensable",
        actor=make.TESTER,
        domain=home.domain,
    )
    proposal = {"tool": merge.SLUG, "arguments": merge_arguments(path)}
    make.agent(home, "merger", proposals=[proposal])
    make.agent(home, "clerk", proposals=[append(home.guarded)])
    with recording():
        domains.admit(domain=home.domain, person=home.ines, permissions=("operate_runs",))


def assert_undone_once(shop: Shop, run: Run) -> None:
    assert shop.subjects()[:2] == [
        "Revert merge of branch feature",
        "Merge branch feature into main",
    ]
    assert shop.subjects().count("Revert merge of branch feature") == 1
    assert (shop.path / "a.py").read_text() == "A = 1\n"
    assert git(shop.path, "status", "--porcelain") == ""
    assert (run.state, run.rollback) == ("cancelled", "complete")
    assert Effect.objects.get().state == "compensated"
    assert recorded(f"run:{run.pk}").count("effect.compensated") == 1


def test_a_merge_is_undone_when_its_run_is_cancelled(shop: Shop) -> None:
    shop.stage.workers.start("work")
    run = shop.start()
    assert shop.subjects()[0] == "Merge branch feature into main"
    shop.cancel(run)
    shop.stage.until_state(run, "cancelled")
    assert_undone_once(shop, run)
    undo = step_of(run, "undo/merge")
    assert undo.output["commit"] == git(shop.path, "rev-parse", "main")


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_worker_killed_in_the_middle_of_undoing_leaves_one_revert(
    shop: Shop, where: str
) -> None:
    shop.stage.workers.start("work")
    run = shop.start()
    shop.hold(where)
    shop.cancel(run)
    shop.stage.until(shop.reached)
    shop.stage.workers.kill("work")
    shop.let_go(where)
    assert Step.objects.get(path="undo/merge").state == "running"
    shop.stage.workers.start("work")
    shop.stage.until_state(run, "cancelled", sweeping=True)
    assert_undone_once(shop, run)
    assert "crashed" in tries_of(run, "undo/merge")
    assert kept_of(run, "undo/merge") == ["succeeded"]


def test_what_came_onto_the_branch_after_the_merge_stays(shop: Shop) -> None:
    shop.stage.workers.start("work")
    run = shop.start()
    commit(shop.path, "Later (#9)", {"later.py": "L = 1\n"})
    shop.cancel(run)
    shop.stage.until_state(run, "cancelled")
    assert (shop.path / "later.py").exists()
    assert (shop.path / "a.py").read_text() == "A = 1\n"
