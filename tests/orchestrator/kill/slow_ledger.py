"""Ledgers that stop where a test wants them to: while a certain file lies beside theirs.

Behind them is a target as it should be. It keeps every call it got, with its key and its fence;
it does nothing twice for one key, and nothing for a fence below one it has seen for that key.
"""

import fcntl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from governance import adapters
from governance.adapters import EffectRefusedError
from tests.factories.governance import LEDGER, LedgerAppend


@dataclass(frozen=True)
class Call:
    """A call that arrived at the target, and what it did with it."""

    key: str
    fence: int
    outcome: str


class SlowLedger(LedgerAppend):
    """Waits while `<ledger>.before` and then `<ledger>.after` exist, and counts its calls."""

    def perform(
        self,
        arguments: Mapping[str, Any],
        pins: Mapping[str, str],
        *,
        effect_key: str,
        fence: int,
    ) -> Mapping[str, Any]:
        """Let the target append the line between the two."""
        ledger = arguments["ledger"]
        with Path(f"{ledger}.calls").open("a") as calls:
            calls.write("call\n")
        wait_at(f"{ledger}.before")
        with _target(ledger):
            outcome = _judged(ledger, effect_key, fence)
            if outcome == "done":
                super().perform(arguments, pins, effect_key=effect_key, fence=fence)
            with Path(f"{ledger}.heard").open("a") as heard:
                heard.write(f"{effect_key} {fence} {outcome}\n")
        if outcome == "refused":
            raise EffectRefusedError("the target has heard of a newer fence")
        wait_at(f"{ledger}.after")
        return {"line": arguments["line"]}


class PostedLedger(SlowLedger):
    """Its target cannot be asked, but knows a key again."""

    slug = "ledger.post"
    effect_class = "idempotent_key"


class ShoutedLedger(SlowLedger):
    """Its target cannot be asked, and nothing may be sent to it twice."""

    slug = "ledger.shout"
    effect_class = "none"


def install() -> None:
    """Put the slow ledger in place of the quick one, and its relatives beside it."""
    for adapter in (SlowLedger(), PostedLedger(), ShoutedLedger()):
        adapters._adapters[adapter.slug] = adapter


def remove() -> None:
    """Put the quick ledger back."""
    adapters._adapters[LEDGER.slug] = LEDGER
    for slug in (PostedLedger.slug, ShoutedLedger.slug):
        del adapters._adapters[slug]


def heard_at(ledger: Path) -> list[Call]:
    """Return every call that arrived at the target of a ledger, in order."""
    heard = Path(f"{ledger}.heard")
    lines = heard.read_text().splitlines() if heard.exists() else []
    return [
        Call(key, int(fence), outcome) for key, fence, outcome in (line.split() for line in lines)
    ]


def wait_at(place: str) -> None:
    """Wait until nothing lies at this place."""
    while Path(place).exists():
        time.sleep(0.02)


@contextmanager
def _target(ledger: str) -> Iterator[None]:
    with Path(f"{ledger}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _judged(ledger: str, key: str, fence: int) -> str:
    known = [call for call in heard_at(Path(ledger)) if call.key == key]
    if any(call.fence > fence for call in known):
        return "refused"
    return "known" if any(call.outcome == "done" for call in known) else "done"
