"""Runs that need a person, and the people who use the verbs on them."""

from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from audit.models import Event
from audit.services.events import recording
from governance.models import Person
from governance.refusals import Refusal
from governance.services import domains
from orchestrator.models import Run, Step
from orchestrator.services.sweep import sweep
from tests.factories import orchestrator as make
from tests.factories.audit import recorded
from tests.factories.governance import House, house
from tests.factories.orchestrator import started, states_of, step, step_of


def operated(place: Path) -> House:
    """Set up a house in which Ines and Grace may operate runs and decide gates."""
    home = house(place)
    for person in (home.ines, home.grace):
        admit(home, person)
    return home


def admit(home: House, person: Person) -> None:
    """Let this person operate runs."""
    with recording():
        permissions = ("operate_runs", "review_gates")
        domains.admit(domain=home.domain, person=person, permissions=permissions)


def escalated(home: House, *more: dict[str, Any], **fields: Any) -> Run:
    """Start a run whose first step lost its worker three times, and so needs a person."""
    make.agent(home, "style")
    make.agent(home, "other", output={"by": "other"})
    first = step("look", "style", **fields.pop("first", {}))
    run = started(home, first, *(more or [step("more", "other")]), **fields)
    for _ in range(3):
        lose(step_of(run, "look"))
    run.refresh_from_db()
    assert (run.state, step_of(run, "look").state) == ("escalated", "escalated")
    return run


def lose(step: Step) -> None:
    """Let the step lose the worker that has it."""
    Step.objects.filter(pk=step.pk).update(
        state="running", lease_owner="lost", lease_expires_at=Now()
    )
    assert sweep().reclaimed == 1


def use(verb: Any, run: Run, path: str = "look", **fields: Any) -> None:
    """Use a verb as Ines, who may operate runs."""
    given = {"reason": "Because.", "person": None, **fields}
    given["person"] = given["person"] or run.initiator
    verb(run_id=run.pk, step_id=step_of(run, path).pk, **given)
    run.refresh_from_db()


def refused(verb: Any, run: Run, code: str, path: str = "look", **fields: Any) -> None:
    """Use a verb that is refused, and see that nothing but the refusal was recorded."""
    before, story = states_of(run), recorded(f"run:{run.pk}")
    with pytest.raises(Refusal) as caught:
        use(verb, run, path, **fields)
    assert caught.value.code == code, caught.value.detail
    assert states_of(run) == before
    added = ["run.refused"] if caught.value.status == 409 else []
    assert recorded(f"run:{run.pk}") == story + added


def last_event(run: Run, type: str) -> Event:
    """Return the last event of this type in the run's stream."""
    found = Event.objects.filter(stream__object_id=str(run.pk), type=type)
    event = found.order_by("seq").last()
    assert event is not None
    return event
