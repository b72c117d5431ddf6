"""Steps that wait for each other in a circle: the youngest is left to a person (engine.md 3.2)."""

from uuid import UUID

from django.db.models import Exists
from django.utils.translation import gettext as _

from audit.services.events import recording
from orchestrator.models import Mutex, Step, StepKind, StepState
from orchestrator.patterns.deadlock import victims
from orchestrator.services import bounds, runs, steps, waiting

CODE = "deadlock"


def found() -> list[UUID]:
    """Return the steps that have to give way."""
    held_up = {step.pk: step for step in bounds.ready().exclude(waits_for="")}
    keys = {step.waits_for for step in held_up.values()}
    held = Mutex.objects.filter(Exists(waiting.live()), key__in=keys).select_related("holder")
    holders = {mutex.key: mutex.holder for mutex in held}
    waits = {
        str(pk): [
            str(other.pk)
            for other in held_up.values()
            if other.pk != pk and _is_before(other, holders.get(step.waits_for))
        ]
        for pk, step in held_up.items()
    }
    age = {str(pk): step.created_at for pk, step in held_up.items()}
    return [UUID(name) for name in victims(waits, age)]


def give_way(step_id: UUID) -> bool:
    """Leave the step to a person, and say whether it was still waiting."""
    with recording():
        runs.lock(Step.objects.values_list("run_id", flat=True).get(pk=step_id))
        held_up = Step.objects.filter(pk=step_id, state=StepState.READY).exclude(waits_for="")
        step = held_up.select_related("run").first()
        if step is None:
            return False
        detail = _("It waits for “%(key)s”, whose holder waits for what this run holds.")
        name = step.waits_for.partition("/")[2]
        steps.give_up_waiting(step, CODE, detail % {"key": name})
        runs.advance(run_id=step.run_id)
    return True


def _is_before(step: Step, holder: Step | None) -> bool:
    """Whether the holder cannot let go before the step is done.

    A block ends after what is inside of it. What a run left in doubt is settled by people, who
    are asked once everything else of it is undone.
    """
    if holder is None or holder.run_id != step.run_id:
        return False
    return step.undoes_id is not None or _is_inside(step, holder)


def _is_inside(step: Step, holder: Step) -> bool:
    return holder.kind == StepKind.BLOCK and step.path.startswith(f"{holder.place}/")
