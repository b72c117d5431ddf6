"""Fixtures everybody uses. Databases, broker and workers are real; only the world is shut out."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import kombu.pools
import pytest
from channels.layers import channel_layers
from django.conf import settings
from django.test.utils import override_settings
from pytest_django import DjangoDbBlocker

from audit import broker
from orchestrator.celery import app
from orchestrator.supervisor import valkey
from tests.harness import (
    browsers,
    databases,
    examples,
    leftovers,
    memory,
    network,
    postgres,
    races,
    shares,
)
from tests.harness.workers import Workers

SERVER = pytest.StashKey[ExitStack]()
LEFT = pytest.StashKey[dict[int, str]]()
POSTGRES_SOCKET = pytest.StashKey[str]()
DATABASES = frozenset({"db", "committed_db", "shared_db"})


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--postgres", action="store_true", help="run on PostgreSQL, from a wheel")
    parser.addoption("--e2e", action="store_true", help="also drive a real browser")
    parser.addoption("--slow", action="store_true", help="also what takes long")
    parser.addoption("--database-only", action="store_true", help="only what uses the database")


def pytest_configure(config: pytest.Config) -> None:
    leftovers.mark()
    examples.choose(is_thorough=config.getoption("--slow"))
    # Processes of the suite share one server and keep apart by database names.
    given = getattr(config, "workerinput", {}).get("postgres_socket", "")
    config.stash[SERVER] = ExitStack()
    if config.getoption("--postgres") and not given:
        given = config.stash[SERVER].enter_context(postgres.server())
    config.stash[POSTGRES_SOCKET] = given


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    # By now the processes of a parallel run have ended, and what they made with them.
    if hasattr(session.config, "workerinput"):
        return
    session.config.stash[LEFT] = leftovers.left()
    if session.config.stash[LEFT]:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if left := config.stash.get(LEFT, {}):
        terminalreporter.section("processes that tests left behind", red=True)
        for pid, test in left.items():
            terminalreporter.line(f"{pid}: {test}")


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[SERVER].close()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["postgres_socket"] = node.config.stash[POSTGRES_SOCKET]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> shares.ByFile:
    return shares.ByFile(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--database-only"):
        others = [item for item in items if not uses_database(item)]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if uses_database(item)]
    for item in items:
        # What needs PostgreSQL is asked for by `--postgres`, however long it takes.
        is_long = item.get_closest_marker("slow") and not item.get_closest_marker("postgres")
        if is_long and not config.getoption("--slow"):
            item.add_marker(pytest.mark.skip(reason="takes long: --slow"))
        if item.get_closest_marker("e2e") and (why := why_no_browser(config)):
            item.add_marker(pytest.mark.skip(reason=why))
        if item.get_closest_marker("postgres") and not config.getoption("--postgres"):
            item.add_marker(pytest.mark.skip(reason="needs PostgreSQL: --postgres"))
    shares.put_longest_first(items)


def uses_database(item: pytest.Item) -> bool:
    """Return whether another database could make another outcome of the test."""
    names = getattr(item, "fixturenames", ())
    return bool(item.get_closest_marker("django_db") or DATABASES.intersection(names))


def why_no_browser(config: pytest.Config) -> str:
    """Return why browser tests are skipped; where it counts, they fail instead."""
    if not config.getoption("--e2e"):
        return "drives a browser: --e2e"
    if browsers.executable():
        return ""
    if os.environ.get("CI") == "true":
        pytest.exit("--e2e needs Chromium, and CI=true skips nothing", returncode=4)
    return "no Chromium on this machine: `apt install chromium` or install Chrome"


@pytest.fixture(scope="session", autouse=True)
def only_this_machine() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        network.keep_local(patch)
        yield


@pytest.fixture(scope="session")
def session_dir() -> Iterator[Path]:
    """A private directory with a path short enough for a Unix socket."""
    path = Path(tempfile.mkdtemp(prefix="cs-"))
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session", autouse=True)
def patient_broker() -> Iterator[None]:
    """Let a machine that is busy take its time to ring; how little is enough is tested apart."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(broker, "TIMEOUT_SECONDS", 30)
        for name in ("socket_timeout", "socket_connect_timeout"):
            patch.setitem(broker._BRIEF, name, 30)
        yield


