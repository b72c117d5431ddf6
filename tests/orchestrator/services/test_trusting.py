"""A run whose history was tampered with does not go on by anybody's word; it can be ended."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audit.models import Event, Payload
from governance.refusals import Refusal
from orchestrator.models import Run, Workflow
from orchestrator.selectors.replays import Erased, replay
from orchestrator.services import cancellation, escalation, pausing
from tests.factories import orchestrator as make
from tests.factories.audit import recorded
from tests.factories.governance import House
from tests.factories.orchestrator import started, step
from tests.factories.tampering import edit
from tests.orchestrator.services.escalating import escalated, operated, refused, use


@pytest.fixture
def home(db: None, tmp_path: Path) -> House:
    return operated(tmp_path)


def edit_an_event(run: Run) -> None:
    payload = Payload.objects.filter(event__type="run.started").get()
    edit(payload, fields=payload.fields.replace("review", "another"))


def change_the_definition(run: Run) -> None:
    workflow = Workflow.objects.get(pk=run.workflow_id)
    Workflow.objects.update(definition={**workflow.definition, "version": "9.9.9"})


def erase_a_payload(run: Run) -> None:
    event = Event.objects.filter(type="step.ready").order_by("pk").first()
    assert event is not None
    payload = Payload.objects.get(event=event)
    edit(payload, fields=payload.fields)
    payload.delete()


TAMPERED = [edit_an_event, change_the_definition]


@pytest.mark.parametrize("tamper", TAMPERED)
def test_a_paused_run_does_not_go_on(home: House, tamper: Callable[[Run], None]) -> None:
    make.agent(home, "style")
    run = started(home, step("look", "style"))
    pausing.pause(run_id=run.pk, person=home.ines, reason="Wait.")
    tamper(run)
    with pytest.raises(Refusal) as caught:
        pausing.resume(run_id=run.pk, person=home.ines, reason="Go on.")
    assert (caught.value.code, caught.value.status) == ("nondeterminism", 409)
    run.refresh_from_db()
    assert run.state == "paused"
    assert recorded(f"run:{run.pk}")[-1] == "run.refused"
    cancellation.cancel(run_id=run.pk, person=home.ines, reason="Then not.")
    run.refresh_from_db()
    assert run.state == "cancelled"


@pytest.mark.parametrize("tamper", TAMPERED)
@pytest.mark.parametrize("verb", [escalation.retry, escalation.skip])
def test_an_escalated_step_does_not_begin_again(
    home: House, tamper: Callable[[Run], None], verb: Any
) -> None:
    run = escalated(home)
    tamper(run)
    refused(verb, run, "nondeterminism")
    use(escalation.fail, run)
    assert run.state == "failed"


def test_what_was_erased_by_right_holds_nobody_up(home: House) -> None:
    run = escalated(home)
    erase_a_payload(run)
    assert isinstance(replay(run.pk), Erased)
    use(escalation.retry, run)
    assert run.state == "running"
