"""Agents come into service, are suspended and resumed; nobody else touches `lifecycle`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import IntegrityError
from django.utils.translation import gettext as _

from audit.services.events import record, recording
from audit.types import Actor, ObjectRef, StreamKey
from governance import runner_configs
from governance.manifest import entries_of
from governance.models import (
    LIFECYCLE_TRANSITIONS,
    Agent,
    Domain,
    Environment,
    Grant,
    Lifecycle,
    Person,
)
from governance.refusals import Invalid, Refusal
from governance.selectors import people

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])?")
CLASS = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
CAPABILITY = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
# A star stands only at the end: whether one pattern covers another then stays decidable.
SCOPE = re.compile(r"[a-z][a-z0-9._-]{0,63}:(?:\*|[A-Za-z0-9][A-Za-z0-9._/@:-]{0,126}\*?)")
NAME_LENGTH = 120
_LISTS = frozenset({"scopes", "classes", "capabilities"})
# What the owner sets while an agent works is no part of its version.
_SETTINGS = frozenset({"max_parallel"})
MOST_PARALLEL = 1_000
REASON_LENGTH = 500


@dataclass(frozen=True, slots=True)
class _Move:
    expected: Lifecycle
    new: Lifecycle
    event: str


_SUSPEND = _Move(Lifecycle.ACTIVE, Lifecycle.SUSPENDED, "agent.suspended")
_RESUME = _Move(Lifecycle.SUSPENDED, Lifecycle.ACTIVE, "agent.resumed")


def register(
    *,
    domain: Domain,
    slug: str,
    version: int = 1,
    name: str,
    purpose: str,
    owner: Person,
    sponsor: Person,
    environment: str,
    scopes: Sequence[str] = (),
    classes: Sequence[str] = (),
    capabilities: Sequence[str] = (),
    price_micro_usd: int | None = None,
    max_parallel: int | None = None,
    runner: str = "",
    runner_config: Mapping[str, Any] | None = None,
    actor: Actor,
) -> Agent:
    """Put an agent into service with its grants; a slug and version are registered once.

    Raises Invalid with every wrong field. Who asks was checked by the caller. `runner` and its
    configuration are programs to run: they come from `register_manifest` on the machine and
    never from a form or the API, or a browser could run code here.
    """
    fields = {
        "slug": slug,
        "version": version,
        "name": name,
        "purpose": purpose,
        "environment": environment,
    }
    lists = {"scopes": scopes, "classes": classes, "capabilities": capabilities}
    numbers = {"price_micro_usd": price_micro_usd, "max_parallel": max_parallel}
    _check({**fields, **lists, **numbers})
    _check_config(runner, runner_config or {})
    _check_people(owner, sponsor)
    try:
        with recording():
            agent = Agent.objects.create(
                **{**fields, "name": name.strip(), "purpose": purpose.strip()},
                domain=domain,
                owner=owner,
                sponsor=sponsor,
                lifecycle=Lifecycle.ACTIVE,
                classes=sorted(set(classes)),
                capabilities=sorted(set(capabilities)),
                **numbers,
                runner=runner,
                runner_config=dict(runner_config or {}),
            )
            _grant(agent, scopes, actor)
            details = {"version": version, "slug": slug, "scopes": sorted(set(scopes))}
            _record("agent.registered", agent, actor, details)
    except IntegrityError:
        detail = _("There is an agent %(slug)s of version %(version)s; raise the version.")
        raise Refusal("agent_exists", detail % {"slug": slug, "version": version}) from None
    return agent


def register_manifest(
    *,
    domain: Domain,
    manifest: Any,
    base_dir: Path,
    owner: Person,
    sponsor: Person,
    actor: Actor,
) -> list[Agent]:
    """Register every agent of a parsed manifest file of this machine, or none.

    An agent that is registered alike stays as it is, with the `max_parallel` that its owner may
    have set since; one that differs otherwise is refused, because a change is a new version.
    """
    entries = entries_of(manifest, base_dir)
    with recording():
        return [_register_entry(domain, entry, owner, sponsor, actor) for entry in entries]


def suspend(*, agent: Agent, person: Person, reason: str) -> Agent:
    """Take an active agent out of service: it proposes nothing and nothing of it may be claimed.

    Its owner may, and whoever registers agents.
    """
    _require_owner(agent, person)
    return _move(agent, _SUSPEND, person, reason)


def resume(*, agent: Agent, person: Person, reason: str) -> Agent:
    """Put a suspended agent back into service; its owner and sponsor must still be active."""
    people.require(person, agent.domain, "register_agents")
    _check_people(agent.owner, agent.sponsor)
    return _move(agent, _RESUME, person, reason)


def limit(*, agent: Agent, most: int | None, person: Person, reason: str) -> Agent:
    """Let the agent be at work on at most so many steps at once; None is any number.

    Its owner may, and whoever registers agents. It counts for steps that become ready from now
    on and for those that wait because of the old number; what is under way goes on. Raises
    Invalid, or Refusal when somebody changed the number meanwhile.
    """
    _require_owner(agent, person)
    said = _checked_reason(reason)
    if not _is_limit(most):
        _refuse({"max_parallel": _limit_hint()})
    before = agent.max_parallel
    if most == before:
        return agent
    with recording():
        found = Agent.objects.filter(pk=agent.pk, max_parallel=before)
        if found.update(max_parallel=most) != 1:
            raise Refusal(
                "limit_changed", _("Somebody changed this meanwhile; load the page again.")
            )
        details = {"before": before, "most": most, "reason": said}
        _record("agent.limited", agent, Actor.person(person.pk), details)
    agent.refresh_from_db(fields=["max_parallel"])
    return agent


def _require_owner(agent: Agent, person: Person) -> None:
    if agent.owner_id != person.pk or not people.permissions_for(person, agent.domain):
        people.require(person, agent.domain, "register_agents")


def _register_entry(
    domain: Domain, entry: dict[str, Any], owner: Person, sponsor: Person, actor: Actor
) -> Agent:
    known = Agent.objects.filter(
        domain=domain, slug=entry["slug"], version=entry["version"]
    ).first()
    if known is None:
        return register(domain=domain, owner=owner, sponsor=sponsor, actor=actor, **entry)
    if changed := _differences(known, entry, owner, sponsor):
        detail = _(
            "Agent %(slug)s version %(version)s is registered with another %(fields)s. A version "
            "never changes: give it version %(next)s in the manifest, and name "
            "%(slug)s@%(next)s in the workflows that are to use it."
        )
        words = {"fields": ", ".join(changed), "next": entry["version"] + 1}
        raise Refusal("agent_changed", detail % {**entry, **words})
    return known


def _differences(
    known: Agent, entry: Mapping[str, Any], owner: Person, sponsor: Person
) -> list[str]:
    """Return the names of what an entry says otherwise than the registered agent."""
    registered = {
        **{name: getattr(known, name) for name in entry if name not in _LISTS | _SETTINGS},
        "classes": known.classes,
        "capabilities": known.capabilities,
        "scopes": sorted(known.grants.values_list("scope", flat=True)),
    }
    wanted = {
        **{name: value for name, value in entry.items() if name not in _SETTINGS},
        "name": entry["name"].strip(),
        "purpose": entry["purpose"].strip(),
        "classes": sorted(set(entry["classes"])),
        "capabilities": sorted(set(entry["capabilities"])),
        "scopes": sorted(set(entry["scopes"])),
    }
    registered |= {"owner": known.owner_id, "sponsor": known.sponsor_id}
    wanted |= {"owner": owner.pk, "sponsor": sponsor.pk}
    return sorted(name for name, value in wanted.items() if registered[name] != value)


def _move(agent: Agent, move: _Move, person: Person, reason: str) -> Agent:
    said = _checked_reason(reason)
    if move.new not in LIFECYCLE_TRANSITIONS[move.expected]:
        raise ValueError(f"an agent cannot go from {move.expected} to {move.new}")
    with recording():
        found = Agent.objects.filter(pk=agent.pk, lifecycle=move.expected)
        if found.update(lifecycle=move.new, lifecycle_reason=said) != 1:
            raise _wrong_lifecycle(agent)
        _record(move.event, agent, Actor.person(person.pk), {"reason": said})
    agent.refresh_from_db(fields=["lifecycle", "lifecycle_reason"])
    return agent


def _wrong_lifecycle(agent: Agent) -> Refusal:
    now = Lifecycle(Agent.objects.values_list("lifecycle", flat=True).get(pk=agent.pk))
    detail = _("Nothing was changed: %(agent)s is %(lifecycle)s.")
    words = {"agent": agent.name, "lifecycle": str(now.label).lower()}
    return Refusal("wrong_lifecycle", detail % words, lifecycle=str(now))


def _checked_reason(reason: str) -> str:
    said = reason.strip()
    if not 1 <= len(said) <= REASON_LENGTH:
        raise Invalid(
            "reason_required",
            _("Say why, in 1 to 500 characters."),
            errors=[{"pointer": "/reason", "detail": _("Say why.")}],
        )
    return said


def _check(fields: Mapping[str, Any]) -> None:
    hints = {
        "slug": _("Lower-case letters, digits and dashes, at most 50."),
        "version": _("A number from 1."),
        "name": _("1 to 120 visible characters."),
        "purpose": _("Say what the agent is for."),
        "environment": _("One of development, staging, production."),
        "scopes": _("Each as capability:resource, with a star only at the end."),
        "classes": _("Each a lower-case name."),
        "capabilities": _("Each a lower-case name, with dots, dashes and underscores in it."),
        "price_micro_usd": _("A whole number of millionths of a dollar, or nothing."),
        "max_parallel": _limit_hint(),
    }
    good = {
        "slug": SLUG.fullmatch(fields["slug"]),
        "version": fields["version"] >= 1,
        "name": 1 <= len(fields["name"].strip()) <= NAME_LENGTH and fields["name"].isprintable(),
        "purpose": fields["purpose"].strip(),
        "environment": fields["environment"] in Environment.values,
        "scopes": all(SCOPE.fullmatch(scope) for scope in fields["scopes"]),
        "classes": all(CLASS.fullmatch(name) for name in fields["classes"]),
        "capabilities": all(CAPABILITY.fullmatch(name) for name in fields["capabilities"]),
        "price_micro_usd": (fields["price_micro_usd"] or 0) >= 0,
        "max_parallel": _is_limit(fields["max_parallel"]),
    }
    _refuse({field: hint for field, hint in hints.items() if not good[field]})


def _is_limit(most: int | None) -> bool:
    return most is None or 1 <= most <= MOST_PARALLEL


def _limit_hint() -> str:
    return _("A whole number from 1 to 1000, or nothing.")


def _check_config(runner: str, config: Mapping[str, Any]) -> None:
    wrong: dict[str, str] = {}
    for pointer, remedy in runner_configs.faults_of(runner, config):
        place = f"runner_config{pointer}"
        wrong[place] = f"{wrong[place]}; {remedy}" if place in wrong else remedy
    _refuse(wrong)


def _check_people(owner: Person, sponsor: Person) -> None:
    asked = Person.objects.filter(pk__in=[owner.pk, sponsor.pk], is_active=True)
    active = set(asked.values_list("pk", flat=True))
    wrong = {}
    if owner.pk not in active:
        wrong["owner"] = _("The owner must be an active person.")
    if sponsor.pk not in active:
        wrong["sponsor"] = _("The sponsor must be an active person.")
    if sponsor.pk == owner.pk:
        wrong["sponsor"] = _("The sponsor answers for the owner and must be somebody else.")
    _refuse(wrong)


def _refuse(wrong: Mapping[str, str]) -> None:
    if not wrong:
        return
    errors = [{"pointer": f"/{field}", "detail": why} for field, why in wrong.items()]
    places = " ".join(f"{field}: {why}" for field, why in wrong.items())
    detail = _("The agent is not acceptable. %(places)s")
    raise Invalid("invalid_agent", detail % {"places": places}, errors=errors)


def _grant(agent: Agent, scopes: Sequence[str], actor: Actor) -> None:
    by = actor.id if actor.kind == "person" else agent.sponsor_id
    Grant.objects.bulk_create(
        Grant(agent=agent, scope=scope, granted_by_id=by) for scope in sorted(set(scopes))
    )


def _record(type: str, agent: Agent, actor: Actor, details: Mapping[str, Any]) -> None:
    record(
        stream=StreamKey("agent", str(agent.pk)),
        type=type,
        actor=actor,
        domain_id=agent.domain_id,
        object=ObjectRef("agent", str(agent.pk)),
        payload={"name": agent.name, **details},
    )
