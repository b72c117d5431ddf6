"""What people can do about a run as it stands, and what they need to know for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from governance.models import Agent, Domain, EffectState, Gate, GateState, Lifecycle
from governance.selectors import people
from orchestrator.models import (
    MOST_HUMAN_RETRIES,
    RUN_TRANSITIONS,
    RunState,
    Step,
    StepKind,
    StepState,
)
from orchestrator.patterns.states import PASSED
from orchestrator.runners.supply import SLUG as SUPPLY
from orchestrator.selectors.failures import (
    Change,
    Spent,
    changes_in,
    failures_of,
    spent_on,
)
from orchestrator.selectors.rollback import DONE, abroad, past_pivot
from orchestrator.selectors.run_view import AttemptRow, EffectRow, RunView, StepRow
from orchestrator.selectors.stakes import Stakes, stakes_of
from orchestrator.topologies import again
from orchestrator.workflow.definition import Definition
from orchestrator.workflow.undoing import is_read

_IN_DOUBT = frozenset({EffectState.IN_FLIGHT, EffectState.UNKNOWN})
_OPEN = frozenset({RunState.RUNNING, RunState.WAITING, RunState.ESCALATED, RunState.PAUSED})


@dataclass(frozen=True, slots=True)
class Controls:
    """What somebody who operates runs may do with the whole run now."""

    cancel: bool = False
    pause: bool = False
    resume: bool = False
    roll_back: bool = False
    close: bool = False
    fork: bool = False
    forkable: Sequence[str] = ()

    @property
    def any(self) -> bool:
        """Whether there is anything to do."""
        ends = self.cancel or self.roll_back or self.close
        return ends or self.pause or self.resume or self.fork


@dataclass(frozen=True, slots=True)
class Packet:
    """A step that needs a person: what failed, what is in doubt, and the verbs that are open.

    `failures` are its last tries and `changes` how each differs from the one before,
    `open_effects` all of the run that nobody has settled, `spent` what the step cost so far,
    `stakes` what would be undone if the run failed now.
    `offer` is the gate at which a supplied output waits. `agents` could do the step instead.
    How often it may begin again is `retries_left`; that people may have peers bid for it anew,
    where nobody took it, is `announcements_left`.
    """

    step: StepRow
    is_undo: bool
    doubt: EffectRow | None
    offer: UUID | None
    verbs: Sequence[str]
    retries_left: int
    announcements_left: int
    agents: Sequence[tuple[UUID, str]]
    failures: Sequence[AttemptRow]
    changes: Sequence[Change]
    open_effects: Sequence[EffectRow]
    spent: Spent
    stakes: Stakes


def controls_of(run: RunView, person: Any, domain: Domain, definition: Definition) -> Controls:
    """Return what the person may do with the run; nothing without `operate_runs`."""
    if "operate_runs" not in people.permissions_for(person, domain):
        return Controls()
    onward = frozenset[str]() if run.ending else RUN_TRANSITIONS[run.state]
    forkable = _forkable(run, definition)
    return Controls(
        cancel=RunState.CANCELLING in onward,
        pause=RunState.PAUSED in onward,
        resume=run.state == RunState.PAUSED,
        roll_back=run.state == RunState.ESCALATED
        and not run.ending
        and _undoable(run, definition),
        close=run.state == RunState.ESCALATED and bool(run.ending) and not _stuck(run),
        fork=bool(forkable),
        forkable=forkable,
    )


def packets_of(
    run: RunView, person: Any, domain: Domain, definition: Definition
) -> tuple[Packet, ...]:
    """Return every step of the run that needs a person, for one who may do something about it."""
    stuck = _stuck(run)
    may = "operate_runs" in people.permissions_for(person, domain)
    if not stuck or not may or run.state not in _OPEN:
        return ()
    rows = Step.objects.filter(pk__in=[step.id for step in stuck]).select_related("undoes")
    known = {row.pk: row for row in rows}
    stakes = stakes_of(run, definition)
    return tuple(_packet(run, step, known[step.id], definition, stakes) for step in stuck)


def _stuck(run: RunView) -> list[StepRow]:
    return [step for step in run.steps if step.state == StepState.ESCALATED]


def _forkable(run: RunView, definition: Definition) -> list[str]:
    """Return the steps of the file at which another run could begin: all before them passed.

    There is none in what another domain asked for: only that domain can ask again.
    """
    if run.contract_id:
        return []
    states = {step.path: step.state for step in run.steps if "/" not in step.path}
    names: list[str] = []
    for plan in definition.steps:
        names.append(plan.id)
        if states.get(plan.id) not in PASSED:
            break
    return names


def _packet(
    run: RunView, step: StepRow, row: Step, definition: Definition, stakes: Stakes
) -> Packet:
    doubt = _doubt(run, row)
    offer = _offer(run, step)
    left = MOST_HUMAN_RETRIES - row.human_retries
    failures = failures_of(step)
    return Packet(
        step=step,
        is_undo=row.undoes_id is not None,
        doubt=doubt,
        offer=offer,
        verbs=tuple(_verbs(row, definition, in_doubt=doubt is not None, is_offered=bool(offer))),
        retries_left=max(0, left) if _is_worked_on(row) else 0,
        announcements_left=_announcements_left(row, definition),
        agents=_others(run, row),
        failures=failures,
        changes=changes_in(failures),
        open_effects=tuple(e for e in run.effects if e.state in _IN_DOUBT),
        spent=spent_on(row.pk),
        stakes=stakes,
    )


def _verbs(row: Step, definition: Definition, *, in_doubt: bool, is_offered: bool) -> list[str]:
    is_undo, may_begin = row.undoes_id is not None, row.human_retries < MOST_HUMAN_RETRIES
    known = not in_doubt
    workable = known and _is_worked_on(row)
    open_now = {
        "reconcile": in_doubt,
        "announce_again": _announcements_left(row, definition) > 0,
        "retry": workable and may_begin,
        "reroute": workable and may_begin and not is_undo,
        "supply_output": workable and not is_undo and not is_offered,
        "skip": is_undo or (known and not is_read(definition, row.path)),
        "fail": True,
    }
    return [verb for verb, is_open in open_now.items() if is_open]


def _is_worked_on(row: Step) -> bool:
    """Whether an agent was asked for it: nobody begins a block, or what no one was asked for."""
    return row.undoes_id is not None or (row.kind != StepKind.BLOCK and row.agent_id is not None)


def _announcements_left(row: Step, definition: Definition) -> int:
    """Return how often people may still announce the step's work again."""
    if not again.was_in_vain(row.alias, row.error_code):
        return 0
    return again.times_left(row.task, definition.topology_options)


