"""A ledger that stops where a test wants it to stop: at a named pipe beside its file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.factories.governance import LedgerAppend


class SlowLedger(LedgerAppend):
    """Waits at `<ledger>.before` and at `<ledger>.after`, if they exist, and counts its calls."""

    def perform(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str], **keys: Any
    ) -> Mapping[str, Any]:
        """Append the line between the two pipes."""
        ledger = arguments["ledger"]
        with Path(f"{ledger}.calls").open("a") as calls:
            calls.write("call\n")
        wait_at(f"{ledger}.before")
        done = super().perform(arguments, pins, **keys)
        wait_at(f"{ledger}.after")
        return done


def wait_at(pipe: str) -> None:
    """Block until somebody opens the pipe for writing; go on at once if there is none."""
    if Path(pipe).exists():
        Path(pipe).read_text()
