"""The database itself refuses to rewrite the log, whoever asks.

Three kinds of trigger: rows of an append-only model are never changed, removed or replaced; a
stream is never removed and its head only moves on. They are installed after every migration,
because SQLite rebuilds a table to alter it and drops its triggers with the old one. The owner of
a database can drop a trigger: `missing()` notices, and seals (later) prove what happened since.
"""

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from audit import registry
from audit.triggers import postgresql, sqlite
from audit.triggers.tables import Table, head_table, table_of

_DIALECTS = {"sqlite": sqlite, "postgresql": postgresql}


def install(using: str = DEFAULT_DB_ALIAS) -> None:
    """Create every trigger that is absent or differs; tables not migrated yet are left out."""
    connection = connections[using]
    dialect = _DIALECTS[connection.vendor]
    with transaction.atomic(using):
        for table in _existing(connection):
            if dialect.missing(connection, table):
                dialect.install(connection, table)


def missing(using: str = DEFAULT_DB_ALIAS) -> list[str]:
    """Return the name of every trigger that is absent, disabled or not what we installed.

    Definitions are compared, not names alone, so a trigger that was replaced by an empty one of
    the same name is found. `doctor`, `verify` and the start of `up` ask this.
    """
    connection = connections[using]
    dialect = _DIALECTS[connection.vendor]
    return [name for table in _tables() for name in dialect.missing(connection, table)]


def _tables() -> list[Table]:
    written_once = [table_of(apps.get_model(label)) for label in registry.append_only()]
    return [*written_once, head_table()]


def _existing(connection: BaseDatabaseWrapper) -> list[Table]:
    present = connection.introspection.table_names()
    return [table for table in _tables() if table.name in present]
