"""Which registered agent fills a slot: a pure choice, so that replay makes it again.

Of those that can do everything the slot asks for and may, the cheapest is taken; of equally
cheap ones the first by name, in its highest version. One without a price comes last.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator.workflow.definition import Slot


@dataclass(frozen=True, slots=True)
class Candidate:
    """A registered agent as it stood when the run was taken in. `price` is micro-USD a turn."""

    slug: str
    version: int
    lifecycle: str
    environment: str
    capabilities: tuple[str, ...]
    scopes: tuple[str, ...]
    price: int | None

    @property
    def ref(self) -> str:
        """Return its name as files write it."""
        return f"{self.slug}@{self.version}"


@dataclass(frozen=True, slots=True)
class Choice:
    """Who was chosen, if anybody, and for every other candidate why not."""

    agent: str
    rejected: Mapping[str, str]


def select(slot: Slot, candidates: Iterable[Candidate]) -> Choice:
    """Return who fills the slot; the order of the candidates changes nothing."""
    known = sorted(candidates, key=_preference)
    faults = {one.ref: _fault(slot, one) for one in known}
    able = [one.ref for one in known if not faults[one.ref]]
    chosen = able[0] if able else ""
    others = {ref: fault or "not_preferred" for ref, fault in faults.items() if ref != chosen}
    return Choice(chosen, others)


def as_told(slot_name: str, candidates: Iterable[Candidate], choice: Choice) -> dict[str, Any]:
    """Return what the event `agent.selected` says: everything the choice was made from."""
    rows = [
        {**asdict(one), "agent": one.ref, "reason": choice.rejected.get(one.ref, "")}
        for one in sorted(candidates, key=_preference)
    ]
    return {"decider": "rule", "slot": slot_name, "agent": choice.agent, "candidates": rows}


def from_told(payload: Mapping[str, Any]) -> list[Candidate]:
    """Return the candidates in such an event."""
    names = Candidate.__dataclass_fields__
    rows = ({name: row[name] for name in names} for row in payload["candidates"])
    lists = ("capabilities", "scopes")
    return [Candidate(**{**row, **{name: tuple(row[name]) for name in lists}}) for row in rows]


def covers(granted: Iterable[str], wanted: str) -> bool:
    """Whether one of the scopes granted is the one wanted, or a pattern that it matches."""
    return any(
        wanted == scope or (scope.endswith("*") and wanted.startswith(scope[:-1]))
        for scope in granted
    )


def _preference(one: Candidate) -> tuple[bool, int, str, int]:
    return one.price is None, one.price or 0, one.slug, -one.version


def _fault(slot: Slot, one: Candidate) -> str:
    if one.lifecycle != "active":
        return f"not_active: {one.lifecycle}"
    if missing := [name for name in slot.capabilities if name not in one.capabilities]:
        return f"lacks_capability: {', '.join(missing)}"
    if slot.environment and one.environment != slot.environment:
        return f"other_environment: {one.environment}"
    if missing := [scope for scope in slot.scopes if not covers(one.scopes, scope)]:
        return f"out_of_scope: {', '.join(missing)}"
    if slot.max_price is None or (one.price is not None and one.price <= slot.max_price):
        return ""
    return "no_price" if one.price is None else f"too_expensive: {one.price}"
