"""A ready step that may have to wait for others is taken only when it need not.

Limits count what is at work, and among the steps of one agent the oldest goes first, so that
none starves. Mutexes are taken in the order of their names, all that a step needs or none.
"""

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from governance.models import EFFECT_OPEN, Agent, Effect
from orchestrator.history.places import blocks_around, key_of
from orchestrator.models import AttemptKind, Mutex, Run, Step, StepKind, StepState
from orchestrator.services import bounds, seizing, steps
from orchestrator.services.definitions import definition_of

# Everybody who keeps to the limit of the installation queues up at this name.
TURNSTILE = "*"
MOST_LOOKED_AT = 200
# An undo keeps what it took until it is done, or left to people: it may be half done.
_UNDER_WAY = (StepState.READY, StepState.RUNNING, StepState.BACKOFF)


@dataclass(frozen=True, slots=True)
class _HeldError(Exception):
    """A mutex has another holder."""

    key: str
    holder: str


def seize(*, step_id: UUID, kind: AttemptKind, worker: str) -> Step | None:
    """Take a bounded step that is ready if nothing keeps it; joins the caller's `recording()`.

    One that lacks a mutex notes which, and whoever lets go of that rings for it.
    """
    found = Step.objects.select_related("run", "agent").filter(pk=step_id, bounded=True)
    step = found.filter(state=StepState.READY).first()
    if step is None or not _has_room(step):
        return None
    try:
        with transaction.atomic():
            taken = seizing.seize(step_id=step_id, kind=kind, worker=worker, bounded=True)
            if taken is not None:
                _acquire(taken)
            return taken
    except _HeldError as held:
        steps.wait_behind(step, held.key, held.holder)
        return None


def live() -> QuerySet[Step]:
    """Return the step that holds the mutex of the outer query, if any does.

    One whose effect is under way or in doubt holds it whatever became of its worker.
    """
    open_effect = Effect.objects.filter(action=OuterRef("action"), state__in=EFFECT_OPEN)
    at_work = Q(epoch=OuterRef("epoch"), state=StepState.RUNNING)
    undoing = Q(undoes__isnull=False, state__in=_UNDER_WAY)
    return Step.objects.filter(at_work | undoing | Exists(open_effect), pk=OuterRef("holder"))


def _has_room(step: Step) -> bool:
    """Whether one more may be at work. Who asks is alone with the question until it commits."""
    most = bounds.most_in_run(definition_of(step.run.workflow_id))
    if most:
        Run.objects.select_for_update().get(pk=step.run_id)
        if _at_work(run=step.run_id) >= most:
            return False
    of_agent = bounds.most_of(step.agent)
    if of_agent and step.agent_id:
        Agent.objects.select_for_update().get(pk=step.agent_id)
        if _at_work(agent=step.agent_id) + _ahead_of(step) >= of_agent:
            return False
    if settings.MAX_PARALLEL:
        Mutex.objects.get_or_create(key=TURNSTILE)
        Mutex.objects.select_for_update().get(key=TURNSTILE)
        return bool(_at_work() < settings.MAX_PARALLEL)
    return True


def _at_work(**whose: object) -> int:
    held = Step.objects.filter(state=StepState.RUNNING, **whose)
    return held.exclude(lease_owner="").count()


def _ahead_of(step: Step) -> int:
    """Count the older steps of the agent that only wait for it; others would hold it up."""
    before = Q(created_at__lt=step.created_at) | Q(created_at=step.created_at, pk__lt=step.pk)
    older = bounds.ready().filter(before, agent=step.agent_id, waits_for="")
    rows = older.values_list("run__workflow_id", flat=True)[:MOST_LOOKED_AT]
    return sum(not bounds.most_in_run(definition_of(workflow_id)) for workflow_id in rows)


def _acquire(step: Step) -> None:
    """Take every mutex of the step and of the blocks around it; raises _HeldError for the first.

    A mutex of a block is the block's until that ends, so that its steps need not wait again.
    """
    wanted = _wanted(step)
    known = set(Mutex.objects.filter(key__in=wanted).values_list("key", flat=True))
    missing = [Mutex(key=key) for key in sorted(wanted.keys() - known)]
    Mutex.objects.bulk_create(missing, ignore_conflicts=True)
    # Locked first: a condition on another table is judged by what was committed before.
    list(Mutex.objects.select_for_update().filter(key__in=wanted).order_by("key"))
    for key, holder in sorted(wanted.items()):
        _acquire_one(key, holder)


def _acquire_one(key: str, holder: Step) -> None:
    free = Mutex.objects.filter(Q(holder=holder.pk) | ~Exists(live()), key=key)
    if not free.update(holder=holder, epoch=holder.epoch):
        other = Mutex.objects.select_related("holder__run").get(key=key).holder
        if other is not None and holder.undoes_id and other.run_id == holder.run_id:
            # Nothing else of a run that goes back is at work; what it left in doubt stays held.
            return
        raise _HeldError(key, other.place if other else "")


def _wanted(step: Step) -> dict[str, Step]:
    """Return who shall hold each mutex: the outermost that needs it."""
    around = [key_of(block) for block in blocks_around(step.path)]
    places = {path for path, _iteration in around}
    rows = Step.objects.filter(run=step.run_id, path__in=places, kind=StepKind.BLOCK)
    found = {(row.path, row.iteration): row for row in rows}
    wanted: dict[str, Step] = {}
    for holder in (*(found[key] for key in around if key in found), step):
        for mutex in holder.mutexes:
            wanted.setdefault(mutex, holder)
    return wanted
