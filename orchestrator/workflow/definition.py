"""A checked workflow file as frozen values."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from orchestrator.patterns.base import CheckpointRule, Jump
from orchestrator.patterns.paths import declared
from orchestrator.patterns.placing import TURN
from orchestrator.workflow.guarding import NOTHING, GateRule, Guard, gates_in, guard_in
from orchestrator.workflow.money import BudgetRule, amounts_of, rule_of

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
# What every node of the file may say; all else in a block is its pattern's.
NODE_FIELDS = frozenset(
    {
        "id",
        "pattern",
        "needs",
        "with",
        "context",
        "timeouts",
        "budget",
        "checkpoint",
        "when",
        "when_skipped",
        "on_failure",
        "on_reject",
        "on_timeout",
        "mutex",
        "risk",
        "steps",
        "branches",
        "do",
    }
)
# Where each of these may send a sequence back to, by the state that it follows.
_JUMPS = {"on_reject": "rejected", "on_failure": "failed", "on_timeout": "timed_out"}
_DURATION = re.compile(r"([1-9][0-9]{0,5})([smhd])")


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
class Timeouts:
    """How long a step may take (engine.md 5.6); None is bounded by the run's deadline alone.

    `start_to_close` bounds one attempt, `schedule_to_start` each wait for a worker,
    `schedule_to_close` everything from the first wait to the end, waiting for people included.
    `heartbeat` is how long its worker may be silent; None is the setting of the installation.
    """

    start_to_close: timedelta
    schedule_to_start: timedelta | None = None
    schedule_to_close: timedelta | None = None
    heartbeat: timedelta | None = None


@dataclass(frozen=True, slots=True)
class StateKey:
    """A key of the run's shared state: the type of one write, and what writes add up to."""

    type: Mapping[str, Any]
    reducer: str
    initial: Any
    classification: str


@dataclass(frozen=True, slots=True)
class StepPlan:
    """One node of the file: an agent's turn, or a block with a `pattern` and steps of its own.

    `arguments` is its `with`; None gives the agent the run's inputs. `options` are a block's own
    fields, `steps` its declared children: the steps of a sequence, the branches or the `do` of a
    concurrent block. `jumps` says where a sequence goes back to when the step went wrong,
    `on_timeout` what follows when its time is used up, nothing said as after a failure,
    `mutexes` what nobody else may use while it runs, as templates,
    `when_skipped` whether it is skipped with a step that it needs. `writes` are the members of
    its output that become shared state. Once what a `pivot` does is done, nothing is undone.
    `budget` is what a turn holds, or what a block may use, by unit.
    """

    id: str
    agent: str
    needs: tuple[str, ...]
    arguments: Mapping[str, Any] | None
    context: str | tuple[str, ...]
    timeouts: Timeouts
    checkpoint: tuple[CheckpointRule, ...]
    on_failure: str
    on_reject: str
    risk: str
    on_timeout: str = ""
    mutexes: tuple[str, ...] = ()
    when: str = ""
    when_skipped: str = "run"
    pattern: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    steps: tuple["StepPlan", ...] = ()
    jumps: Mapping[str, Jump] = field(default_factory=dict)
    pivot: bool = False
    writes: tuple[str, ...] = ()
    guard: Guard = NOTHING
    budget: Mapping[str, int] = field(default_factory=dict)

    def turn(self) -> "StepPlan":
        """Return what an agent's turn within this block is, which the file does not declare.

        Its failures are its pattern's business, so none of them waits for a person by itself.
        """
        alone = replace(self, pattern="", steps=(), needs=(), jumps={}, budget={})
        free = replace(alone, checkpoint=(), writes=(), guard=NOTHING, mutexes=())
        return replace(free, on_failure="stop", on_timeout="")


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
        steps=_sequence(plain["steps"], plain["limits"]),
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


def duration(text: str) -> timedelta:
    """Read `20m`; raises ValueError on anything the schema would refuse."""
    found = _DURATION.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is not a duration such as 20m")
    return timedelta(**{_UNITS[found.group(2)]: int(found.group(1))})


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


def _sequence(
    plain: Sequence[Mapping[str, Any]], limits: Mapping[str, Any]
) -> tuple[StepPlan, ...]:
    steps: list[StepPlan] = []
    for step in plain:
        before = (steps[-1].id,) if steps else ()
        steps.append(_step(step, before, limits))
    return tuple(steps)


def _inner(plain: Mapping[str, Any], limits: Mapping[str, Any]) -> tuple[StepPlan, ...]:
    children = children_of(plain)
    if "steps" in plain:
        return _sequence(children, limits)
    return tuple(_step(branch, (), limits) for branch in children)


def _step(
    plain: Mapping[str, Any], before: tuple[str, ...], limits: Mapping[str, Any]
) -> StepPlan:
    context = plain.get("context", "last")
    pattern = plain.get("pattern", "")
    return StepPlan(
        id=plain["id"],
        agent=plain.get("agent", ""),
        needs=tuple(plain.get("needs", before)),
        arguments=plain.get("with"),
        context=context if isinstance(context, str) else tuple(context),
        timeouts=_timeouts(plain, limits),
        checkpoint=tuple(CheckpointRule(**rule) for rule in plain.get("checkpoint", ())),
        on_failure=_ending(plain, "on_failure", "stop" if pattern else "escalate"),
        on_reject=_ending(plain, "on_reject", "stop"),
        on_timeout=_ending(plain, "on_timeout", ""),
        mutexes=tuple(plain.get("mutex", ())),
        risk=plain.get("risk", ""),
        when=plain.get("when", ""),
        when_skipped=plain.get("when_skipped", "run"),
        pattern=pattern,
        options=_options(plain, limits) if pattern else {},
        steps=_inner(plain, limits),
        jumps=dict(_jumps(plain)),
        pivot=plain.get("pivot", False),
        writes=tuple(plain.get("writes", ())),
        guard=NOTHING if pattern else guard_in(plain),
        budget=amounts_of(plain.get("budget", {})),
    )


def children_of(plain: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the nodes that a node of the file declares inside, each with its id."""
    if "steps" in plain:
        return list(plain["steps"])
    named = {"do": plain["do"]} if "do" in plain else plain.get("branches", {})
    return [{"id": name, **node} for name, node in named.items()]


def _options(plain: Mapping[str, Any], limits: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that are the pattern's own; a limit of the file bounds its blocks."""
    options = {name: value for name, value in plain.items() if name not in NODE_FIELDS}
    if plain["pattern"] == "concurrent" and "max_parallel" in limits:
        options.setdefault("max_parallel", limits["max_parallel"])
    return options


def _timeouts(plain: Mapping[str, Any], limits: Mapping[str, Any]) -> Timeouts:
    """Return how long turns may take; a block that asks nobody itself has no turns."""
    given = plain.get("timeouts", {"start_to_close": limits["deadline"]})
    return Timeouts(**{name: duration(text) for name, text in given.items()})


def _ending(plain: Mapping[str, Any], name: str, default: str) -> str:
    """Return what follows when a step went wrong; where it goes back, it ends first."""
    chosen = plain.get(name, default)
    return chosen if isinstance(chosen, str) else "stop"


def _jumps(plain: Mapping[str, Any]) -> Iterator[tuple[str, Jump]]:
    for name, how in _JUMPS.items():
        chosen = plain.get(name)
        if isinstance(chosen, Mapping):
            yield how, Jump(chosen["to"], chosen["max"])
