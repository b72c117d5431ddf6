"""A checked workflow file as frozen values."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_DURATION = re.compile(r"([1-9][0-9]{0,5})([smhd])")


@dataclass(frozen=True, slots=True)
class AgentRef:
    """Which registered agent an alias means."""

    slug: str
    version: int


@dataclass(frozen=True, slots=True)
class CheckpointRule:
    """What must hold of a step's output before the run goes on, and what happens if not."""

    require: str
    message: str
    route: str


@dataclass(frozen=True, slots=True)
class StepPlan:
    """One step of the file. `arguments` is its `with`; None gives the agent the run's inputs."""

    id: str
    agent: str
    needs: tuple[str, ...]
    arguments: Mapping[str, Any] | None
    context: str | tuple[str, ...]
    start_to_close: timedelta
    checkpoint: tuple[CheckpointRule, ...]
    on_failure: str
    on_reject: str
    risk: str


@dataclass(frozen=True, slots=True)
class Definition:
    """A whole file. `plain` is the JSON it was read from, as it is stored."""

    name: str
    version: str
    description: str
    inputs: Mapping[str, Any]
    success: tuple[str, ...]
    pattern: str
    topology: str
    deadline: timedelta
    max_attempts: int
    agents: Mapping[str, AgentRef]
    steps: tuple[StepPlan, ...]
    plain: Mapping[str, Any]

    def step(self, path: str) -> StepPlan:
        """Return the step named `path`; raises LookupError."""
        for step in self.steps:
            if step.id == path:
                return step
        raise LookupError(path)


def from_plain(plain: Mapping[str, Any]) -> Definition:
    """Return the definition of a file that passed its checks, for example a stored one."""
    return Definition(
        name=plain["name"],
        version=plain["version"],
        description=plain.get("description", ""),
        inputs=plain["inputs"],
        success=tuple(plain["success"]),
        pattern="sequential",
        topology=plain.get("topology", "centralized"),
        deadline=duration(plain["limits"]["deadline"]),
        max_attempts=plain["limits"]["max_attempts"],
        agents={alias: _agent_ref(agent["ref"]) for alias, agent in plain["agents"].items()},
        steps=_steps(plain["steps"]),
        plain=plain,
    )


def duration(text: str) -> timedelta:
    """Read `20m`; raises ValueError on anything the schema would refuse."""
    found = _DURATION.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is not a duration such as 20m")
    return timedelta(**{_UNITS[found.group(2)]: int(found.group(1))})


def _agent_ref(text: str) -> AgentRef:
    slug, _, version = text.partition("@")
    return AgentRef(slug, int(version))


def _steps(plain: list[Mapping[str, Any]]) -> tuple[StepPlan, ...]:
    steps: list[StepPlan] = []
    for step in plain:
        before = (steps[-1].id,) if steps else ()
        steps.append(_step(step, before))
    return tuple(steps)


def _step(plain: Mapping[str, Any], before: tuple[str, ...]) -> StepPlan:
    context = plain.get("context", "last")
    return StepPlan(
        id=plain["id"],
        agent=plain["agent"],
        needs=tuple(plain.get("needs", before)),
        arguments=plain.get("with"),
        context=context if isinstance(context, str) else tuple(context),
        start_to_close=duration(plain["timeouts"]["start_to_close"]),
        checkpoint=tuple(CheckpointRule(**rule) for rule in plain.get("checkpoint", ())),
        on_failure=plain.get("on_failure", "escalate"),
        on_reject=plain.get("on_reject", "stop"),
        risk=plain.get("risk", ""),
    )
