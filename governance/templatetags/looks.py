"""How every state looks: a tone, an icon and a word, so that colour never stands alone."""

from collections.abc import Iterable
from dataclasses import dataclass

from django import template
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

register = template.Library()


@dataclass(frozen=True, slots=True)
class Look:
    """A tone of tokens.css, an icon of the installed set, and the word people read."""

    tone: str
    icon: str
    label: str | Promise


LOOKS: dict[str, dict[str, Look]] = {
    "risk": {
        "low": Look("good", "shield-check", _("Low risk")),
        "medium": Look("wait", "signal-medium", _("Medium risk")),
        "high": Look("warn", "triangle-alert", _("High risk")),
        "critical": Look("bad", "octagon-alert", _("Critical risk")),
    },
    "reversibility": {
        "read_only": Look("good", "eye", _("Changes nothing")),
        "reversible": Look("good", "undo-2", _("Can be undone")),
        "compensable": Look("wait", "undo-2", _("Can be compensated")),
        "irreversible": Look("bad", "ban", _("Cannot be undone")),
    },
    "environment": {
        "development": Look("calm", "flask-conical", _("Development")),
        "staging": Look("calm", "layers", _("Staging")),
        "production": Look("warn", "globe", _("Production")),
    },
    "gate": {
        "pending": Look("wait", "hourglass", _("Waiting for people")),
        "approved": Look("good", "circle-check", _("Approved")),
        "rejected": Look("bad", "circle-x", _("Rejected")),
        "expired": Look("calm", "timer-off", _("Expired")),
        "cancelled": Look("calm", "circle-slash", _("Cancelled")),
        "void": Look("warn", "circle-slash-2", _("Approval no longer valid")),
    },
    "verb": {
        "approve": Look("good", "circle-check", _("Approved")),
        "reject": Look("bad", "circle-x", _("Rejected")),
    },
    "trust": {
        "tool": Look("good", "shield-check", _("Computed by Countersign")),
        "agent": Look("wait", "bot", _("Written by an agent, not verified")),
    },
    "severity": {
        "critical": Look("bad", "octagon-alert", _("Critical")),
        "major": Look("warn", "triangle-alert", _("Major")),
        "high": Look("warn", "triangle-alert", _("High")),
        "medium": Look("wait", "circle-alert", _("Medium")),
        "minor": Look("wait", "circle-alert", _("Minor")),
        "low": Look("calm", "info", _("Low")),
        "info": Look("calm", "info", _("Note")),
    },
    "signature": {
        "verified": Look("good", "badge-check", _("Verified")),
        "unknown_signer": Look("warn", "badge-alert", _("Signer not known here")),
        "bad": Look("bad", "badge-x", _("Bad signature")),
        "unsigned": Look("warn", "badge-alert", _("Unsigned")),
        "unchecked": Look("calm", "badge-alert", _("Not checked")),
    },
    "agent": {
        "draft": Look("calm", "pencil", _("Draft")),
        "pending_review": Look("wait", "hourglass", _("Pending review")),
        "active": Look("good", "circle-play", _("Active")),
        "suspended": Look("warn", "circle-pause", _("Suspended")),
        "quarantined": Look("bad", "shield-alert", _("Quarantined")),
        "retired": Look("calm", "archive", _("Retired")),
    },
    "run": {
        "pending": Look("calm", "circle-dashed", _("Pending")),
        "running": Look("busy", "circle-play", _("Running")),
        "waiting": Look("wait", "hourglass", _("Waiting")),
        "paused": Look("warn", "circle-pause", _("Paused")),
        "escalated": Look("warn", "hand", _("Needs a person")),
        "cancelling": Look("calm", "circle-slash", _("Cancelling")),
        "compensating": Look("warn", "undo-2", _("Rolling back")),
        "succeeded": Look("good", "circle-check", _("Succeeded")),
        "failed": Look("bad", "circle-alert", _("Failed")),
        "rejected": Look("bad", "circle-x", _("Rejected")),
        "cancelled": Look("calm", "circle-slash", _("Cancelled")),
        "timed_out": Look("bad", "timer-off", _("Timed out")),
    },
    "step": {
        "blocked": Look("calm", "circle-dashed", _("Not started")),
        "ready": Look("calm", "circle-dot", _("Ready")),
        "running": Look("busy", "circle-play", _("Running")),
        "awaiting_approval": Look("wait", "hourglass", _("Waiting for approval")),
        "awaiting_input": Look("wait", "hourglass", _("Waiting for input")),
        "awaiting_auth": Look("wait", "hourglass", _("Waiting for sign-in")),
        "awaiting_budget": Look("wait", "hourglass", _("Waiting for budget")),
        "backoff": Look("wait", "rotate-cw", _("Waiting to retry")),
        "escalated": Look("warn", "hand", _("Needs a person")),
        "succeeded": Look("good", "circle-check", _("Done")),
        "failed": Look("bad", "circle-alert", _("Failed")),
        "rejected": Look("bad", "circle-x", _("Rejected")),
        "skipped": Look("calm", "circle-slash", _("Skipped")),
        "cancelled": Look("calm", "circle-slash", _("Cancelled")),
        "timed_out": Look("bad", "timer-off", _("Timed out")),
    },
    "attempt": {
        "running": Look("busy", "circle-play", _("Working")),
        "succeeded": Look("good", "circle-check", _("Done")),
        "proposed": Look("good", "circle-check", _("Proposed an action")),
        "refused": Look("warn", "circle-x", _("Refused before it was proposed")),
        "handed_over": Look("wait", "handshake", _("Asked another domain")),
        "awaiting": Look("wait", "hourglass", _("Answers later")),
        "failed": Look("bad", "circle-alert", _("Failed")),
        "stale": Look("calm", "circle-slash", _("Lost its claim")),
        "crashed": Look("bad", "circle-alert", _("Worker lost")),
    },
    "effect": {
        "in_flight": Look("busy", "circle-play", _("In progress")),
        "succeeded": Look("good", "circle-check", _("Done")),
        "failed": Look("bad", "circle-alert", _("Failed, nothing was changed")),
        "unknown": Look("warn", "circle-question-mark", _("Unknown, a person must look")),
        "reconciled": Look("good", "circle-check", _("Reconciled")),
        "compensated": Look("calm", "undo-2", _("Undone")),
    },
    "fate": {
        "undone": Look("good", "undo-2", _("Undone")),
        "to_undo": Look("wait", "hourglass", _("Will be undone")),
        "not_undone": Look("bad", "circle-alert", _("Could not be undone")),
        "in_place": Look("warn", "circle-dot", _("Still in place")),
        "unknown": Look("warn", "circle-question-mark", _("Nobody knows whether it happened")),
        "under_way": Look("busy", "circle-play", _("In progress")),
        "no_trace": Look("calm", "circle-check", _("Changed nothing outside")),
        "never": Look("calm", "circle-slash", _("Did not happen")),
    },
    "pattern": {
        "sequential": Look("calm", "list-ordered", _("One after the other")),
        "concurrent": Look("calm", "split", _("At the same time")),
        "group_chat": Look("calm", "messages-square", _("Group chat")),
        "handoff": Look("calm", "arrow-right-left", _("Handoff")),
        "magentic": Look("calm", "clipboard-list", _("Plan and ledgers")),
        "": Look("calm", "megaphone", _("Offered to peers")),
    },
    "entry": {
        "message": Look("calm", "message-square", _("says")),
        "proposal": Look("busy", "lightbulb", _("proposes")),
        "evidence": Look("calm", "search", _("shows evidence")),
        "lost": Look("warn", "circle-alert", _("lost the turn")),
    },
    "ballot": {
        "decided": Look("good", "circle-check", _("Decided")),
        "tied": Look("warn", "equal", _("Tied")),
        "undecided": Look("calm", "circle-dashed", _("Not decided")),
        "no_quorum": Look("warn", "circle-alert", _("No quorum")),
    },
    "bid": {
        "asked": Look("wait", "hourglass", _("Asked for a bid")),
        "sealed": Look("calm", "lock", _("Answered, sealed")),
        "bid": Look("calm", "circle-dot", _("Bids")),
        "declined": Look("calm", "circle-slash", _("Declines")),
        "refused": Look("warn", "circle-x", _("Does not count")),
        "missing": Look("calm", "circle-dashed", _("No bid")),
        "accepting": Look("wait", "hourglass", _("Won, has to accept")),
        "won": Look("good", "circle-check", _("Has the work")),
        "lost": Look("warn", "undo-2", _("Won, did not take it")),
    },
    "baton": {
        "held": Look("busy", "hand", _("Holds the work")),
        "offered": Look("wait", "hourglass", _("Was offered the work")),
        "done": Look("good", "circle-check", _("Ended the work")),
    },
    "warrant": {
        "issued": Look("busy", "ticket", _("Ready to run")),
        "claimed": Look("good", "ticket-check", _("Used")),
        "expired": Look("calm", "timer-off", _("Expired unused")),
        "void": Look("warn", "circle-slash-2", _("Void")),
    },
    "contract": {
        "draft": Look("wait", "pencil", _("Draft")),
        "active": Look("good", "handshake", _("Binding")),
        "suspended": Look("warn", "circle-pause", _("Suspended")),
        "revoked": Look("bad", "circle-slash", _("Revoked")),
        "expired": Look("calm", "timer-off", _("Expired")),
    },
    "message": {
        "debug": Look("calm", "info", _("Note")),
        "info": Look("busy", "info", _("Note")),
        "success": Look("good", "circle-check", _("Done")),
        "warning": Look("warn", "triangle-alert", _("Careful")),
        "error": Look("bad", "circle-alert", _("Not done")),
    },
}


@register.filter
def look(value: object, kind: str) -> Look:
    """Return how `value` of `kind` looks; an unknown one is shown as it is written."""
    text = str(value)
    return LOOKS[kind].get(text) or Look("calm", "circle-question-mark", text.replace("_", " "))


PARTIES = {
    "initiator": _("who started it"),
    "owner": _("the agent's owner"),
    "sponsor": _("the agent's sponsor"),
}


@register.filter
def parties(names: Iterable[str]) -> str:
    """Return whom a seat excludes, in words."""
    return ", ".join(str(PARTIES.get(name, name)) for name in names)


BAR_KINDS = {"work": "attempt", "wait": "gate", "effect": "effect"}


@register.filter
def bar_look(bar: object) -> Look:
    """Return how a bar of a timeline looks, by what it is a stretch of."""
    return look(getattr(bar, "state", ""), BAR_KINDS[getattr(bar, "kind", "work")])
