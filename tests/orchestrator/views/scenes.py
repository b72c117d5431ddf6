"""Runs of a code review as they stand at telling moments: rows only, nobody worked on them."""

from collections.abc import Iterator

from orchestrator.models import Run
from tests.orchestrator.views.stage import (
    FINDINGS,
    Studio,
    Tries,
    attach,
    carry_out,
    lay_out,
    review,
    run,
    stop_at_gate,
    tell,
)

GOOD = {
    "style": Tries(
        "succeeded", [(0.1, 1.4, "succeeded")], output={"critical": 0, "major": 1, "files": 4}
    ),
    "security": Tries(
        "succeeded", [(1.5, 4.1, "succeeded")], output={"critical": 0, "notes": ["a", "b"]}
    ),
    "compliance": Tries(
        "succeeded", [(4.2, 4.9, "succeeded")], output={"signed": True, "issues": ["#12"]}
    ),
}


def waiting(place: Studio, ago: float = 760) -> Run:
    """Three agents are done and the merge waits for people."""
    made = run(place, "waiting", ago)
    stood = {**GOOD, "merge": Tries("awaiting_approval", [(5.0, 5.6, "proposed")])}
    steps = lay_out(place, made, stood)
    stop_at_gate(place, steps["merge"], 5.6)
    tell(made, "run.waiting", reason="awaiting_approval")
    return made


def succeeded(place: Studio, ago: float = 4000) -> Run:
    """Grace approved after eleven minutes and the branch was merged."""
    made = run(place, "succeeded", ago, 664.2)
    output = {"merged": True, "commit": "9c1de0a4" * 5}
    stood = {**GOOD, "merge": Tries("succeeded", [(5.0, 5.6, "proposed")], output=output)}
    steps = lay_out(place, made, stood)
    gate = stop_at_gate(place, steps["merge"], 5.6, ("approved", 662.0))
    review(place, gate, "approve", "Read all of it; the new limits are right.")
    carry_out(gate, 662.4, 663.9)
    tell(made, "run.succeeded")
    return made


def rejected(place: Studio, ago: float = 9000) -> Run:
    """Grace said no."""
    made = run(place, "rejected", ago, 301, error_code="rejected", error_detail="")
    stood = {
        **GOOD,
        "merge": Tries("rejected", [(5.0, 5.6, "proposed")], ("rejected", "Rejected.")),
    }
    steps = lay_out(place, made, stood)
    gate = stop_at_gate(place, steps["merge"], 5.6, ("rejected", 300.0))
    review(place, gate, "reject", "The limit for teams must stay at 50.")
    return made


def failed(place: Studio, ago: float = 20000) -> Run:
    """A critical finding stopped the run at a checkpoint."""
    why = ("checkpoint_failed", "The style check found a critical problem.")
    made = run(place, "failed", ago, 5.2, error_code=why[0], error_detail=why[1])
    crashed = [(0.1, 1.2, "crashed"), (1.6, 2.9, "failed"), (4.0, 5.1, "failed")]
    steps = lay_out(place, made, {"style": Tries("failed", crashed, why)})
    attach(steps["style"], "Style", {"findings": FINDINGS})
    tell(made, "checkpoint.failed", step="style", message=why[1])
    return made


def running(place: Studio, ago: float = 3.2) -> Run:
    """The second agent is at work."""
    made = run(place, "running", ago)
    busy = Tries("running", [(1.5, None, "running")])
    lay_out(place, made, {"style": GOOD["style"], "security": busy})
    return made


def escalated(place: Studio, ago: float = 50000) -> Run:
    """It is not known whether the merge happened."""
    why = ("effect_unknown", "The worker was lost while the branch was being merged.")
    made = run(place, "escalated", ago, error_code=why[0], error_detail=why[1])
    stood = {**GOOD, "merge": Tries("escalated", [(5.0, 5.6, "proposed")], why)}
    steps = lay_out(place, made, stood)
    gate = stop_at_gate(place, steps["merge"], 5.6, ("approved", 90.0))
    review(place, gate, "approve")
    carry_out(gate, 91.0, 94.0, "unknown")
    return made


def everything(place: Studio) -> Iterator[Run]:
    """One of each."""
    yield from (
        scene(place) for scene in (waiting, succeeded, rejected, failed, running, escalated)
    )
