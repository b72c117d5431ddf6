"""What governance tells the log about itself: event types by noun, viewers and links."""

import uuid
from collections.abc import Collection, Iterable, Mapping
from functools import partial
from typing import Any

from django.db.models import Model

from audit import registry
from audit.registry import Sentence
from governance import reasons
from governance.models import Action, Agent, Contract, Domain, Exhibit, Gate, Outcome, Person
from governance.selectors import agents, people

Types = Iterable[tuple[str, str | Sentence]]


def _verdict_words(payload: Mapping[str, Any]) -> str:
    said = reasons.words_of(payload.get("reasons", []))
    match payload.get("outcome"):
        case Outcome.ALLOW:
            return "Policy allowed it"
        case Outcome.REQUIRE_APPROVAL:
            return f"Policy asks for people: {said}"
        case _:
            return f"Policy denied it: {said}"


def _decision_words(payload: Mapping[str, Any]) -> str:
    label, by, reason = (payload.get(key) or "" for key in ("label", "by", "reason"))
    outcome = f"{label} by {by}" if by else label or "Decided"
    return f"{outcome}: {reason}" if reason else outcome


def _limit_words(payload: Mapping[str, Any]) -> str:
    name, most, reason = (payload.get(key) or "" for key in ("name", "most", "reason"))
    limit = f"may be at work on at most {most} steps at once" if most else "has no limit of steps"
    return f"{name} {limit}: {reason}"


DOMAINS: Types = (
    ("domain.created", "Domain {name} was created"),
    ("domain.key_made", "The domain has a signing key: {public}"),
)

CONTRACTS: Types = (
    ("contract.drafted", "Contract {name} was drafted"),
    ("contract.signed", "{person} signed contract {name} for {side}"),
    ("contract.activated", "Contract {name} binds from now on"),
    ("contract.suspended", "Contract {name} was suspended by {side}: {reason}"),
    ("contract.resumed", "Contract {name} binds again: {side} resumed it"),
    ("contract.revoked", "Contract {name} was revoked: {reason}"),
    ("contract.expired", "Contract {name} expired"),
    ("receipt.issued", "A receipt was signed under contract {contract}: {outcome}"),
    ("receipt.accepted", "The receipt under contract {contract} was verified: {outcome}"),
)

PEOPLE: Types = (
    ("person.enrolled", "{name} enrolled"),
    ("person.seeded", "{name} was added as somebody who cannot sign in"),
    ("person.invited", "An invitation was made, good for {minutes} minutes"),
    ("person.link_issued", "A sign-in link was made, good for {minutes} minutes"),
    ("person.signed_in", "{name} signed in with a {method}"),
    ("person.signin_refused", "Somebody was refused a sign-in with a {method}"),
    ("person.password_set", "{name} set a password"),
    ("person.address_set", "{name} changed where their mail goes"),
    ("person.deactivated", "{name} was deactivated: {reason}"),
)

TOKENS: Types = (
    ("token.issued", "Token {name} was issued to {holder}"),
    ("token.revoked", "Token {name} of {holder} was revoked"),
)

AGENTS: Types = (
    ("agent.registered", "{name} was registered, version {version}"),
    ("agent.suspended", "{name} was suspended: {reason}"),
    ("agent.resumed", "{name} works again: {reason}"),
    ("agent.limited", _limit_words),
)

NOTICES: Types = (
    ("webhook.registered", "Notices now also go to {host}"),
    ("webhook.removed", "Notices no longer go to {host}"),
    ("notice.queued", "{count} notices were queued: {title}"),
    ("notice.delivered", "A notice was delivered by {channel}"),
    ("notice.postponed", "A notice could not be delivered by {channel} yet: {error}"),
    ("notice.failed", "A notice could not be delivered by {channel}: {error}"),
)

ACTIONS: Types = (
    ("action.proposed", "{agent} proposed: {sentence}"),
    ("verdict.given", _verdict_words),
    ("exhibit.attached", "“{name}” was attached"),
    ("tool.registered", "Tool {name} was registered"),
    ("tool_server.registered", "Tool server {slug} was registered"),
    ("bundle.activated", "Policy bundle {number} rules from now on"),
)

GATES: Types = (
    ("gate.opened", "People are asked: {sentence}"),
    ("gate.decided", _decision_words),
    ("gate.voided", "The approval no longer holds: {reason}"),
    ("review.given", "{person} chose “{label}”"),
    ("review.refused", "A review by {person} was refused: {detail}"),
)

