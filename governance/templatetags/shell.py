"""What the frame around every page needs: the reader's preferences, the places, the count."""

from dataclasses import dataclass
from functools import partial

from django import template
from django.http import HttpRequest
from django.template import Context
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from governance.models import Domain, Person
from governance.selectors import inbox, notices, people

register = template.Library()

THEMES = ("light", "dark")


@dataclass(frozen=True, slots=True)
class Reader:
    """Preferences of whoever reads, kept in cookies so that the first paint is right."""

    theme: str
    keys_off: bool


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of the rail. `family` are the URL names that light it up."""

    name: str
    label: str | Promise
    icon: str
    key: str
    family: tuple[str, ...] = ()
    permission: str = ""
    desk_only: bool = False


@dataclass(frozen=True, slots=True)
class PlaceShown:
    """An entry of the rail as this reader sees it on this page."""

    name: str
    label: str | Promise
    icon: str
    key: str
    url: str
    here: bool
    desk_only: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """The shell's own facts: at most three queries, asked once per page."""

    domain: Domain | None
    places: tuple[PlaceShown, ...]
    waiting: int
    unread: int


PLACES = (
    Place("inbox", _("Approvals"), "inbox", "a", ("gate", "gate-review", "history")),
    Place("runs", _("Runs"), "activity", "r", ("run",)),
    Place(
        "agents",
        _("Agents"),
        "bot",
        "n",
        ("agent", "agent-register", "agent-suspend", "agent-resume", "agent-limit"),
    ),
    Place("workflows", _("Workflows"), "workflow", "w", ("workflow", "workflow-start")),
    Place("budgets", _("Budgets"), "wallet", "b", (), "manage_budgets", desk_only=True),
    Place(
        "contracts",
        _("Contracts"),
        "handshake",
        "c",
        ("contract", "contract-draft", "contract-suspend", "contract-revoke"),
        "sign_contracts",
        desk_only=True,
    ),
    Place("audit", _("Audit"), "scroll-text", "l", ("audit-event",), "read_audit"),
    Place("settings", _("Settings"), "settings", "s", (), "", desk_only=True),
)


@register.simple_tag(takes_context=True)
def reader(context: Context) -> Reader:
    """Read theme and keyboard preferences; an unknown value counts as none."""
    cookies = context["request"].COOKIES if "request" in context else {}
    theme = cookies.get("theme", "")
    return Reader(theme if theme in THEMES else "", cookies.get("keys") == "off")


@register.simple_tag(takes_context=True)
def frame(context: Context) -> Frame:
    """Return the shell's facts for who is signed in; the request remembers them."""
    request: HttpRequest = context["request"]
    known: Frame | None = getattr(request, "_frame", None)
    if known is None:
        known = _frame(request)
        request._frame = known  # type: ignore[attr-defined]  # noqa: SLF001 - our own memo
    return known


def _frame(request: HttpRequest) -> Frame:
    person = request.user
    if not isinstance(person, Person):
        return Frame(None, (), 0, 0)
    domain = people.domain_for(person)
    granted = people.permissions_for(person, domain)
    shown = partial(_shown, here=_url_name(request))
    places = (shown(p) for p in PLACES if not p.permission or p.permission in granted)
    return Frame(
        domain=domain,
        places=tuple(place for place in places if place is not None),
        waiting=inbox.waiting_count_for(person),
        unread=notices.unread_count_for(person),
    )


def _shown(place: Place, *, here: str) -> PlaceShown | None:
    try:
        url = reverse(place.name)
    except NoReverseMatch:
        return None
    lit = here == place.name or here in place.family
    return PlaceShown(place.name, place.label, place.icon, place.key, url, lit, place.desk_only)


def _url_name(request: HttpRequest) -> str:
    match = request.resolver_match
    return (match.url_name or "") if match else ""
