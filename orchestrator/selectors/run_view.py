"""What a run's page shows, as frozen values: times are offsets from the run's start."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from orchestrator.selectors.rollback import Fate

BarKind = Literal["work", "wait", "effect"]


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of time in a lane: an agent at work, a wait for approval, or an effect.

    `start_ms` and `end_ms` count from the start of the run; `end_ms` is None while it grows.
    `state` is the state word of the attempt, gate or effect, `label` the same word for people.
    """

    kind: BarKind
    step_path: str
    state: str
    label: str
    start_ms: int
    end_ms: int | None
    gate_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Lane:
    """One agent's part of the run, bars in order of their start."""

    agent_id: UUID
    agent: str
    bars: Sequence[Bar]


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One try of a step."""

    number: int
    kind: str
    outcome: str
    label: str
    worker: str
    runner: str
    error_code: str
    error_detail: str
    usage: Mapping[str, Any]
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step with its tries. `label` is the state for people.

    `path` says which time it is when a step is done again. A block or a timer has no agent.
    """

    id: UUID
    path: str
    iteration: int
    kind: str
    agent_id: UUID | None
    agent: str
    state: str
    label: str
    output: Mapping[str, Any]
    error_code: str
    error_detail: str
    started_at: datetime | None
    finished_at: datetime | None
    not_before: datetime | None
    attempts: Sequence[AttemptRow]


@dataclass(frozen=True, slots=True)
class GateRow:
    """A gate this run stopped at."""

    id: UUID
    step_path: str
    state: str
    label: str
    sentence: str
    risk: str
    opened_at: datetime
    expires_at: datetime
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class EffectRow:
    """A side effect of this run, and whether its undo is registered."""

    id: UUID
    action_id: UUID
    step_path: str
    tool: str
    state: str
    label: str
    response: Mapping[str, Any]
    error: str
    undoable: bool
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class ExhibitRow:
    """Something attached during the run."""

    id: UUID
    step_path: str
    agent: str
    name: str
    kind: str
    trust: str
    subject: str
    digest: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RunView:
    """Everything a viewer who may see the run is shown about it.

    `seq` is the last event of the stream `run:<id>`, for the page's live cursor. `ending` is the
    state a run comes to that is winding down; `statement` says what became of the effects of one
    that does not succeed. `held_by` and `held_why` are who paused or cancelled it, and why.
    `contract_id` is what it is done under for another domain, `owners` whose its agents were at
    intake, by alias, where its topology asks, and `absent` who of its voters is out of service.
    """

    id: UUID
    domain_id: UUID
    contract_id: UUID | None
    workflow_id: UUID
    workflow: str
    workflow_version: str
    initiator_id: UUID
    initiator: str
    state: str
    label: str
    is_final: bool
    inputs: Mapping[str, Any]
    owners: Mapping[str, str]
    absent: Sequence[str]
    error_code: str
    error_detail: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    deadline_at: datetime
    ending: str
    rollback: str
    rollback_label: str
    held_by: str
    held_why: str
    elapsed_ms: int
    seq: int
    lanes: Sequence[Lane]
    steps: Sequence[StepRow]
    gates: Sequence[GateRow]
    effects: Sequence[EffectRow]
    exhibits: Sequence[ExhibitRow]
    statement: Sequence[Fate] = ()
    brief: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunRow:
    """One line of the list of runs."""

    id: UUID
    workflow: str
    workflow_version: str
    initiator: str
    state: str
    label: str
    is_final: bool
    error_detail: str
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class RunPage:
    """A page of runs, newest first. `next` is the cursor of the page after it, or empty."""

    rows: Sequence[RunRow]
    next: str