@pytest.fixture(scope="session")
def redis_url(session_dir: Path) -> Iterator[str]:
    """A Valkey of this test process alone."""
    server = valkey.on_socket(session_dir, session_dir / "valkey.log")
    process = subprocess.Popen(server.command, stdout=subprocess.DEVNULL)
    try:
        valkey.wait_until_it_answers(server.url)
        yield server.url
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture(scope="session", autouse=True)
def private_settings(session_dir: Path, redis_url: str) -> Iterator[None]:
    """Point every setting that names a place at places of this test process."""
    static = session_dir / "static"
    static.mkdir()
    broker_url = redis_url.replace("unix://", "redis+socket://", 1)
    app.conf.update(broker_url=broker_url)
    layers = {"default": settings.CHANNEL_LAYERS["default"] | {"CONFIG": {"hosts": [redis_url]}}}
    with override_settings(
        DATA_DIR=session_dir,
        STATIC_ROOT=static,
        REDIS_URL=redis_url,
        CELERY_BROKER_URL=broker_url,
        CHANNEL_LAYERS=layers,
        EMAIL_BACKEND="django.core.mail.backends.locmem.EmailBackend",
        PASSWORD_HASHERS=["tests.harness.passwords.QuickArgon2"],
    ):
        yield
    channel_layers.backends.clear()
    kombu.pools.reset()


@pytest.fixture(scope="session")
def database_engine(request: pytest.FixtureRequest, session_dir: Path) -> databases.Engine:
    socket = request.config.stash[POSTGRES_SOCKET]
    if not socket:
        return databases.SqliteEngine(session_dir)
    prefix = os.environ.get("PYTEST_XDIST_WORKER", "main")
    return databases.PostgresEngine(socket, postgres.SUPERUSER, prefix)


@pytest.fixture(scope="session")
def template_database(
    database_engine: databases.Engine,
    django_test_environment: None,
    django_db_blocker: DjangoDbBlocker,
) -> str:
    """The one database that is really migrated; all others are copies of it."""
    with django_db_blocker.unblock():
        databases.point_settings_at(database_engine)
        return databases.migrated_template(database_engine)


@pytest.fixture(scope="session")
def django_db_setup(
    database_engine: databases.Engine, template_database: str, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """Back the ordinary `db` fixture, whose transactions are rolled back, by a copy."""
    name = database_engine.create("rolled-back", template_database)
    with django_db_blocker.unblock():
        context = databases.using(name)
        context.__enter__()
    yield
    with django_db_blocker.unblock():
        context.__exit__(None, None, None)


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    """What one test made this process remember is no news to the next one."""
    yield
    memory.forget()


@pytest.fixture
def committed_db(
    *,
    request: pytest.FixtureRequest,
    database_engine: databases.Engine,
    template_database: str,
    redis_url: str,
    tmp_path: Path,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[databases.CommittedDatabase]:
    """A database of this test's own, for tests that commit, race or run other processes."""
    if "db" in request.fixturenames:
        pytest.fail("`db` rolls back and `committed_db` commits: a test has one or the other")
    places = databases.Places(database_engine, template_database, redis_url)
    with django_db_blocker.unblock(), databases.committed(places, tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def shared_db(
    database_engine: databases.Engine,
    template_database: str,
    redis_url: str,
    tmp_path_factory: pytest.TempPathFactory,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[databases.CommittedDatabase]:
    """A database of one file's own, for tests whose real workers are worth keeping."""
    places = databases.Places(database_engine, template_database, redis_url)
    place = tmp_path_factory.mktemp("shared")
    with django_db_blocker.unblock(), databases.committed(places, place) as made:
        yield made


@pytest.fixture
def real_workers(committed_db: databases.CommittedDatabase, tmp_path: Path) -> Iterator[Workers]:
    """Real prefork workers on the committed database; they are started by `start()`."""
    workers = Workers(committed_db.environment, tmp_path)
    yield workers
    workers.stop()


@pytest.fixture
def race(committed_db: databases.CommittedDatabase) -> Callable[..., list[object]]:
    """Call functions at the same moment, each on a connection of its own."""
    return races.race
