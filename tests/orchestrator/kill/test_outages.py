"""What is missing for a while costs time and changes nothing: a steward, a database."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.db.utils import DatabaseError
from pytest_django import DjangoDbBlocker

from orchestrator.selectors.replays import Replayed, replay
from orchestrator.services.sweep import sweep
from tests.factories.governance import lines_in
from tests.factories.orchestrator import states_of, step, step_of, tries_of
from tests.harness import databases, postgres
from tests.orchestrator.kill.stage import Stage, kept_of, let_go, put

pytestmark = [pytest.mark.kill, pytest.mark.slow]

# A minute, with leases of 2 seconds instead of 30.
A_MINUTE = 4


def test_a_steward_that_stands_still_for_a_while_delays_a_run_and_nothing_else(
    stage: Stage,
) -> None:
    stage.looking_agent()
    stage.writing_agent()
    stage.workers.start("work", "steward")
    put(stage.mid_step)
    run = stage.start(step("look", "looker"), step("write", "clerk"))
    stage.until(lambda: stage.turns() == 1)
    stage.workers.pause("steward")
    stage.workers.kill("work")
    stage.mid_step.unlink()
    stage.workers.start("work")
    time.sleep(A_MINUTE)
    assert states_of(run) == {"look": "running", "write": "blocked"}
    stage.workers.resume("steward")
    stage.until_state(run, "waiting")
    stage.workers.pause("steward")
    stage.approve()
    time.sleep(A_MINUTE)
    stage.workers.resume("steward")
    stage.until_state(run, "succeeded")
    assert "crashed" in tries_of(run, "look")
    assert kept_of(run, "look") == ["succeeded"]
    assert kept_of(run, "write") == ["proposed", "succeeded"]
    assert lines_in(stage.home.guarded) == 1
    assert isinstance(replay(run.pk), Replayed)


class TestDatabase:
    """On a PostgreSQL server of this test's own, which is stopped and started again."""

    pytestmark = pytest.mark.postgres

    @pytest.fixture
    def server(self) -> Iterator[postgres.Server]:
        with postgres.restartable() as server:
            yield server

    @pytest.fixture
    def committed_db(
        self,
        server: postgres.Server,
        redis_url: str,
        tmp_path: Path,
        django_db_blocker: DjangoDbBlocker,
    ) -> Iterator[databases.CommittedDatabase]:
        engine = databases.PostgresEngine(server.socket, postgres.SUPERUSER, "own")
        settings: dict[str, Any] = connections.settings["default"]
        before = dict(settings)
        with django_db_blocker.unblock():
            connections["default"].close()
            databases.point_settings_at(engine)
            try:
                template = databases.migrated_template(engine)
                places = databases.Places(engine, template, redis_url)
                with databases.committed(places, tmp_path) as made:
                    yield made
            finally:
                connections["default"].close()
                del connections["default"]
                settings.update(before)

    def test_a_database_that_is_restarted_in_the_middle_of_a_turn_changes_nothing(
        self, stage: Stage, server: postgres.Server
    ) -> None:
        stage.looking_agent()
        stage.writing_agent()
        stage.workers.start("work")
        put(stage.mid_step)
        patient = {"start_to_close": "60s", "heartbeat": "30s"}
        run = stage.start(step("look", "looker", timeouts=patient), step("write", "clerk"))
        stage.until(lambda: stage.turns() == 1)
        restart(server)
        let_go(stage.mid_step)
        stage.until_state(run, "waiting", sweeping=True)
        assert stage.turns() == 1
        assert tries_of(run, "look") == ["succeeded"]
        stage.approve()
        stage.until_state(run, "succeeded", sweeping=True)
        assert lines_in(stage.home.guarded) == 1
        assert isinstance(replay(run.pk), Replayed)

    def test_a_database_that_is_restarted_in_the_middle_of_an_effect_leaves_one_effect(
        self, stage: Stage, server: postgres.Server
    ) -> None:
        stage.writing_agent()
        stage.workers.start("work", "steward")
        put(stage.after)
        run = stage.start()
        stage.until_state(run, "waiting")
        stage.approve()
        stage.until(lambda: lines_in(stage.home.guarded) == 1, sweeping=True)
        restart(server)
        stage.after.unlink()
        stage.until_state(run, "succeeded", sweeping=True)
        assert (stage.calls(), lines_in(stage.home.guarded)) == (1, 1)
        assert step_of(run, "write").attempts == 0

    def test_a_worker_begins_again_when_the_database_is_back(
        self, stage: Stage, server: postgres.Server
    ) -> None:
        stage.looking_agent()
        stage.workers.start("work", "steward")
        run = stage.start(step("look", "looker"))
        stage.until_state(run, "succeeded")
        server.stop()
        with pytest.raises(DatabaseError):
            sweep()
        connections["default"].close()
        server.start()
        again = stage.start(step("look", "looker"))
        stage.until_state(again, "succeeded")
        assert stage.turns() == 2


def restart(server: postgres.Server) -> None:
    """Restart the server, and let this process connect anew."""
    server.stop()
    time.sleep(1)
    server.start()
    connections["default"].close()
