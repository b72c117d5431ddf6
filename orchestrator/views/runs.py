"""The list of runs, whole and as the part that follows what happens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from governance.models import Person
from governance.selectors import people
from governance.templatetags.looks import look
from governance.views.answering import page
from orchestrator.models import RunState
from orchestrator.selectors import runs as selector
from orchestrator.selectors.glances import Glance, glances_at
from orchestrator.selectors.run_view import RunRow
from orchestrator.views.showing import Said, counting, in_short

STATES = (
    RunState.RUNNING,
    RunState.WAITING,
    RunState.ESCALATED,
    RunState.SUCCEEDED,
    RunState.FAILED,
    RunState.REJECTED,
    RunState.TIMED_OUT,
)


@dataclass(frozen=True, slots=True)
class Tab:
    """A filter of the list, as a link."""

    label: str | Promise
    url: str
    here: bool
    count: int | None = None


@dataclass(frozen=True, slots=True)
class ShownRun:
    """One line of the list. `seconds` is how long the run lasted so far."""

    row: RunRow
    glance: Glance
    subject: Sequence[Said]
    seconds: float

    @property
    def ms(self) -> int:
        """Return the same in milliseconds, for the counter that goes on in the browser."""
        return round(self.seconds * 1000)


@page
@require_safe
def runs(request: HttpRequest) -> HttpResponse:
    """List the domain's runs, newest first; filter and page live in the address."""
    return render(request, "orchestrator/runs.html", _listed(request))


@page
@require_safe
def runs_rows(request: HttpRequest) -> HttpResponse:
    """Show the rows alone. What came after the row named `top` is counted and held back."""
    return render(request, "orchestrator/runs_rows.html", _listed(request))


def _listed(request: HttpRequest) -> dict[str, Any]:
    person = cast("Person", request.user)
    state = request.GET.get("state", "")
    state = state if state in RunState.values else ""
    before = request.GET.get("before", "")
    found = selector.page_for(person, state=state, before=before)
    rows, news = _held_back(found.rows, request.GET.get("top", ""))
    domain = people.domain_for(person)
    here = {"state": state, "before": before}
    top = str(rows[0].id) if rows else ""
    return {
        "counting": counting(),
        "domain_id": domain.pk,
        "rows": tuple(_shown(rows)),
        "news": news,
        "state": state,
        "tabs": tuple(_tabs(state)),
        "may_start": "operate_runs" in people.permissions_for(person, domain),
        "list_url": _address("runs", {"state": state}),
        "rows_url": _address("runs-rows", {**here, "top": top}),
        "first_url": _address("runs", {"state": state}) if before else "",
        "next_url": _address("runs", {**here, "before": found.next}) if found.next else "",
    }


def _held_back(rows: Sequence[RunRow], top: str) -> tuple[Sequence[RunRow], int]:
    """Split off what is newer than the row the reader has on top, so that nothing moves."""
    places = [place for place, row in enumerate(rows) if str(row.id) == top]
    return (rows[places[0] :], places[0]) if places else (rows, 0)


def _shown(rows: Sequence[RunRow]) -> Iterator[ShownRun]:
    glances = glances_at([row.id for row in rows])
    now = timezone.now()
    for row in rows:
        glance = glances[row.id]
        yield ShownRun(row, glance, in_short(glance.inputs), _seconds(row, now))


def _seconds(row: RunRow, now: datetime) -> float:
    return ((row.finished_at or now) - row.created_at).total_seconds()


def _tabs(state: str) -> Iterator[Tab]:
    yield Tab(_("All"), reverse("runs"), not state)
    for name in STATES:
        yield Tab(look(name, "run").label, _address("runs", {"state": name}), name == state)


def _address(name: str, query: dict[str, str]) -> str:
    given = {key: value for key, value in query.items() if value}
    return f"{reverse(name)}?{urlencode(given)}" if given else reverse(name)
