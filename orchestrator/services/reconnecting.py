"""A write that a lost connection to the database kept from happening is tried again.

Every write of a worker is conditional on its claim, so one that did happen, and whose answer was
lost, is refused the second time and changes nothing.
"""

import logging
from collections.abc import Callable
from time import sleep
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection

# In seconds; together they stay below the shortest default claim.
PAUSES = (0.1, 0.5, 1.0, 2.0, 4.0)

Written = TypeVar("Written")

logger = logging.getLogger(__name__)


def written(write: Callable[[], Written]) -> Written:
    """Return what `write` returns; it must be one transaction, and join none.

    Raises the database's error when the database stays away.
    """
    for pause in PAUSES:
        try:
            return write()
        except (OperationalError, InterfaceError) as error:
            if connection.in_atomic_block:
                raise
            logger.warning("the database is away, trying again in %s s: %s", pause, error)
            connection.close()
            sleep(pause)
    return write()
