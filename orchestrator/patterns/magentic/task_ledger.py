"""The task ledger: what is known, who is on the team, what is to be done. A version never changes.

The manager writes it; the goal, constraints and success criteria in it are the file's.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from audit.canonical import digest
from orchestrator.patterns.children import Fault, misfit
from orchestrator.patterns.magentic.rules import Rules

RISKS = ("low", "medium", "high", "critical")
MAX_ITEMS = 50
INVALID = "invalid_ledger"

NAME = {"type": "string", "maxLength": 40, "pattern": "^[a-z][a-z0-9_]*$"}
TEXT = {"type": "string", "minLength": 1, "maxLength": 4000}
TEXTS = {"type": "array", "maxItems": 50, "items": TEXT}
_COST = {"type": "integer", "minimum": 0, "maximum": 10**12}


def closed(required: Sequence[str], **properties: Any) -> dict[str, Any]:
    """Return the JSON Schema of an object with these members and no others."""
    shape = {"type": "object", "additionalProperties": False}
    return {**shape, "required": list(required), "properties": properties}


def _each(item: Mapping[str, Any], most: int = MAX_ITEMS, *, least: int = 0) -> dict[str, Any]:
    return {"type": "array", "minItems": least, "maxItems": most, "items": dict(item)}


_ITEM = closed(
    ["id", "agent", "goal", "risk", "est_cost_micro_usd"],
    id=NAME,
    agent=TEXT,
    goal=TEXT,
    action_class={"type": "string", "maxLength": 100},
    risk={"enum": list(RISKS)},
    depends_on=_each(NAME),
    scopes=_each({"type": "string", "minLength": 1, "maxLength": 200}),
    est_tokens=_COST,
    est_cost_micro_usd=_COST,
    compensation={"type": "string", "maxLength": 4000},
    needs_approval={"type": "boolean"},
)
_MEMBER = closed(["agent", "why"], agent=TEXT, why=TEXT)
_FACTS = closed(
    [],
    given=TEXTS,
    to_look_up=_each(closed(["fact", "where"], fact=TEXT, where=TEXT)),
    to_derive=TEXTS,
    guesses=_each(
        closed(
            ["text", "confidence"],
            text=TEXT,
            confidence={"type": "number", "minimum": 0, "maximum": 1},
        )
    ),
)
_TEAM, _PLAN = _each(_MEMBER, least=1), _each(_ITEM, least=1)
_REPLAN = closed(["reason", "root_cause"], reason=TEXT, root_cause=TEXT)

ANSWER = closed(["team", "plan"], facts=_FACTS, team=_TEAM, plan=_PLAN)
ANSWER_TO_STALL = closed(
    ["team", "plan", "replan"], facts=_FACTS, team=_TEAM, plan=_PLAN, replan=_REPLAN
)
AMENDMENT = closed(["plan"], team=_each(_MEMBER), plan=_PLAN)


@dataclass(frozen=True, slots=True)
class Item:
    """One piece of work of a plan. Equal items are the same work at the same risk and price."""

    id: str
    agent: str
    goal: str
    risk: str
    est_cost_micro_usd: int
    action_class: str = ""
    depends_on: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    est_tokens: int = 0
    compensation: str = ""
    needs_approval: bool = False

    @property
    def is_high_risk(self) -> bool:
        """Whether people who review only what is risky want to see the item."""
        return RISKS.index(self.risk) >= RISKS.index("high")

    def is_work_of(self, other: "Item") -> bool:
        """Whether the item asks the same agent for the same thing, whatever it may cost."""
        return (self.id, self.agent, self.goal) == (other.id, other.agent, other.goal)

    def as_json(self) -> dict[str, Any]:
        """Return the item as people and agents read it."""
        return asdict(self) | {"depends_on": [*self.depends_on], "scopes": [*self.scopes]}


@dataclass(frozen=True, slots=True)
class TaskLedger:
    """One version. `content` is what people approve, `digest` is taken over it."""

    version: int
    items: Mapping[str, Item]
    team: Mapping[str, str]
    content: Mapping[str, Any]
    digest: str

    def ready(self, done: Iterable[str]) -> list[str]:
        """Return the items whose dependencies are done."""
        done = set(done)
        return [item.id for item in self.items.values() if done.issuperset(item.depends_on)]

    def leads_to(self, item: str) -> set[str]:
        """Return every item that has to be done before this one."""
        found: set[str] = set()
        ahead = set(self.items[item].depends_on)
        while ahead:
            found |= ahead
            ahead = {name for one in ahead for name in self.items[one].depends_on} - found
        return found

    def as_json(self) -> dict[str, Any]:
        """Return the ledger as people and agents read it."""
        return {**self.content, "digest": self.digest}


UNPLANNED = TaskLedger(0, {}, {}, {}, "")


def read_task_ledger(
    answer: Any, *, rules: Rules, version: int, stall: Mapping[str, Any] | None = None
) -> TaskLedger | Fault:
    """Return the plan in a manager's answer as the given version, or what is wrong with it.

    `stall` says what made a new plan necessary; the manager then has to name the root cause.
    """
    if fault := misfit(answer, ANSWER if stall is None else ANSWER_TO_STALL, INVALID):
        return fault
    replan = {**stall, **answer["replan"]} if stall is not None else {}
    items = [_item(plain) for plain in answer["plan"]]
    team = [(member["agent"], member["why"]) for member in answer["team"]]
    more = {"facts": answer.get("facts", {}), "replan": replan}
    return _ledger(team, items, rules, version, more)


def amended(
    ledger: TaskLedger, amendment: Mapping[str, Any], *, rules: Rules
) -> TaskLedger | Fault:
    """Return the next version, with more people or work; an item of the same id is replaced.

    The shape of the amendment is that of `AMENDMENT`.
    """
    new = [_item(plain) for plain in amendment["plan"]]
    if len({item.id for item in new}) < len(new):
        return Fault("duplicate_item", "Every item of an amendment has an id of its own.")
    members = {m["agent"]: m["why"] for m in amendment.get("team", ())}
    team = list({**ledger.team, **members}.items())
    items = list({**ledger.items, **{item.id: item for item in new}}.values())
    more = {"facts": ledger.content["facts"], "replan": ledger.content["replan"]}
    return _ledger(team, items, rules, ledger.version + 1, more)


def _item(plain: Mapping[str, Any]) -> Item:
    """Return the item of a plan that has its shape; JSON says 3.0 and means 3."""
    told = dict(plain)
    for name in ("depends_on", "scopes"):
        told[name] = tuple(sorted(set(plain.get(name, ()))))
    for name in ("est_tokens", "est_cost_micro_usd"):
        told[name] = int(plain.get(name, 0))
    return Item(**told)


def _ledger(
    team: Sequence[tuple[str, str]],
    items: Sequence[Item],
    rules: Rules,
    version: int,
    more: Mapping[str, Any],
) -> TaskLedger | Fault:
    if fault := _fault_in_team(team, rules) or _fault_in_plan(items, dict(team)):
        return fault
    content = {
        "version": version,
        "parent_version": version - 1,
        "task": rules.goal,
        "constraints": list(rules.constraints),
        "success_criteria": [asdict(criterion) for criterion in rules.criteria],
        "team": [{"agent": agent, "why": why} for agent, why in team],
        "plan": [item.as_json() for item in items],
        **more,
    }
    try:
        sealed = digest(content)
    except ValueError as error:
        return Fault(INVALID, f"The ledger cannot be written down: {error}"[:300])
    return TaskLedger(version, {item.id: item for item in items}, dict(team), content, sealed)


def _fault_in_team(team: Sequence[tuple[str, str]], rules: Rules) -> Fault | None:
    names = {agent for agent, _ in team}
    if strangers := sorted(names.difference(rules.eligible)):
        offered = ", ".join(rules.eligible)
        return Fault("not_eligible", f"{strangers[0][:60]!r} cannot join; offered: {offered}.")
    if len(names) < len(team):
        return Fault("duplicate_member", "Every agent is on the team once.")
    if len(names) > rules.limits.max_team:
        return Fault("team_too_large", f"A team has {rules.limits.max_team} agents at most.")
    return None


def _fault_in_plan(items: Sequence[Item], team: Mapping[str, str]) -> Fault | None:
    known = {item.id for item in items}
    if len(items) > MAX_ITEMS:
        return Fault("plan_too_long", f"A plan has {MAX_ITEMS} items at most.")
    if len(known) < len(items):
        return Fault("duplicate_item", "Every item of a plan has an id of its own.")
    for item in items:
        if item.agent not in team:
            return Fault("not_in_team", f"{item.id} is for {item.agent[:60]!r}, who is no member.")
        if unknown := sorted(set(item.depends_on) - known):
            return Fault("unknown_item", f"{item.id} depends on {unknown[0]!r}, which is missing.")
    return _fault_in_order(items)


def _fault_in_order(items: Sequence[Item]) -> Fault | None:
    left = {item.id: set(item.depends_on) for item in items}
    while free := {name for name, needs in left.items() if not needs}:
        left = {name: needs - free for name, needs in left.items() if name not in free}
    if left:
        return Fault("circular_plan", f"{', '.join(sorted(left))} wait for one another.")
    return None
