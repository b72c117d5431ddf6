"""The guards on SQLite.

A delete trigger does not fire for the row that INSERT OR REPLACE removes (unless the connection
turned `recursive_triggers` on), so inserting over an existing key is refused as well.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

from audit.triggers.tables import Table


def install(connection: BaseDatabaseWrapper, table: Table) -> None:
    """Drop and create all triggers of the table."""
    with connection.cursor() as cursor:
        for name, definition in _definitions(table).items():
            cursor.execute(f'DROP TRIGGER IF EXISTS "{name}"')
            cursor.execute(definition)


def missing(connection: BaseDatabaseWrapper, table: Table) -> list[str]:
    """Return the triggers of the table whose stored text is not exactly ours."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s",
            [table.name],
        )
        stored = dict(cursor.fetchall())
    expected = _definitions(table)
    return [name for name, definition in expected.items() if stored.get(name) != definition]


def _definitions(table: Table) -> dict[str, str]:
    guards = {
        "update": ("UPDATE", _may_not_update(table), "rows are written once"),
        "delete": ("DELETE", "", "rows are never removed"),
        "replace": ("INSERT", _collides(table), "rows are never replaced"),
    }
    return {
        f"{table.name}_refuses_{guard}": _trigger(table, guard, *rest)
        for guard, rest in guards.items()
    }


def _trigger(table: Table, guard: str, verb: str, condition: str, reason: str) -> str:
    when = f" WHEN {condition}" if condition else ""
    return (
        f'CREATE TRIGGER "{table.name}_refuses_{guard}" BEFORE {verb} ON "{table.name}"'
        f" FOR EACH ROW{when}"
        f" BEGIN SELECT RAISE(ABORT, '{table.name} refuses {verb}: {reason}'); END"
    )


def _collides(table: Table) -> str:
    same = " OR ".join(_same_row(key) for key in table.keys)
    return f'EXISTS (SELECT 1 FROM "{table.name}" WHERE {same})'  # noqa: S608 - our own names


def _same_row(key: tuple[str, ...]) -> str:
    return "(" + " AND ".join(f'"{column}" = NEW."{column}"' for column in key) + ")"


def _may_not_update(table: Table) -> str:
    if not table.counter:
        return ""
    renamed = [f'NEW."{column}" IS NOT OLD."{column}"' for column in table.identity]
    return " OR ".join([f'NEW."{table.counter}" <= OLD."{table.counter}"', *renamed])
