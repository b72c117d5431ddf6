"""The guards on PostgreSQL.

Every trigger is ENABLE ALWAYS: an ordinary one does not fire for a session that sets
`session_replication_role = replica`. TRUNCATE fires no row trigger and has one of its own.
ON CONFLICT DO UPDATE and MERGE are caught by the row triggers.
"""

from dataclasses import dataclass

from django.db.backends.base.base import BaseDatabaseWrapper

from audit.triggers.tables import Table

# Bits of pg_trigger.tgtype.
_ROW, _BEFORE, _DELETE, _UPDATE, _TRUNCATE = 1, 2, 8, 16, 32

_STORED = """
SELECT t.tgname, t.tgtype, t.tgenabled, t.tgqual IS NULL, t.tgattr::text, p.prosrc, p.prolang
     = (SELECT oid FROM pg_language WHERE lanname = 'plpgsql')
FROM pg_trigger t
JOIN pg_proc p ON p.oid = t.tgfoid
WHERE t.tgrelid = to_regclass(%s) AND NOT t.tgisinternal
"""


@dataclass(frozen=True, slots=True)
class _Guard:
    name: str
    event: str
    level: str
    type: int
    function: str
    body: str


def install(connection: BaseDatabaseWrapper, table: Table) -> None:
    """Create or replace all functions and triggers of the table."""
    with connection.cursor() as cursor:
        for guard in _guards(table):
            for statement in _statements(table, guard):
                cursor.execute(statement)


def missing(connection: BaseDatabaseWrapper, table: Table) -> list[str]:
    """Return the triggers that are absent, not ALWAYS, conditional, or call other code."""
    with connection.cursor() as cursor:
        cursor.execute(_STORED, [f'"{table.name}"'])
        stored = {name: tuple(rest) for name, *rest in cursor.fetchall()}
    return [
        guard.name
        for guard in _guards(table)
        if stored.get(guard.name) != (guard.type, "A", True, "", guard.body, True)
    ]


def _guards(table: Table) -> list[_Guard]:
    refuse = ("countersign_refuse", _REFUSE)
    forward = (f"{table.name}_only_forward", _only_forward(table))
    update = forward if table.counter else refuse
    name = f"{table.name}_refuses"
    return [
        _Guard(f"{name}_update", "UPDATE", "ROW", _ROW | _BEFORE | _UPDATE, *update),
        _Guard(f"{name}_delete", "DELETE", "ROW", _ROW | _BEFORE | _DELETE, *refuse),
        _Guard(f"{name}_truncate", "TRUNCATE", "STATEMENT", _BEFORE | _TRUNCATE, *refuse),
    ]


def _statements(table: Table, guard: _Guard) -> tuple[str, ...]:
    function = f"CREATE OR REPLACE FUNCTION {guard.function}() RETURNS trigger LANGUAGE plpgsql"
    trigger = f'CREATE TRIGGER "{guard.name}" BEFORE {guard.event} ON "{table.name}"'
    return (
        f"{function} AS $body${guard.body}$body$",
        f'DROP TRIGGER IF EXISTS "{guard.name}" ON "{table.name}"',
        f"{trigger} FOR EACH {guard.level} EXECUTE FUNCTION {guard.function}()",
        f'ALTER TABLE "{table.name}" ENABLE ALWAYS TRIGGER "{guard.name}"',
    )


_REFUSE = """
BEGIN
  RAISE EXCEPTION '% refuses %: rows are written once', TG_TABLE_NAME, TG_OP
    USING ERRCODE = 'integrity_constraint_violation';
END
"""


def _only_forward(table: Table) -> str:
    kept = [f'NEW."{column}" IS DISTINCT FROM OLD."{column}"' for column in table.identity]
    backwards = " OR ".join([f'NEW."{table.counter}" <= OLD."{table.counter}"', *kept])
    return f"""
BEGIN
  IF {backwards} THEN
    RAISE EXCEPTION '% refuses %: a stream only moves on', TG_TABLE_NAME, TG_OP
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END
"""
