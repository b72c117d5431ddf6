"""What the state of a child means to a pattern, and which of its iterations counts."""

from collections.abc import Iterable

from orchestrator.patterns.base import PastStep

PASSED = frozenset({"succeeded", "skipped"})
FINAL = PASSED | {"failed", "rejected", "cancelled", "timed_out"}
_LOUDEST_FIRST = (
    "running",
    "ready",
    "backoff",
    "awaiting_budget",
    "awaiting_approval",
    "awaiting_input",
    "awaiting_auth",
)


def latest(past: Iterable[PastStep]) -> dict[str, PastStep]:
    """Return the child of the highest iteration at every path."""
    found: dict[str, PastStep] = {}
    for child in past:
        known = found.get(child.path)
        if known is None or child.iteration >= known.iteration:
            found[child.path] = child
    return found


def is_unstarted(child: PastStep | None) -> bool:
    """Whether nobody has been asked yet."""
    return child is None or child.state == "blocked"


def is_under_way(child: PastStep) -> bool:
    """Whether the child moves on by itself sooner or later; an escalated one needs a person."""
    return child.state not in FINAL and child.state not in {"blocked", "escalated"}


def reason_to_wait(children: Iterable[PastStep]) -> str:
    """Return the one state that says best what children under way are waiting for.

    A block with work to do is at work, whatever else it waits for.
    """
    states = {child.state for child in children}
    return next((state for state in _LOUDEST_FIRST if state in states), min(states))