def _doubt(run: RunView, row: Step) -> EffectRow | None:
    in_doubt = (effect for effect in run.effects if effect.state in _IN_DOUBT)
    if row.undoes_id:
        return next((effect for effect in in_doubt if effect.id == row.undoes_id), None)
    return next((effect for effect in in_doubt if effect.action_id == row.action_id), None)


def _offer(run: RunView, step: StepRow) -> UUID | None:
    offered = Gate.objects.filter(
        action__run_id=run.id,
        action__step_path=step.path,
        action__tool=SUPPLY,
        state=GateState.PENDING,
    )
    return offered.values_list("pk", flat=True).first()


def _others(run: RunView, row: Step) -> list[tuple[UUID, str]]:
    active = Agent.objects.filter(domain_id=run.domain_id, lifecycle=Lifecycle.ACTIVE)
    others = active.order_by("name", "version")
    return [
        (agent.pk, f"{agent.name} {agent.version}") for agent in others if agent.pk != row.agent_id
    ]


def _undoable(run: RunView, definition: Definition) -> bool:
    if past_pivot(run.id, definition):
        return False
    may_have_happened = DONE | {EffectState.UNKNOWN}
    is_here = any(e.undoable for e in run.effects if e.state in may_have_happened)
    return is_here or bool(abroad(run.id))
