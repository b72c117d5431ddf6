"""What the inbox and the gate page show, as values. The order is that of the page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


def in_letters(name: str) -> str:
    """Return a machine's name as people would write it, where nobody gave it a better word."""
    spaced = name.replace("_", " ")
    return spaced[:1].upper() + spaced[1:]


@dataclass(frozen=True, slots=True)
class PersonRef:
    """A person as others see them."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class NamedValue:
    """A fact, an argument or a pin: its name, its value as text, and what people call it."""

    name: str
    value: str
    label: str = ""

    @property
    def is_translated(self) -> bool:
        """Whether the label says more than the name does with spaces in it."""
        return bool(self.label) and self.label.lower() != in_letters(self.name).lower()


@dataclass(frozen=True, slots=True)
class PolicyReason:
    """One policy that asks for people: its id, its reason in words, and the facts it read."""

    policy_id: str
    content_hash: str
    code: str
    words: str
    severity: str
    facts: tuple[NamedValue, ...]


@dataclass(frozen=True, slots=True)
class Requester:
    """The chain initiator -> agent -> owner and sponsor -> tool."""

    initiator: PersonRef | None
    agent_id: str
    agent_name: str
    agent_purpose: str
    owner: PersonRef
    sponsor: PersonRef
    tool: str
    tool_name: str


@dataclass(frozen=True, slots=True)
class ExhibitView:
    """Something attached for the reviewer.

    `trust` is `tool` for what the control plane computed and `agent` for what an agent says.
    `stale` means it speaks about something other than what is pinned; `truncated` that a part
    of it is not shown, and then nobody can approve.
    """

    id: str
    name: str
    kind: str
    trust: str
    agent_name: str
    subject: str
    stale: bool
    truncated: bool
    digest: str
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SeatView:
    """One requirement of who must agree, how far it is filled, and who may still fill it."""

    group: str
    label: str
    needed: int
    filled: int
    filled_by: tuple[str, ...]
    may_decide: tuple[str, ...]
    distinct_from: tuple[str, ...]
    min_assurance: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether the viewer may decide this gate now; if not, the refusal's code and sentence."""

    may_decide: bool
    code: str = ""
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class ReviewView:
    """One review as it was given."""

    id: str
    person: PersonRef
    verb: str
    verb_label: str
    comment: str
    assurance: str
    channel: str
    at: datetime


@dataclass(frozen=True, slots=True)
class DecisionView:
    """The final outcome and the people whose reviews made it."""

    outcome: str
    outcome_label: str
    by: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class GateView:
    """Everything a reviewer sees, in the order of the page.

    `change` and `findings` are exhibits computed by the control plane and by agents. `stamp`
    goes back with the review; it is empty when the gate no longer waits. `complete` is false
    when something could not be shown in full: then only rejecting is possible. `delta_of` is
    the gate this one replaces, `replaced_by` the one that replaced it.
    """

    id: str
    epoch: int
    state: str
    state_label: str
    sentence: str
    risk: str
    risk_label: str
    reversibility: str
    reversibility_label: str
    environment: str
    environment_label: str
    change: tuple[ExhibitView, ...]
    arguments: tuple[NamedValue, ...]
    pins: tuple[NamedValue, ...]
    reasons: tuple[PolicyReason, ...]
    requester: Requester
    findings: tuple[ExhibitView, ...]
    compensation: str
    seats: tuple[SeatView, ...]
    standing: Standing
    reviews: tuple[ReviewView, ...]
    decision: DecisionView | None
    delta_of: str
    replaced_by: str
    rationale: str
    opened_at: datetime
    expires_at: datetime
    comment_required: bool
    complete: bool
    missing: tuple[str, ...]
    action_digest: str
    presented_digest: str
    stamp: str
    domain_id: str
    run_id: str
    step_path: str
    stream: str
    stream_seq: int


@dataclass(frozen=True, slots=True)
class GateRow:
    """One line of the inbox. `mine` means the viewer may decide it and has not yet."""

    id: str
    state: str
    state_label: str
    sentence: str
    risk: str
    risk_label: str
    environment: str
    tool_name: str
    agent_id: str
    agent_name: str
    owner_name: str
    initiator_name: str
    run_id: str
    filled: int
    needed: int
    mine: bool
    is_delta: bool
    opened_at: datetime
    expires_at: datetime
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class InboxPage:
    """A page of the inbox; `next` is the cursor of the page after it, empty on the last."""

    rows: tuple[GateRow, ...]
    next: str
