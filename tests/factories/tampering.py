"""What an owner of the database could do behind the product's back."""

from typing import Any

from django.db import connection
from django.db.models import Model


def edit(row: Model, **changes: Any) -> None:
    """Drop the triggers of the row's table and change the row."""
    table = row._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        else:
            cursor.execute(
                "SELECT name FROM sqlite_master WHERE tbl_name = %s AND type = 'trigger'", [table]
            )
            for (name,) in cursor.fetchall():
                cursor.execute(f"DROP TRIGGER {name}")
    type(row)._default_manager.filter(pk=row.pk).update(**changes)
