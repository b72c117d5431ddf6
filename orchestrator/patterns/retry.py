"""How long to wait before the next attempt (engine.md 5.6)."""

import hashlib
from datetime import timedelta

FIRST_SECONDS = 2.0
LONGEST_SECONDS = 60.0
_DIGEST_CEILING = 2**256


def delay_after(step_id: str, attempt: int) -> timedelta:
    """Return the wait after failed `attempt` (from 1): doubling, at most 60 s, half of it jitter.

    The jitter comes from a hash, so a replay waits the same and siblings do not move in step.
    """
    full = min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** (min(attempt, 32) - 1))
    digest = hashlib.sha256(f"{step_id}|{attempt}".encode()).digest()
    return timedelta(seconds=full * (0.5 + 0.5 * int.from_bytes(digest) / _DIGEST_CEILING))
