"""What the status of somebody else's answer means for another attempt (engine.md 5.6)."""

from datetime import timedelta

from orchestrator.runners.base import AgentFailedError

OK, ACCEPTED, TOO_MANY, SERVER_FAILED = 200, 202, 429, 500
# What may be otherwise a moment later; every other refusal stays one.
_PASSING = frozenset({408, 409, 425, TOO_MANY})
_LONGEST_SECONDS = 86_400.0


def refused(who: str, status: int, retry_after: str) -> AgentFailedError:
    """Say which status came, and not what was written with it: that may quote a secret."""
    code = "rate_limited" if status == TOO_MANY else f"{who}_refused"
    return AgentFailedError(
        code,
        f"The {who} answered with status {status}.",
        retryable=status in _PASSING or status >= SERVER_FAILED,
        retry_after=_seconds(retry_after),
    )


def _seconds(text: str) -> timedelta:
    """Return a Retry-After in seconds; one that is a date is left to our own delay."""
    try:
        return timedelta(seconds=min(max(float(text), 0.0), _LONGEST_SECONDS))
    except ValueError:
        return timedelta()
