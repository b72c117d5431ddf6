"""Which tables are guarded, and what of them must stay as it is."""

from dataclasses import dataclass
from typing import Any

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
    return Table(_about(model).db_table, _keys(model))


def head_table() -> Table:
    """Return the table of streams: its rows live on, but only forward."""
    identity = ("id", "kind", "object_id", "domain_id")
    return Table(_about(Stream).db_table, _keys(Stream), "last_seq", identity)


def _about(model: type[models.Model]) -> Any:
    return model._meta  # noqa: SLF001 - documented API of Django under a private name


def _keys(model: type[models.Model]) -> tuple[tuple[str, ...], ...]:
    about = _about(model)
    together = [c for c in about.constraints if isinstance(c, models.UniqueConstraint)]
    if len(together) > len(about.total_unique_constraints):
        raise ImproperlyConfigured(
            f"{about.label} is append-only and can have no conditional unique constraint:"
            " SQLite would let INSERT OR REPLACE remove the row it collides with"
        )
    single = [(field.column,) for field in about.local_concrete_fields if field.unique]
    several = [tuple(about.get_field(name).column for name in c.fields) for c in together]
    return tuple(sorted([*single, *several]))
