"""The database's clock: the only one that expiry is compared with (DESIGN law 6)."""

from datetime import datetime

from audit import statements


def database_now() -> datetime:
    """Return the database's time."""
    return statements.moment()
