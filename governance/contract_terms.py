"""What two domains agree on, checked before anybody is asked to sign it. No database here."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _

from governance.refusals import Invalid

KIND = "countersign.contract/v1"
MOST_MICRO_USD = 10**15
MOST_ENTRIES = 100
NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
AGENT = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*@[1-9][0-9]{0,8}")
ACTION = re.compile(r"[a-z][a-z0-9._-]{0,63}")
SCOPE = re.compile(r"[a-z][a-z0-9._-]{0,63}:(?:\*|[A-Za-z0-9][A-Za-z0-9._/@:-]{0,126}\*?)")
DATA_CLASS = re.compile(r"[a-z][a-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True)
class Side:
    """One domain of a contract, with the key it signs by."""

    id: str
    slug: str
    key: str

    def plain(self) -> dict[str, str]:
        """Return the side as the body has it."""
        return {"domain": self.id, "slug": self.slug, "key": self.key}


@dataclass(frozen=True, slots=True)
class Terms:
    """What the caller may have done: by whom, with which actions, for how much, until when.

    `agents` are `slug@version` of the callee, `actions` the tools they may propose to use,
    `scopes` what they may be granted at most, `data_classes` what may be handed to them.
    """

    name: str
    agents: Sequence[str]
    actions: Sequence[str]
    scopes: Sequence[str]
    data_classes: Sequence[str]
    budget_cap_micro_usd: int
    expires_at: datetime

    def body(self, number: str, caller: Side, callee: Side) -> dict[str, Any]:
        """Return the canonical body; `number` makes two contracts over the same terms differ."""
        return {
            "kind": KIND,
            "id": number,
            "name": self.name,
            "from": caller.plain(),
            "to": callee.plain(),
            "agents": sorted(set(self.agents)),
            "actions": sorted(set(self.actions)),
            "scopes": sorted(set(self.scopes)),
            "data_classes": sorted(set(self.data_classes)),
            "budget_cap_micro_usd": self.budget_cap_micro_usd,
            "expires_at": moment(self.expires_at),
        }


def moment(at: datetime) -> str:
    """Return a time as statements have it: UTC, to the microsecond."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def check(terms: Terms) -> None:
    """Raise Invalid with every term that cannot be agreed on."""
    wrong = {field: hint for field, hint in _hints().items() if not _GOOD[field](terms)}
    if wrong:
        errors = [{"pointer": f"/{field}", "detail": hint} for field, hint in wrong.items()]
        places = " ".join(f"{field}: {hint}" for field, hint in wrong.items())
        detail = _("The contract is not acceptable. %(places)s") % {"places": places}
        raise Invalid("invalid_contract", detail, errors=errors)


def covers(granted: Collection[str], scope: str) -> bool:
    """Whether one of the scopes allows all that `scope` does; a star stands only at the end."""
    return any(_covers(wide, scope) for wide in granted)


def terms_from(fields: Mapping[str, Any]) -> Terms:
    """Return the terms that the fields of a form or request say."""
    return Terms(**{name: fields[name] for name in Terms.__slots__})


def _covers(wide: str, scope: str) -> bool:
    if wide.endswith("*"):
        return scope.startswith(wide[:-1])
    return wide == scope


def _hints() -> dict[str, str]:
    return {
        "name": _("Lower-case letters, digits and dashes, at most 50."),
        "agents": _("1 to 100 agents, each as slug@version."),
        "actions": _("At most 100 tools, each by its short name."),
        "scopes": _("At most 100, each as capability:resource, with a star only at the end."),
        "data_classes": _("At most 100, each a lower-case word."),
        "budget_cap_micro_usd": _("A whole number of micro-USD from 1."),
        "expires_at": _("A time with its zone."),
    }


_NAME_LENGTH = 50
_GOOD: Mapping[str, Callable[[Terms], bool]] = {
    "name": lambda t: len(t.name) <= _NAME_LENGTH and bool(NAME.fullmatch(t.name)),
    "agents": lambda t: bool(t.agents) and _are(AGENT, t.agents),
    "actions": lambda t: _are(ACTION, t.actions),
    "scopes": lambda t: _are(SCOPE, t.scopes),
    "data_classes": lambda t: _are(DATA_CLASS, t.data_classes),
    "budget_cap_micro_usd": lambda t: 1 <= t.budget_cap_micro_usd <= MOST_MICRO_USD,
    "expires_at": lambda t: t.expires_at.utcoffset() is not None,
}


def _are(shape: re.Pattern[str], words: Sequence[str]) -> bool:
    return len(words) <= MOST_ENTRIES and all(shape.fullmatch(word) for word in words)
