"""Every token and component in both themes, side by side; screens are built only from these."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from governance.selectors import people
from governance.selectors.gate_view import NamedValue, PersonRef, ReviewView, SeatView
from governance.templatetags.looks import LOOKS, look
from governance.views.answering import page
from governance.views.diffs import laid_out
from governance.views.forms import SuspendForm

COLOURS = [
    "canvas",
    "surface",
    "sunken",
    "raised",
    "hover",
    "line",
    "line-strong",
    "ink",
    "ink-soft",
    "ink-faint",
    "accent",
    "accent-wash",
    "good",
    "good-wash",
    "wait",
    "wait-wash",
    "warn",
    "warn-wash",
    "bad",
    "bad-wash",
    "bad-solid",
    "calm-wash",
    "added",
    "removed",
]
SECTIONS = (
    "tokens",
    "buttons",
    "chips",
    "surfaces",
    "forms",
    "facts",
    "lists",
    "timeline",
    "diff",
)
SIZES = ("text-xs", "text-s", "text-m", "text-l", "text-xl", "text-2xl")
SPACES = ("s1", "s2", "s3", "s4", "s5", "s6", "s8", "s10", "s12", "s16")


@dataclass(frozen=True, slots=True)
class _Tab:
    label: str
    url: str
    here: bool = False
    count: int | None = None


@page
@require_safe
def styleguide(request: HttpRequest) -> HttpResponse:
    """Show the styleguide to staff and to those who register agents; to others it is not there."""
    person = request.user
    granted = people.permissions_for(person, people.domain_for(person))
    if not (getattr(person, "is_staff", False) or "register_agents" in granted):
        raise Http404
    return render(request, "styleguide/styleguide.html", _samples())


def _samples() -> dict[str, Any]:
    return {
        "themes": ("light", "dark"),
        "sections": SECTIONS,
        "colours": COLOURS,
        "sizes": SIZES,
        "spaces": SPACES,
        "looks": LOOKS,
        "now": timezone.now(),
        "later": timezone.now() + timedelta(hours=3, minutes=50),
        "form": SuspendForm(),
        "wrong_form": SuspendForm(data={"reason": ""}),
        "tabs": (_Tab("Waiting", "#tabs", here=True, count=4), _Tab("History", "#tabs")),
        "facts": (NamedValue("source", "feature/limits"), NamedValue("target", "main")),
        "seats": _seats(),
        "reviews": _reviews(),
        "diff": laid_out(_DIFF),
        "drawing": _drawing(),
    }


def _seats() -> tuple[SeatView, ...]:
    return (
        SeatView("owner", "Maintainers", 1, 0, (), ("Grace",), ("initiator", "owner"), "session"),
        SeatView("finance", "Finance", 2, 2, ("Ada", "Ines"), (), (), "session"),
    )


def _reviews() -> tuple[ReviewView, ...]:
    ada, grace = PersonRef("1", "Ada Lovelace"), PersonRef("2", "Grace Hopper")
    then = timezone.now() - timedelta(minutes=12)
    return (
        ReviewView("1", ada, "approve", "", "Read the whole diff.", "session", "web", then),
        ReviewView("2", grace, "reject", "", "", "session", "web", then),
    )


def _bar(kind: str, state: str, x: int, width: int) -> dict[str, Any]:
    shape = {"kind": kind, "x": f"{x}%", "width": f"{width}%", "y": 10, "baseline": 25}
    words = {"step_path": "merge", "words": "", "shown": "", "lasted": "8 s", "room": "none"}
    looks = {"work": "attempt", "wait": "gate", "effect": "effect"}
    return shape | words | {"look": look(state, looks[kind]), "growing": False, "url": ""}


def _lane(agent: str, state: str, *bars: dict[str, Any]) -> dict[str, Any]:
    return {"agent": agent, "look": look(state, "step"), "height": 40, "marks": bars, "flags": ()}


def _drawing() -> dict[str, Any]:
    lanes = (
        _lane("Style", "succeeded", _bar("work", "succeeded", 0, 14)),
        _lane("Security", "failed", _bar("work", "failed", 15, 20)),
        _lane(
            "Merge",
            "awaiting_approval",
            _bar("work", "proposed", 36, 8),
            _bar("wait", "pending", 45, 40),
            _bar("effect", "in_flight", 86, 14),
        ),
    )
    return {"live": False, "folds": (), "ticks": (), "lanes": lanes}


_DIFF = {
    "added": 3,
    "removed": 2,
    "truncated": False,
    "files": [
        {
            "path": "billing/limits.py",
            "old_path": "billing/limits.py",
            "status": "modified",
            "old_mode": "100644",
            "new_mode": "100644",
            "binary": False,
            "truncated": False,
            "added": 3,
            "removed": 2,
            "hunks": [
                {
                    "old_start": 10,
                    "old_lines": 4,
                    "new_start": 10,
                    "new_lines": 5,
                    "section": "def limit_for(plan):",
                    "lines": [
                        {"kind": "context", "old": 10, "new": 10, "text": "    limits = {"},
                        {"kind": "removed", "old": 11, "new": None, "text": '        "free": 10,'},
                        {"kind": "removed", "old": 12, "new": None, "text": '        "team": 50,'},
                        {"kind": "added", "old": None, "new": 11, "text": '        "free": 20,'},
                        {"kind": "added", "old": None, "new": 12, "text": '        "team": 80,'},
                        {"kind": "added", "old": None, "new": 13, "text": '        "firm": 400,'},
                        {"kind": "context", "old": 13, "new": 14, "text": "    }"},
                    ],
                }
            ],
        }
    ],
}
