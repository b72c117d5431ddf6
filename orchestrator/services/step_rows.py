"""Rows for the steps that a move asks for. The outermost sequence has its rows since intake."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models.functions import Now

from governance.models import Agent, Effect
from orchestrator.history.places import Key, key_of
from orchestrator.models import Run, Step, StepKind, StepState
from orchestrator.patterns.base import Ask
from orchestrator.services import timing
from orchestrator.services.bounds import bounds_of, bounds_of_undo
from orchestrator.services.definitions import definition_of
from orchestrator.workflow.plain_json import as_stored
from orchestrator.workflow.step_plans import duration


@dataclass(frozen=True, slots=True)
class Planned:
    """A step of the outermost sequence before anybody is asked; a block has no agent."""

    path: str
    alias: str
    agent: Agent | None
    is_block: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """What a move asks for, and the agent that its alias means; a timer has none."""

    ask: Ask
    agent: Agent | None = None


def agent_of(step: Step) -> Agent:
    """Return the agent that works on the step, loaded; a block or a timer has none."""
    if step.agent is None:
        raise TypeError(f"nobody works on a step of kind {step.kind}")
    return step.agent


def is_abroad(step: Step) -> bool:
    """Whether another domain than the run's own has the agent of the step, loaded with it."""
    return step.agent is not None and step.agent.domain_id != step.run.domain_id


def planned_rows(run: Run, plan: Sequence[Planned], ended: Mapping[str, str]) -> list[Step]:
    """Return the outermost sequence in the order of the file, blocked unless it has `ended`."""
    return [
        Step(
            run=run,
            path=node.path,
            position=position,
            kind=StepKind.BLOCK if node.is_block else StepKind.TURN,
            agent=node.agent,
            alias=node.alias,
            state=StepState(ended.get(node.path, StepState.BLOCKED)),
        )
        for position, node in enumerate(plan)
    ]


def waiting_row(run: Run, key: Key) -> Step | None:
    """Return the step if it has waited since intake, as the outermost sequence does."""
    path, iteration = key
    if "/" in path or iteration:
        return None
    found = run.steps.filter(path=path, iteration=0, state=StepState.BLOCKED)
    return found.select_related("run").first()


def waits_since_intake(ask: Ask) -> bool:
    """Whether the step is one of the outermost sequence, which has its rows since intake."""
    return "/" not in ask.path and not ask.iteration


def waiting_key(run: Run, ask: Ask) -> Mapping[str, Any]:
    """Return what is equal in the row of a step that has waited since intake, and in no other."""
    return {"run": run, "path": ask.path, "iteration": 0, "state": StepState.BLOCKED}


def queued(run: Run, asked: Asked) -> dict[str, Any]:
    """Return the columns of a step that comes into the queue, where it waited since intake."""
    ask = asked.ask
    return {
        "task": as_stored(dict(ask.task)),
        "agent": asked.agent,
        "alias": ask.agent,
        **timing.times_of(definition_of(run.workflow_id), ask.path),
        **bounds_of(run, ask, asked.agent),
    }


def fresh_rows(run: Run, asked: Sequence[Asked], state: StepState) -> list[Step]:
    """Return new rows, not saved yet. A timer is never ready: it runs until its time has come."""
    if not asked:
        return []
    places = _places(run, [one.ask.path for one in asked])
    definition = definition_of(run.workflow_id)
    return [
        Step(
            run=run,
            position=places[_outermost(one.ask.path)],
            **_fields(one, state),
            **(timing.times_of(definition, one.ask.path) if _waits(one, state) else {}),
            **bounds_of(run, one.ask, one.agent),
        )
        for one in asked
    ]


def _waits(asked: Asked, state: StepState) -> bool:
    """Whether the step waits for a worker from now on."""
    return state == StepState.READY and asked.ask.kind != "timer"


def undo_rows(run: Run, effects: Sequence[Effect]) -> list[Step]:
    """Return a blocked compensation step for each effect, after every other step of the run."""
    after = run.steps.count()
    return [
        Step(
            run=run,
            path=f"undo/{effect.action.step_path}",
            iteration=effect.commit_seq or 0,
            position=after + place,
            kind=StepKind.TURN,
            agent_id=effect.action.agent_id,
            undoes=effect,
            **bounds_of_undo(run, effect.action.step_path),
        )
        for place, effect in enumerate(effects)
    ]


def _fields(asked: Asked, state: StepState) -> Mapping[str, Any]:
    ask = asked.ask
    fields: dict[str, Any] = {
        "path": ask.path,
        "iteration": ask.iteration,
        "kind": ask.kind,
        "agent": asked.agent,
        "alias": ask.agent,
        "task": as_stored(dict(ask.task)),
        "state": state,
    }
    if ask.kind == "timer":
        until = Now() + duration(ask.task["after"])
        fields |= {"state": StepState.RUNNING, "started_at": Now(), "not_before": until}
    return fields


def _places(run: Run, paths: Sequence[str]) -> dict[str, int]:
    """Return where in the file's outermost sequence each step stands, as its page lists it."""
    names = {_outermost(path) for path in paths}
    rows = run.steps.filter(path__in=names, iteration=0)
    return dict(rows.values_list("path", "position"))


def _outermost(path: str) -> str:
    return key_of(path.partition("/")[0])[0]
