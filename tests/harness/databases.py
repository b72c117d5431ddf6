"""Databases for tests: one migrated template per process, copies of it for everything else.

The event tables refuse DELETE and TRUNCATE by trigger, so a test that commits cannot be cleaned
up after; it gets a copy of its own instead, and the copy is thrown away.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import psycopg
import redis
from asgiref.sync import SyncToAsync
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.test.utils import override_settings
from psycopg import sql

from tests.harness import memory

DATABASE_FILE = "countersign.sqlite3"


@dataclass(frozen=True, slots=True)
class CommittedDatabase:
    """A database of one test's own. `environment` points other processes at it."""

    name: str
    data_dir: Path
    environment: Mapping[str, str] = field(default_factory=dict)


class Engine(Protocol):
    """Makes and drops whole databases, and says how to reach one."""

    def create(self, name: str, template: str | None) -> str:
        """Return the NAME of a new database, empty or a copy of `template`."""

    def drop(self, name: str) -> None:
        """Remove the database with this NAME."""

    def environment(self, name: str) -> Mapping[str, str]:
        """Return what another process needs in its environment to open it."""


@dataclass(frozen=True, slots=True)
class SqliteEngine:
    """Every database is a file called like the product's, in a directory of its own."""

    root: Path

    def create(self, name: str, template: str | None) -> str:
        path = self.root / name / DATABASE_FILE
        path.parent.mkdir(mode=0o700)
        if template:
            shutil.copyfile(template, path)
        return str(path)

    def drop(self, name: str) -> None:
        shutil.rmtree(Path(name).parent)

    def environment(self, name: str) -> Mapping[str, str]:
        return {"COUNTERSIGN_DATA_DIR": str(Path(name).parent), "DATABASE_URL": ""}


@dataclass(frozen=True, slots=True)
class PostgresEngine:
    """Every database is one of a server that listens on the socket in `host`."""

    host: str
    user: str
    prefix: str

    def create(self, name: str, template: str | None) -> str:
        database = f"{self.prefix}_{name}".replace("-", "_")
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self._run(
            statement.format(sql.Identifier(database), sql.Identifier(template or "template0"))
        )
        return database

    def drop(self, name: str) -> None:
        self._run(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def environment(self, name: str) -> Mapping[str, str]:
        return {"DATABASE_URL": f"postgres://{self.user}@/{self.host}/{name}"}

    def _run(self, statement: sql.Composed) -> None:
        with psycopg.connect(
            host=self.host, user=self.user, dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement)


def point_settings_at(engine: Engine) -> None:
    """Make Django's default connection use the server behind `engine`."""
    if isinstance(engine, PostgresEngine):
        settings = connections.settings["default"]
        del connections["default"]
        settings.update(
            ENGINE="django.db.backends.postgresql",
            HOST=engine.host,
            USER=engine.user,
            OPTIONS={"prepare_threshold": 3},
        )


@contextmanager
def using(name: str) -> Iterator[None]:
    """Point the default connection of this and of every new thread at the database `name`."""
    settings: dict[str, Any] = connections.settings["default"]
    before = settings["NAME"]
    _leave()
    settings["NAME"] = name
    try:
        yield
    finally:
        _leave()
        settings["NAME"] = before


def _leave() -> None:
    """Close the connections; what a process remembers of one database is no news about another.

    Asynchronous code asks from a thread of its own, which outlives the test and the database.
    """
    _close()
    SyncToAsync.single_thread_executor.submit(_close).result()
    memory.forget()


def _close() -> None:
    connections["default"].close()


@dataclass(frozen=True, slots=True)
class Places:
    """Where a database is made, what it is a copy of, and the broker beside it."""

    engine: Engine
    template: str
    redis_url: str


@contextmanager
def committed(places: Places, place: Path) -> Iterator[CommittedDatabase]:
    """Make a database for tests that commit, use it, and drop it."""
    name = places.engine.create(f"test-{os.urandom(6).hex()}", places.template)
    with redis.Redis.from_url(places.redis_url) as broker:
        broker.flushall()
    # Beside what a test makes, never around it: agents may read nothing in a data directory.
    data_dir = place / "data"
    data_dir.mkdir(mode=0o700)
    environment = {
        "COUNTERSIGN_DATA_DIR": str(data_dir),
        "REDIS_URL": places.redis_url,
        "SECRET_KEY": settings.SECRET_KEY,
        "EMAIL_URL": "dummymail://",
        "COUNTERSIGN_REPO_ROOTS": str(place.parent),
        "COUNTERSIGN_TARGET_ROOTS": str(place.parent),
        "COUNTERSIGN_SERVICE_ROOTS": str(place.parent),
        **places.engine.environment(name),
    }
    data_dir = Path(environment["COUNTERSIGN_DATA_DIR"])
    with using(name), override_settings(DATA_DIR=data_dir):
        yield CommittedDatabase(name, data_dir, environment)
    places.engine.drop(name)


def migrated_template(engine: Engine) -> str:
    """Create a database with every migration and trigger in place, and nobody connected."""
    name = engine.create("template", None)
    with using(name):
        call_command("migrate", verbosity=0, interactive=False)
    return name
