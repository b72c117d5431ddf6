"""Statements that run for every step, as text that is put together once for each shape.

The ORM takes several times longer to say a small statement than a database takes to carry it
out. What is here means what `filter(...).update(...)`, `get(...)` and `bulk_create(...)` mean on
rows that are equal to what is named, and leaves to them what it cannot say itself.
"""
# ruff: noqa: SLF001, S608 - a model's own description says its columns, as it does to the ORM;
# text holds nothing but quoted names of columns and placeholders

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Combinable, CombinedExpression, F, Value
from django.db.models.functions import Coalesce, Now

# Below what SQLite and PostgreSQL take in one statement.
MOST_PARAMETERS = 30_000
Row = TypeVar("Row", bound=models.Model)


class _Part(NamedTuple):
    """One value within a statement: its text, and the parameters it stands for."""

    sql: str
    parameters: tuple[Any, ...] = ()


class _UnsayableError(Exception):
    """An expression that is left to the ORM."""


def changed(
    model: type[models.Model],
    where: Mapping[str, Any],
    values: Mapping[str, Any],
    only: str = "",
    given: Sequence[Any] = (),
) -> int:
    """Change the rows that are equal to `where`; return how many there were.

    `only` is a further condition, as SQL whose parameters are `given` as the database takes them;
    with it, the values have to be sayable here.
    """
    db = _database()
    try:
        text, parameters = _update(db, model, where, values, only)
    except _UnsayableError:
        if only:
            raise
        return model._default_manager.filter(**where).update(**values)
    with _cursor(db) as cursor:
        cursor.execute(text, [*parameters, *given])
        return int(cursor.rowcount)


def taken(
    model: type[Row],
    where: Mapping[str, Any],
    values: Mapping[str, Any],
    only: str = "",
    given: Sequence[Any] = (),
) -> Row | None:
    """Change the one row that is equal to `where`, and return it as it is now.

    `only` is a further condition, as SQL whose parameters are `given` as the database takes them.
    """
    db = _database()
    text, parameters = _update(db, model, where, values, only)
    text = f"{text} RETURNING {_columns_text(db.vendor, model)}"
    rows = _rows(db, model, text, [*parameters, *given])
    return rows[0] if rows else None


def all_changed(
    model: type[models.Model],
    keys: Sequence[Any],
    where: Mapping[str, Any],
    values: Mapping[str, Any],
) -> int:
    """Change those of the rows with these primary keys that are equal to `where`; count them."""
    given = [plain(model, "pk", key) for key in keys]
    return changed(model, where, values, _among(model, keys), given) if keys else 0


def all_taken(
    model: type[Row],
    keys: Sequence[Any],
    where: Mapping[str, Any],
    values: Mapping[str, Any],
    only: str,
) -> list[Row]:
    """Change those of the rows with these primary keys that are equal to `where`; return them.

    They come in any order. `only` is a further condition, as SQL that holds no parameters.
    """
    if not keys:
        return []
    db = _database()
    text, parameters = _update(db, model, where, values, f"{_among(model, keys)} AND {only}")
    text = f"{text} RETURNING {_columns_text(db.vendor, model)}"
    return _rows(db, model, text, [*parameters, *(plain(model, "pk", key) for key in keys)])


def found(model: type[Row], where: Mapping[str, Any], *, most: int = 1) -> list[Row]:
    """Return rows that are equal to `where`, none of them locked."""
    db = _database()
    asked = [(name, _asked(db, model, name, value)) for name, value in where.items()]
    text = _select(db.vendor, model, tuple((name, part.sql) for name, part in asked))
    parameters = [p for _name, part in asked for p in part.parameters]
    return _rows(db, model, f"{text} LIMIT {most}", parameters)


def inserted(rows: Sequence[models.Model]) -> None:
    """Insert new rows of one model, which have their primary keys then."""
    if not rows:
        return
    columns = _written(type(rows[0]))
    given = [{field.name: field.pre_save(row, add=True) for field in columns} for row in rows]
    if any(isinstance(value, Combinable) for values in given for value in values.values()):
        type(rows[0])._default_manager.bulk_create(rows)
        return
    for row, key in zip(rows, poured(type(rows[0]), given), strict=True):
        row.pk = _key(type(row)).to_python(key)
        row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS


