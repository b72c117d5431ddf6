"""A checked workflow file as frozen values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from orchestrator.patterns.paths import declared
from orchestrator.patterns.placing import TURN
from orchestrator.workflow.guarding import GateRule, gates_in
from orchestrator.workflow.money import BudgetRule, rule_of
from orchestrator.workflow.step_plans import StepPlan, duration, sequence_of


@dataclass(frozen=True, slots=True)
class AgentRef:
    """Which registered agent an alias means; of another domain only under a contract."""

    slug: str
    version: int
    domain: str = ""
    contract: str = ""

    @classmethod
    def read(cls, text: str) -> "AgentRef":
        """Read `slug@version`."""
        slug, _, version = text.partition("@")
        return cls(slug, int(version))


@dataclass(frozen=True, slots=True)
class Slot:
    """What an alias asks for that means no agent yet. `max_price` is micro-USD a turn."""

    capabilities: tuple[str, ...]
    scopes: tuple[str, ...]
    environment: str
    max_price: int | None


@dataclass(frozen=True, slots=True)
class StateKey:
    """A key of the run's shared state: the type of one write, and what writes add up to."""

    type: Mapping[str, Any]
    reducer: str
    initial: Any
    classification: str


@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """A whole file. `plain` is the JSON it was read from, as it is stored.

    It equals itself only, so that what is derived of it is kept with it and found at once:
    comparing two files step by step takes longer than deciding about one.

    `agents` are the aliases that mean a registered agent, `peers` those that mean whoever of
    several others gets the work, `slots` those whose agent is chosen when a run is taken in.
    `topology_options` are the topology's own fields.
    """

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
    decisions: str
    budget: BudgetRule
    steps: tuple[StepPlan, ...]
    plain: Mapping[str, Any]
    topology_options: Mapping[str, Any] = field(default_factory=dict)
    peers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    slots: Mapping[str, Slot] = field(default_factory=dict)
    state: Mapping[str, StateKey] = field(default_factory=dict)
    gates: Mapping[str, GateRule] = field(default_factory=dict)

    @property
    def limits_blocks(self) -> bool:
        """Whether the budget of any block decides how the run goes on."""
        return _limits_blocks(self)

    def refs(self, alias: str) -> tuple[AgentRef, ...]:
        """Return the registered agents that an alias may come to mean."""
        peers = self.peers.get(alias, (alias,))
        return tuple(self.agents[peer] for peer in peers if peer in self.agents)

    @property
    def workers(self) -> tuple[str, ...]:
        """Return the aliases that mean one agent in a run: registered ones, and filled slots."""
        return tuple(alias for alias in self.plain["agents"] if alias not in self.peers)

    def step(self, path: str) -> StepPlan:
        """Return what the file says of the step at `path` of a run; raises LookupError."""
        return self.line_of(path)[-1]

    @lru_cache(maxsize=4096)  # noqa: B019 - a process keeps few files, and as long as it lives
    def line_of(self, path: str) -> tuple[StepPlan, ...]:
        """Return the blocks around the step at `path`, outermost first, and the step itself.

        Raises LookupError for a path that no run of this file has.
        """
        line: list[StepPlan] = []
        siblings = self.steps
        for part in declared(path).split("/"):
            found = next((step for step in siblings if step.id == part), None)
            line.append(found or self._undeclared(path, line, part))
            siblings = line[-1].steps
        return tuple(line)

    def _undeclared(self, path: str, line: Sequence[StepPlan], part: str) -> StepPlan:
        """Return what a turn is that a block asks for, or that is asked for to place a step."""
        around = line[-1] if line else None
        if around is None or not (around.pattern or self.peers):
            raise LookupError(path)
        if around.pattern:
            return around.turn()
        return around if part == TURN else replace(around.turn(), pivot=False)


@lru_cache(maxsize=128)
def _limits_blocks(definition: Definition) -> bool:
    ahead = list(definition.steps)
    while ahead:
        step = ahead.pop()
        if step.pattern and step.budget:
            return True
        ahead += step.steps
    return False


def from_plain(plain: Mapping[str, Any]) -> Definition:
    """Return the definition of a file that passed its checks, for example a stored one."""
    topology, topology_options = _topology(plain.get("topology", "centralized"))
    return Definition(
        name=plain["name"],
        version=plain["version"],
        description=plain.get("description", ""),
        inputs=plain["inputs"],
        success=tuple(plain["success"]),
        pattern="sequential",
        topology=topology,
        deadline=duration(plain["limits"]["deadline"]),
        max_attempts=plain["limits"]["max_attempts"],
        agents={
            alias: _agent_ref(agent) for alias, agent in plain["agents"].items() if "ref" in agent
        },
        decisions=plain.get("decisions", "any"),
        budget=rule_of(plain["budget"]),
        steps=sequence_of(plain["steps"], plain["limits"]),
        plain=plain,
        topology_options=topology_options,
        peers={
            alias: tuple(agent["peers"])
            for alias, agent in plain["agents"].items()
            if "peers" in agent
        },
        gates=gates_in(plain),
        slots={
            alias: _slot(agent)
            for alias, agent in plain["agents"].items()
            if "capabilities" in agent
        },
        state={name: _state_key(key) for name, key in plain.get("state", {}).items()},
    )


def _topology(plain: str | Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Return the name of the topology and its fields; one without fields is only named."""
    if isinstance(plain, str):
        return plain, {}
    [(name, options)] = plain.items()
    return name, options


def _agent_ref(plain: Mapping[str, Any]) -> AgentRef:
    where = {key: plain[key] for key in ("domain", "contract") if key in plain}
    return replace(AgentRef.read(plain["ref"]), **where)


def micro_usd(amount: float) -> int:
    """Return an amount of dollars, as a file writes it, in whole millionths."""
    return int((Decimal(str(amount)) * 1_000_000).to_integral_value())


def _slot(plain: Mapping[str, Any]) -> Slot:
    most = plain.get("max_price_usd")
    return Slot(
        capabilities=tuple(plain["capabilities"]),
        scopes=tuple(plain.get("scopes", ())),
        environment=plain.get("environment", ""),
        max_price=None if most is None else micro_usd(most),
    )


def _state_key(plain: Mapping[str, Any]) -> StateKey:
    secrecy = plain.get("classification", "internal")
    return StateKey(plain["type"], plain["reducer"], plain.get("initial"), secrecy)
