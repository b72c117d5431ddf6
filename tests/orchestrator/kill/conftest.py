from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import override_settings

from orchestrator.services import steps
from tests.factories.governance import house
from tests.harness.databases import CommittedDatabase
from tests.harness.workers import Workers
from tests.orchestrator.cells.driving import player_installed
from tests.orchestrator.kill import lapsing, points, slow_ledger
from tests.orchestrator.kill.arena import Arena
from tests.orchestrator.kill.stage import Bell, Stage

LEASE_SECONDS = 2


@pytest.fixture(scope="module", autouse=True)
def no_step_is_a_poison() -> Iterator[None]:
    """Let the sweeps of this process be as patient as its workers are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, "MOST_CRASHES", lapsing.MANY)
        yield


@pytest.fixture(scope="module")
def arena(
    shared_db: CommittedDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Arena]:
    place = tmp_path_factory.mktemp("points")
    environment = {
        **shared_db.environment,
        "DJANGO_SETTINGS_MODULE": "tests.orchestrator.kill.settings",
        "CLAIM_LEASE_SECONDS": "1",
        points.PLACE: str(place),
    }
    with (
        player_installed(),
        override_settings(CLAIM_LEASE_SECONDS=1, RING_AGAIN_SECONDS=1),
    ):
        arena = Arena(house(place), Workers(environment, place), place)
        arena.prepare()
        yield arena
    arena.workers.stop()


@pytest.fixture
def lease_seconds() -> int:
    """How long a claim lasts; a module whose agents may not be asked twice lets it last longer."""
    return LEASE_SECONDS


@pytest.fixture
def stage(committed_db: CommittedDatabase, tmp_path: Path, lease_seconds: int) -> Iterator[Stage]:
    environment = {
        **committed_db.environment,
        "DJANGO_SETTINGS_MODULE": "tests.orchestrator.kill.settings",
        "CLAIM_LEASE_SECONDS": str(lease_seconds),
        "RING_AGAIN_SECONDS": "1",
        "SWEEP_SECONDS": "1",
    }
    place = tmp_path / "ledgers"
    place.mkdir()
    slow_ledger.install()
    stage = Stage(house(place), Workers(environment, tmp_path), place, Bell())
    with override_settings(CLAIM_LEASE_SECONDS=lease_seconds, RING_AGAIN_SECONDS=1):
        yield stage
    stage.workers.stop()
    stage.bell.close()
    slow_ledger.remove()