def poured(model: type[models.Model], rows: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Insert plain values, the same columns in every row; return the primary keys in order."""
    db, names = _database(), tuple(rows[0])
    fields = [_field(model, name) for name in names]
    size, keys = MOST_PARAMETERS // len(names), []
    with _cursor(db) as cursor:
        for first in range(0, len(rows), size):
            some = rows[first : first + size]
            given = [
                field.get_db_prep_save(value, db)
                for row in some
                for field, value in zip(fields, row.values(), strict=True)
            ]
            cursor.execute(_insert(db.vendor, model, names, len(some)), given)
            keys += [key for (key,) in cursor.fetchall()]
    return keys


def has_data_modifying_with() -> bool:
    """Whether one statement may change several tables, the later by what the earlier returns."""
    return _database().vendor == "postgresql"


def carried_out(text: str, parameters: Sequence[Any]) -> int:
    """Carry out a statement of the caller's own; return how many rows its last part wrote."""
    with _cursor(_database()) as cursor:
        cursor.execute(text, parameters)
        return int(cursor.rowcount)


def plain(model: type[models.Model], name: str, value: Any) -> Any:
    """Return a value of this column as the database takes it."""
    return _field(model, name).get_db_prep_value(value, _database())


def now() -> str:
    """Return the database's own clock as SQL."""
    return _now(_database().vendor)


def moment() -> datetime:
    """Return what the database's own clock says now."""
    db = _database()
    with _cursor(db) as cursor:
        cursor.execute(f"SELECT {now()}", [])
        (said,) = cursor.fetchone()
    # SQLite has no type for it and says it in text, in UTC.
    return said if isinstance(said, datetime) else datetime.fromisoformat(said).replace(tzinfo=UTC)


def _database() -> BaseDatabaseWrapper:
    """Return this thread's connection itself: asking its proxy again and again takes long."""
    return connections[DEFAULT_DB_ALIAS]


@contextmanager
def _cursor(db: BaseDatabaseWrapper) -> Iterator[Any]:
    """Yield a cursor; on PostgreSQL one whose statements the server prepares once.

    The ORM's own binds on the client, so that every statement is parsed and planned anew. Where
    somebody looks at the statements, as tests do, the ORM's own cursor is used.
    """
    is_watched = db.queries_logged or db.execute_wrappers
    if db.vendor != "postgresql" or is_watched:
        with db.cursor() as cursor:
            yield cursor
        return
    db.close_if_health_check_failed()
    db.ensure_connection()
    db.validate_no_broken_transaction()
    with db.wrap_database_errors, psycopg.Cursor(db.connection) as cursor:
        yield cursor


def _rows(
    db: BaseDatabaseWrapper, model: type[Row], text: str, parameters: Sequence[Any]
) -> list[Row]:
    with _cursor(db) as cursor:
        cursor.execute(text, parameters)
        fetched = cursor.fetchall()
    names, converters = _reading(db.vendor, model)
    loaded = []
    for values in map(list, fetched):
        for place, column, convert in converters:
            values[place] = convert(values[place], column, db)
        loaded.append(model.from_db(DEFAULT_DB_ALIAS, names, values))
    return loaded


def _update(
    db: BaseDatabaseWrapper,
    model: type[models.Model],
    where: Mapping[str, Any],
    values: Mapping[str, Any],
    only: str,
) -> tuple[str, list[Any]]:
    said = [(name, _said(db, model, name, value)) for name, value in values.items()]
    asked = [(name, _asked(db, model, name, value)) for name, value in where.items()]
    text = _update_text(
        db.vendor,
        model,
        tuple((name, part.sql) for name, part in said),
        tuple((name, part.sql) for name, part in asked),
    )
    text = f"{text} AND {only}" if only else text
    return text, [p for _name, part in (*said, *asked) for p in part.parameters]


def _said(db: BaseDatabaseWrapper, model: type[models.Model], name: str, value: Any) -> _Part:
    if isinstance(value, Combinable):
        return _expression(model, value)
    value = value.pk if isinstance(value, models.Model) else value
    return _Part("%s", (_field(model, name).get_db_prep_save(value, db),))


def _expression(model: type[models.Model], value: Any) -> _Part:
    """Return how one of the few expressions of hot statements is said."""
    if type(value) is Now:
        return _Part(now())
    if type(value) is F:
        return _Part(_column(model, str(vars(value)["name"])))
    if type(value) is Value and type(value.value) is int:
        return _Part("%s", (value.value,))
    if type(value) is CombinedExpression and value.connector in {Combinable.ADD, Combinable.SUB}:
        if type(value.lhs) is Now and value.connector == Combinable.ADD:
            return _later(value.rhs)
        left, right = _expression(model, value.lhs), _expression(model, value.rhs)
        text = f"({left.sql} {value.connector} {right.sql})"
        return _Part(text, left.parameters + right.parameters)
    if type(value) is Coalesce:
        parts = [_expression(model, part) for part in value.get_source_expressions()]
        text = f"COALESCE({', '.join(part.sql for part in parts)})"
        return _Part(text, tuple(p for part in parts for p in part.parameters))
    raise _UnsayableError


def _later(length: Any) -> _Part:
    """Return the moment that lies a length of time after the database's now."""
    if type(length) is not Value or type(length.value) is not timedelta:
        raise _UnsayableError
    if _database().vendor == "sqlite":
        moment = now().replace("'NOW'", "'NOW', %s")
        return _Part(moment, (f"{length.value.total_seconds():+f} seconds",))
    return _Part(f"{now()} + %s", (length.value,))


def _asked(db: BaseDatabaseWrapper, model: type[models.Model], name: str, value: Any) -> _Part:
    if value is None:
        return _Part("IS NULL")
    value = value.pk if isinstance(value, models.Model) else value
    return _Part("= %s", (_field(model, name).get_db_prep_value(value, db),))


def _among(model: type[models.Model], keys: Sequence[Any]) -> str:
    return f"{_column(model, 'pk')} IN ({', '.join(['%s'] * len(keys))})"


@lru_cache(maxsize=1024)
def _field(model: type[models.Model], name: str) -> Any:
    """Return a column; Any, because nobody asks here for the other side of a relation."""
    return _key(model) if name == "pk" else model._meta.get_field(name)


def _key(model: type[models.Model]) -> Any:
    return model._meta.pk


@lru_cache(maxsize=1024)
def _column(model: type[models.Model], name: str) -> str:
    """Return a column's quoted name, which SQLite and PostgreSQL quote alike."""
    return str(_database().ops.quote_name(_field(model, name).column))


def _table(model: type[models.Model]) -> str:
    return str(_database().ops.quote_name(model._meta.db_table))


# The vendor is a part of every key, because tests use more than one in a process.


@lru_cache(maxsize=4)
def _now(vendor: str) -> str:
    compiler = models.sql.Query(None).get_compiler(connection=_database())
    return str(compiler.compile(Now())[0])


@lru_cache(maxsize=512)
def _update_text(
    vendor: str,
    model: type[models.Model],
    said: tuple[tuple[str, str], ...],
    asked: tuple[tuple[str, str], ...],
) -> str:
    values = ", ".join(f"{_column(model, name)} = {sql}" for name, sql in said)
    return f"UPDATE {_table(model)} SET {values} WHERE {_condition(model, asked)}"


@lru_cache(maxsize=128)
def _select(vendor: str, model: type[models.Model], asked: tuple[tuple[str, str], ...]) -> str:
    columns = _columns_text(vendor, model)
    return f"SELECT {columns} FROM {_table(model)} WHERE {_condition(model, asked)}"


def _condition(model: type[models.Model], asked: tuple[tuple[str, str], ...]) -> str:
    return " AND ".join(f"{_column(model, name)} {sql}" for name, sql in asked)


@lru_cache(maxsize=64)
def _columns_text(vendor: str, model: type[models.Model]) -> str:
    return ", ".join(_column(model, field.name) for field in model._meta.concrete_fields)


@lru_cache(maxsize=64)
def _reading(vendor: str, model: type[models.Model]) -> tuple[list[str], list[Any]]:
    """Return the names of the columns, and how to read those that are not read as they are."""
    fields = model._meta.concrete_fields
    columns = [field.get_col(model._meta.db_table) for field in fields]
    converters = [
        (place, column, convert)
        for place, column in enumerate(columns)
        for convert in _converters(column)
    ]
    return [field.attname for field in fields], converters


def _converters(column: Any) -> list[Any]:
    db = _database()
    return [*db.ops.get_db_converters(column), *column.get_db_converters(db)]


@lru_cache(maxsize=64)
def _written(model: type[models.Model]) -> tuple[Any, ...]:
    """Return the columns that an insert fills in; the database makes an automatic key itself."""
    return tuple(
        field
        for field in model._meta.concrete_fields
        if not (field.primary_key and isinstance(field, models.AutoField))
    )


@lru_cache(maxsize=512)
def _insert(vendor: str, model: type[models.Model], names: tuple[str, ...], count: int) -> str:
    columns = ", ".join(_column(model, name) for name in names)
    row = f"({', '.join(['%s'] * len(names))})"
    rows = ", ".join([row] * count)
    key = _column(model, "pk")
    return f"INSERT INTO {_table(model)} ({columns}) VALUES {rows} RETURNING {key}"