WARRANTS: Types = (
    ("warrant.issued", "A warrant was issued, good for one use within {minutes} minutes"),
    ("warrant.claimed", "{worker} claimed the warrant"),
    ("warrant.expired", "The warrant expired unused"),
    ("warrant.voided", "The warrant was voided: {reason}"),
)

EFFECTS: Types = (
    ("effect.started", "Under way: {sentence}"),
    ("effect.succeeded", "Done: {sentence}"),
    ("effect.failed", "It did not happen: {error}"),
    ("effect.unknown", "Nobody knows whether it happened: {error}"),
    ("effect.taken_over", "Another worker took it over from one that was lost"),
    ("effect.reconciled", "It was settled that it happened: {note}"),
    ("effect.compensated", "Undone: {sentence}"),
)

BUDGETS: Types = (
    ("budget.created", "A budget was set for {budget}: {amount}"),
    ("budget.changed", "The budget of {budget} is {amount} from now on: {reason}"),
    ("budget.alerted", "{share} % of the budget of {budget} are used"),
    ("budget.run_raised", "The run may use more: {amounts}. {reason}"),
    ("budget.burning", "The run spends {rate} USD a minute, others of its workflow {usual}"),
    ("budget.reserved", "Budget was reserved"),
    ("budget.awaited", "Waiting for budget: {budget}"),
    ("budget.lent", "Budget was given back while people decide"),
    ("budget.settled", "The budget was settled"),
)

# What people call the objects that events name by id.
NAMES: Mapping[str, tuple[type[Model], str]] = {
    "person": (Person, "display_name"),
    "agent": (Agent, "name"),
    "gate": (Gate, "sentence"),
    "domain": (Domain, "name"),
    "contract": (Contract, "name"),
}
# Their rows are what was decided and on what ground; triggers refuse to change them.
WRITTEN_ONCE = (
    "governance.Action",
    "governance.Verdict",
    "governance.Exhibit",
    "governance.Review",
    "governance.Decision",
    "governance.Charge",
    "governance.ContractSignature",
    "governance.Receipt",
)


def register() -> None:
    """Fill the log's registries with everything governance records and shows."""
    acting = (ACTIONS, GATES, WARRANTS, EFFECTS)
    for types in (DOMAINS, CONTRACTS, PEOPLE, TOKENS, AGENTS, NOTICES, BUDGETS, *acting):
        registry.register_event_types(types)
    registry.register_stream("domain", _may_view_domain)
    registry.register_stream("agent", _may_view_agent)
    registry.register_stream("policy", _may_view_domain)
    registry.register_stream("action", _may_view_action)
    registry.register_stream("exhibit", _may_view_exhibit)
    registry.register_list("gates", _may_hear_of_gates)
    registry.register_link("agent", "/agents/{}/".format)
    registry.register_link("gate", "/gates/{}/".format)
    registry.register_link("contract", "/contracts/{}/".format)
    registry.register_reader(_logs_read_by)
    for kind, (model, name) in NAMES.items():
        registry.register_labels(kind, partial(_names, model, name))
    for label in WRITTEN_ONCE:
        registry.register_append_only(label)


def _logs_read_by(person: Any) -> Collection[str]:
    return [str(domain) for domain in people.domains_with(person, "read_audit")]


def _names(model: type[Model], name: str, ids: Collection[str]) -> Mapping[str, str]:
    keys = [key for key in map(_uuid, ids) if key]
    found = model._default_manager.filter(pk__in=keys).values_list("pk", name)  # noqa: SLF001 - Django's name for it
    return {str(key): label for key, label in found if label}


def _may_view_domain(person: Any, object_id: str) -> bool:
    return people.holds_now(person, _uuid(object_id), "read_audit")


def _may_view_agent(person: Any, object_id: str) -> bool:
    return people.holds_now(person, agents.domain_id_of(_uuid(object_id)))


def _may_view_action(person: Any, object_id: str) -> bool:
    return people.holds_now(person, _domain_id(Action, object_id))


def _may_view_exhibit(person: Any, object_id: str) -> bool:
    return people.holds_now(person, _domain_id(Exhibit, object_id))


def _may_hear_of_gates(person: Any, domain_id: str) -> bool:
    return people.holds_now(person, _uuid(domain_id))


def _domain_id(model: type[Action] | type[Exhibit], object_id: str) -> uuid.UUID | None:
    key = _uuid(object_id)
    found = model.objects.filter(pk=key).values_list("domain_id", flat=True) if key else ()
    return next(iter(found), None)


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
