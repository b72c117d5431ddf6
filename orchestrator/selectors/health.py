"""What has to work before this instance may be given work, each with a word for people."""

from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from orchestrator.selectors.leadership import STEWARD, is_held
from orchestrator.supervisor import valkey


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `detail` names no secret: anybody may read it."""

    name: str
    is_good: bool
    detail: str


def readiness() -> list[Check]:
    """Return the checks of readiness, whether good or not; never raises."""
    return [
        _check("database", _database),
        _check("migrations", _migrations),
        _check("broker", _broker),
        _check("steward", _steward),
    ]


def _check(name: str, look: Callable[[], str]) -> Check:
    try:
        problem = look()
    except DatabaseError:
        problem = "the database does not answer"
    return Check(name, not problem, problem or "ok")


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return ""


def _migrations() -> str:
    # Once current they stay so for the life of this process, and looking costs 20 ms.
    return "" if _KNOWN_CURRENT or _are_current() else "migrations are waiting: run `migrate`"


_KNOWN_CURRENT: set[str] = set()


def _are_current() -> bool:
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not waiting:
        _KNOWN_CURRENT.add(connection.alias)
    return not waiting


def _broker() -> str:
    return "" if valkey.answers(settings.REDIS_URL) else "the broker does not answer"


def _steward() -> str:
    return "" if is_held(role=STEWARD) else "no steward leads"
