"""A worker that counts what it comes by, and dies with its whole pool at a number of them.

It passes a point before and after every commit of a transaction, every turn of an agent and
every call of a tool: the moments that a crash can fall between.
"""

import os
import signal
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from governance import adapters
from orchestrator.runners.registry import runners
from tests.factories import governance
from tests.orchestrator.cells.driving import PLAYER, PlayerRunner
from tests.orchestrator.kill.slow_ledger import SlowLedger

PLACE = "KILL_POINTS_PLACE"
PASSED = "points"
FATAL = "kill_at"
DIED = "died"


def install(place: Path) -> None:
    """Let this process and those it forks come by the points of `place`."""

    def around(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def wrapped(*args: Any, **keys: Any) -> Any:
            _pass(place, f"before {name}")
            done = function(*args, **keys)
            _pass(place, f"after {name}")
            return done

        return wrapped

    ledger, player = SlowLedger(), PlayerRunner()
    vars(ledger)["perform"] = around("a call", ledger.perform)
    vars(ledger)["compensate"] = around("an undo", ledger.compensate)
    vars(player)["run"] = around("a turn", player.run)
    commit = "_commit"
    setattr(BaseDatabaseWrapper, commit, around("a commit", getattr(BaseDatabaseWrapper, commit)))
    adapters._adapters[governance.LEDGER.slug] = ledger
    runners()[PLAYER] = (player, "player 1 (test)")


def _pass(place: Path, name: str) -> None:
    """Count a point; whoever takes the mark away is the one to die of it."""
    with (place / PASSED).open("ab") as passed:
        passed.write(b".")
        passed.flush()
        number = passed.tell()
    fatal = place / FATAL
    try:
        if number < int(fatal.read_text()):
            return
        fatal.rename(place / DIED)
    except FileNotFoundError:
        return
    (place / DIED).write_text(f"{number} {name}")
    os.killpg(0, signal.SIGKILL)
