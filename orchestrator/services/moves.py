"""Makes a move: rows of steps begin, become ready or end, and the stream says so.

Joins the caller's `recording()`, which holds the run. What a move says is told in the order of
`orchestrator.history.telling`, so that replay can lay it beside what it derives.
"""

from collections.abc import Mapping
from time import monotonic
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from audit import statements
from governance.budgeting.answers import Held
from governance.models import EFFECT_OPEN, Agent, Effect, Gate, GateState
from governance.services import gates
from orchestrator.history import telling
from orchestrator.history.places import Key
from orchestrator.models import AttemptKind, Run, RunState, Step, StepKind, StepState
from orchestrator.patterns.base import Ask, PastStep, Start
from orchestrator.patterns.changes import Settled, TreeMove
from orchestrator.services import bells, claims, remembered, seizing, spending, steps
from orchestrator.services.claims import Claim
from orchestrator.services.history import ENGINE, tell_run, tell_step
from orchestrator.services.intake import agents_of
from orchestrator.services.selection import refs_of
from orchestrator.services.step_rows import Asked
from orchestrator.workflow.definition import Definition

MOST_RUNS = 128
_agents: dict[UUID, Mapping[str, Agent]] = {}


def past_of(run: Run) -> list[PastStep]:
    """Return what became of every step that was ever started, in any order: none of it counts.

    An undo is no part of what a pattern decides about.
    """
    rows = run.steps.filter(undoes__isnull=True).exclude(state=StepState.BLOCKED)
    past = [PastStep(*row) for row in rows.values_list(*remembered.PAST)]
    remembered.read(run, past)
    return past


def make(run: Run, definition: Definition, move: TreeMove, worker: str) -> Claim | None:
    """Make the move; the worker, if there is one, gets the claim on a step that becomes ready."""
    rows = _rows_of(run, move)
    for note in move.notes:
        event = telling.of_note(note)
        tell_run(run, event.type, ENGINE, **event.payload)
    for key in move.resumed:
        steps.resume_block(rows[key])
        _tell(rows[key], telling.of_resumed(key))
    for ask in move.begun:
        rows[ask.path, ask.iteration] = step = steps.begin(run, ask)
        _tell(step, telling.of_begun(ask))
    for settled in move.settled:
        _settle(run, rows, settled)
    for key in move.cancel:
        _cancel(rows[key])
    return _start(run, definition, move.move, worker) if isinstance(move.move, Start) else None


def _withdraw_gates(run: Run, steps_asking: list[Any], reason: str) -> None:
    """Take back every question to people that was asked for the actions of these steps."""
    waiting = Gate.objects.filter(
        action__run_id=run.pk, action__in=steps_asking, state=GateState.PENDING
    )
    for gate_id in list(waiting.order_by("pk").values_list("pk", flat=True)):
        gates.cancel(gate_id=gate_id, actor=ENGINE, reason=reason)


def _rows_of(run: Run, move: TreeMove) -> dict[Key, Step]:
    """Return the rows that the move ends or resumes."""
    keys = {*move.cancel, *move.resumed, *((s.path, s.iteration) for s in move.settled)}
    if not keys:
        return {}
    paths = {path for path, _iteration in keys}
    found = run.steps.filter(path__in=paths, undoes__isnull=True).select_related("run")
    return {key: step for step in found if (key := (step.path, step.iteration)) in keys}


def _cancel(step: Step) -> None:
    """End a step that lost; what it is doing outside is never abandoned, so that may finish."""
    if Effect.objects.filter(action=step.action_id, state__in=EFFECT_OPEN).exists():
        tell_step(step, "step.spared", ENGINE)
        return
    was, reason = step.state, _("The step is not needed any more.")
    steps.cancel(step, because="not_needed")
    if was == StepState.AWAITING_APPROVAL:
        _withdraw_gates(step.run, [step.action_id], reason)


def _settle(run: Run, rows: dict[Key, Step], settled: Settled) -> None:
    key = settled.path, settled.iteration
    step = rows[key] = rows.get(key) or steps.place(run, *key, settled.kind)
    steps.settle(step, settled.finish)
    _tell(step, telling.of_settled(settled), detail=settled.finish.detail)


def _start(run: Run, definition: Definition, start: Start, worker: str) -> Claim | None:
    asked, goes_on = _asked(run, definition, list(start.steps)), run.state == RunState.RUNNING
    begun = seizing.seize_at_once(run, asked[0], worker) if worker and goes_on else None
    ready = steps.make_ready(run, _limited(asked[1:] if begun else asked))
    places = {(step.path, step.iteration): step for step in ([begun] if begun else []) + ready}
    for ask in start.steps:
        _tell(places[ask.path, ask.iteration], telling.of_ready(ask))
    work = [step for step in ready if step.kind != StepKind.TIMER]
    if begun:
        bells.ring_all(work)
        return _begun(begun, worker)
    if not worker or not work or not goes_on:
        bells.ring_all(work)
        return None
    first, *others = work
    bells.ring_all(others)
    return _taken(run, first, worker)


def _begun(step: Step, worker: str) -> Claim | None:
    """Return the claim on a step that was taken at once; without budget it is ready instead."""
    since = monotonic()
    answer = spending.draw(step, AttemptKind.TURN, epoch=step.epoch)
    if isinstance(answer, Held):
        kind, took = AttemptKind.TURN, monotonic() - since
        return claims.begun(step, kind, worker, answer, took=took)
    steps.put_back(step)
    bells.ring_all([step])
    return None


def _taken(run: Run, step: Step, worker: str) -> Claim | None:
    """Take a step that nobody else can have yet, unless the run has no budget for it.

    Then the worker that is rung finds the same, and sets the step aside.
    """
    step.run, epoch = run, step.epoch + 1
    step.agent = agent = statements.found(Agent, {"pk": step.agent_id})[0]
    answer = spending.draw(step, AttemptKind.TURN, epoch=epoch)
    if isinstance(answer, Held):
        claim = claims.taken(
            step_id=step.pk,
            kind=AttemptKind.TURN,
            worker=worker,
            run=run,
            agent=agent,
            drawn=answer,
        )
        if claim is not None:
            return claim
        spending.let_go(step, answer, epoch=epoch)
    bells.ring_all([step])
    return None


def _asked(run: Run, definition: Definition, asks: list[Ask]) -> list[Asked]:
    agents = _agents_named(run, definition, {ask.agent for ask in asks if ask.agent})
    return [Asked(ask, agents[ask.agent] if ask.agent else None) for ask in asks]


def _agents_named(run: Run, definition: Definition, names: set[str]) -> Mapping[str, Agent]:
    """Return whom aliases mean, read once: a version of an agent is registered once and for all.

    Whether an agent is in service is read when it is claimed for, and its limit with each move.
    """
    known = _agents.get(run.pk, {})
    if not names <= known.keys():
        refs = refs_of(definition, run.pinned_agents)
        known = _agents[run.pk] = agents_of(run.domain_id, refs)
        while len(_agents) > MOST_RUNS:
            _agents.pop(next(iter(_agents)), None)
    return known


def _limited(asked: list[Asked]) -> list[Asked]:
    """Take over how much the agents may do at once by now, which their owners set at any time."""
    agents = {one.agent.pk: one.agent for one in asked if one.agent}
    if agents:
        limits = Agent.objects.filter(pk__in=agents).values_list("pk", "max_parallel")
        for pk, most in limits:
            agents[pk].max_parallel = most
    return asked


def _tell(step: Step, event: telling.Told, **words: Any) -> None:
    tell_step(step, event.type, ENGINE, **{**event.payload, **words})
