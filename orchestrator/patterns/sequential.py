"""One step after another, in the order of the file (engine.md 3.1)."""

from orchestrator.patterns.base import (
    Ask,
    Finish,
    History,
    Move,
    PastStep,
    PlannedStep,
    Start,
    Wait,
)

PASSED = frozenset({"succeeded", "skipped"})
_ENDS = {
    "failed": "failed",
    "rejected": "rejected",
    "escalated": "escalated",
    "timed_out": "failed",
    "cancelled": "failed",
}


class Sequential:
    """Starts a step only when every step before it passed; ends at the first that did not."""

    name = "sequential"

    def decide(self, history: History) -> Move:
        """Return what happens next; equal histories give equal moves."""
        latest = _latest(history)
        for step in history.plan:
            past = latest.get(step.path)
            if past is None or past.state == "blocked":
                return Start([Ask(step.path, past.iteration if past else 0)])
            if past.state not in PASSED:
                return _stopped_at(step, past)
        return Finish("succeeded")


def _latest(history: History) -> dict[str, PastStep]:
    latest: dict[str, PastStep] = {}
    for past in history.past:
        known = latest.get(past.path)
        if known is None or past.iteration >= known.iteration:
            latest[past.path] = past
    return latest


def _stopped_at(step: PlannedStep, past: PastStep) -> Move:
    if past.state in _ENDS:
        return Finish(_ENDS[past.state], cause=step.path, error_code=past.error_code)
    return Wait(past.state)
