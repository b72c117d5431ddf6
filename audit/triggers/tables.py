"""Which tables are guarded, and what of them must stay as it is."""

from dataclasses import dataclass

from django.core.exceptions import ImproperlyConfigured
from django.db import models

from audit.models import Stream


@dataclass(frozen=True, slots=True)
class Table:
    """A guarded table. `keys` are the column sets no two rows may share.

    `counter` is empty for a table whose rows are written once. Otherwise rows may change, but
    their `identity` may not, and while the counter stands still neither may anything else.
    """

    name: str
    keys: tuple[tuple[str, ...], ...]
    counter: str = ""
    identity: tuple[str, ...] = ()


def table_of(model: type[models.Model]) -> Table:
    """Return the table of an append-only model with every key a REPLACE could collide on."""
    return Table(model._meta.db_table, _keys(model))


def head_table() -> Table:
    """Return the table of streams: its rows live on, but only forward."""
    columns = tuple(_column(Stream, name) for name in ("id", "kind", "object_id", "domain_id"))
    return Table(Stream._meta.db_table, _keys(Stream), "last_seq", columns)


def _keys(model: type[models.Model]) -> tuple[tuple[str, ...], ...]:
    single = [(field.column,) for field in model._meta.local_concrete_fields if field.unique]
    together = [_constraint_columns(model, c) for c in model._meta.total_unique_constraints]
    if len(together) != sum(isinstance(c, models.UniqueConstraint) for c in _constraints(model)):
        raise ImproperlyConfigured(
            f"{model._meta.label} is append-only and can have no conditional unique constraint:"
            " SQLite would let INSERT OR REPLACE remove the row it collides with"
        )
    return tuple(sorted([*single, *together]))


def _constraints(model: type[models.Model]) -> list[models.BaseConstraint]:
    return list(model._meta.constraints)


def _constraint_columns(
    model: type[models.Model], constraint: models.UniqueConstraint
) -> tuple[str, ...]:
    return tuple(_column(model, name) for name in constraint.fields)


def _column(model: type[models.Model], name: str) -> str:
    return model._meta.get_field(name).column
