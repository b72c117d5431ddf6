"""Notices that the source changed, for `up --reload`."""

import time

from orchestrator.supervisor.child import ROOT

WATCHED = ("orchestrator", "governance", "audit", "templates")
SUFFIXES = {".py", ".html", ".cedar"}
PAUSE_SECONDS = 1


class Changes:
    """Compares the newest modification, at most once a second."""

    def __init__(self) -> None:
        self._seen = _newest()
        self._next = time.monotonic() + PAUSE_SECONDS

    def have_come(self) -> bool:
        """Whether something was saved since this last said so."""
        if time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + PAUSE_SECONDS
        before, self._seen = self._seen, _newest()
        return before != self._seen


def _newest() -> tuple[int, float]:
    times = [
        path.stat().st_mtime
        for top in WATCHED
        for path in (ROOT / top).rglob("*")
        if path.suffix in SUFFIXES
    ]
    return len(times), max(times)
