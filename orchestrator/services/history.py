"""What every write of the engine says in the run's stream."""

from typing import Any

from audit.services.events import record
from audit.types import Actor, ObjectRef, StreamKey
from orchestrator.models import Run, Step

ENGINE = Actor.system("engine")


def stream_of(run_id: object) -> StreamKey:
    """Return the name of a run's stream."""
    return StreamKey("run", str(run_id))


def tell_step(step: Step, type: str, actor: Actor, /, **payload: Any) -> None:
    """Record an event about a step whose run is loaded."""
    record(
        stream=stream_of(step.run_id),
        type=type,
        actor=actor,
        domain_id=step.run.domain_id,
        object=ObjectRef("step", str(step.pk)),
        payload={"step": step.place, **payload},
    )


def tell_run(run: Run, type: str, actor: Actor, /, **payload: Any) -> None:
    """Record an event about a run."""
    record(
        stream=stream_of(run.pk),
        type=type,
        actor=actor,
        domain_id=run.domain_id,
        object=ObjectRef("run", str(run.pk)),
        payload=payload,
    )
