"""What happened in a run, step by step, as its stream tells it: the history that patterns read."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from orchestrator.history.places import Key, key_of
from orchestrator.patterns.base import Ask, PastStep
from orchestrator.patterns.changes import Settled
from orchestrator.patterns.spending import UNITS
from orchestrator.patterns.states import FINAL
from orchestrator.topologies.again import announced_again
from orchestrator.workflow.definition import Definition
from orchestrator.workflow.plain_json import as_stored
from orchestrator.workflow.shared_state import Entry, reduced

# What an event of a step's own life makes of it. What a move makes of it is derived instead.
_BECOMES: Mapping[str, str] = {
    "step.started": "running",
    "step.suspended": "awaiting_approval",
    "step.handed_over": "awaiting_input",
    "step.awaiting_input": "awaiting_input",
    "step.answered": "ready",
    "step.ready": "ready",
    "step.budget_awaited": "awaiting_budget",
    "step.retry_scheduled": "backoff",
    "step.lease_expired": "ready",
    "step.succeeded": "succeeded",
    "step.failed": "failed",
    "step.rejected": "rejected",
    "step.timed_out": "timed_out",
    "step.escalated": "escalated",
    "step.cancelled": "cancelled",
    "step.skipped": "skipped",
    "step.revoked": "ready",
    "step.retried": "ready",
    "step.rerouted": "ready",
    "step.supply_accepted": "ready",
    "step.settled": "ready",
}
_IS_EFFECT_OPEN: Mapping[str, bool] = {
    "effect.started": True,
    "effect.unknown": True,
    "effect.succeeded": False,
    "effect.failed": False,
    "effect.reconciled": False,
    "effect.compensated": False,
}


@dataclass(slots=True)
class Fold:
    """A run as far as its stream was read."""

    inputs: Mapping[str, Any] = field(default_factory=dict)
    owners: Mapping[str, str] = field(default_factory=dict)
    absent: Collection[str] = ()
    steps: dict[Key, PastStep] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    effects: dict[str, bool] = field(default_factory=dict)
    charges: dict[Key, dict[str, int]] = field(default_factory=dict)
    ended: int = 0

    @property
    def past(self) -> list[PastStep]:
        """Return every step that was ever started."""
        return list(self.steps.values())

    @property
    def has_open_effect(self) -> bool:
        """Whether anything outside may have happened that nobody has settled."""
        return any(self.effects.values())

    def outputs(self) -> dict[str, Any]:
        """Return `steps` as the expressions of the whole run see it."""
        done = [s for s in self.past if s.state == "succeeded" and "/" not in s.path]
        done.sort(key=lambda step: step.iteration)
        return {step.path: {"outputs": step.output} for step in done}

    def state(self, definition: Definition) -> dict[str, Any]:
        """Return what the keys of the shared state hold."""
        return reduced(definition.state, self.entries)

    def begin(self, payload: Mapping[str, Any]) -> None:
        """Take over what a run was started with."""
        self.inputs, self.owners = payload.get("inputs", {}), payload.get("owners", {})

    def happened(self, type: str, subject: str, payload: Mapping[str, Any]) -> bool:
        """Take over an event that no move made, and say whether it changed any step.

        Raises LookupError for a step that was never started.
        """
        if type in _IS_EFFECT_OPEN:
            self.effects[subject] = _IS_EFFECT_OPEN[type]
        if type == "state.written":
            self._write(payload)
        facts = {
            "run.voters_changed": self._miss,
            "step.taken_over": self._begin_with,
            "step.charged": self._charge,
            "step.announced_again": self._offer_anew,
        }
        if take_over := facts.get(type):
            take_over(payload)
            return True
        if type not in _BECOMES:
            return False
        key, state = key_of(str(payload["step"])), _BECOMES[type]
        if key not in self.steps and state == "cancelled":
            return False
        error = str(payload.get("code", "")) if state in {*FINAL, "escalated"} else ""
        output = payload.get("output", {})
        self._put(replace(self.steps[key], state=state, output=output, error_code=error))
        return True

    def asked(self, ask: Ask, state: str) -> None:
        """Take over that a move started a step or a block."""
        task = as_stored(dict(ask.task))
        step = PastStep(ask.path, ask.iteration, state, agent=ask.agent, kind=ask.kind, task=task)
        self._put(step)

    def settled(self, settled: Settled) -> None:
        """Take over that a move skipped a step, ended a block or left it to a person."""
        key, finish = (settled.path, settled.iteration), settled.finish
        step = self.steps.get(key, PastStep(*key, "blocked", kind=settled.kind))
        output, error = as_stored(dict(finish.output)), finish.error_code
        self._put(replace(step, state=finish.state, output=output, error_code=error))

    def moved(self, key: Key, state: str) -> None:
        """Take over that a move cancelled a step, or let a block go on."""
        self._put(replace(self.steps[key], state=state, error_code=""))

    def _miss(self, payload: Mapping[str, Any]) -> None:
        """Take over who of the voters is out of service."""
        self.absent = payload["absent"]

    def _begin_with(self, payload: Mapping[str, Any]) -> None:
        """Take over a fact that a fork begins with."""
        ended = PastStep(
            str(payload["step"]),
            0,
            str(payload["state"]),
            output=payload["output"],
            error_code=str(payload["code"]),
            agent=str(payload["agent"]),
            kind=payload["kind"],
        )
        self._put(ended)

    def _offer_anew(self, payload: Mapping[str, Any]) -> None:
        step = self.steps[key_of(str(payload["step"]))]
        task = announced_again(step.task, str(payload["reason"]))
        self._put(replace(step, task=task, error_code=""))

    def _charge(self, payload: Mapping[str, Any]) -> None:
        so_far = self.charges.setdefault(key_of(str(payload["step"])), dict.fromkeys(UNITS, 0))
        for unit in UNITS:
            so_far[unit] += payload.get(unit, 0)

    def _write(self, payload: Mapping[str, Any]) -> None:
        names = (part.name for part in fields(Entry))
        self.entries.append(Entry(**{name: payload[name] for name in names}))

    def _put(self, step: PastStep) -> None:
        if step.state in FINAL:
            self.ended += 1
            step = replace(step, order=self.ended)
        self.steps[step.path, step.iteration] = step
