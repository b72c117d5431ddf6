"""What was recorded is laid beside what follows; the first place where they differ is named."""

import io

import pytest
from django.core.management import CommandError, call_command

from audit.models import Event, Payload
from orchestrator.history.replaying import Difference
from orchestrator.models import Run, Workflow
from orchestrator.selectors.replays import Changed, Edited, Erased, Replayed, replay
from tests.factories.governance import House
from tests.factories.tampering import edit
from tests.orchestrator.cells.driving import begun, worked_off


@pytest.fixture
def run(home: House) -> Run:
    return worked_off(begun(home, "sequential"))


def event_of(run: Run, type: str, place: int = 0) -> Event:
    return Event.objects.filter(stream__object_id=str(run.pk), type=type).order_by("seq")[place]


def said(run: Run | str) -> str:
    out = io.StringIO()
    call_command("replay", str(run.pk) if isinstance(run, Run) else run, stdout=out)
    return out.getvalue()


def test_a_run_that_is_still_under_way_replays_up_to_where_it_is(home: House) -> None:
    assert isinstance(replay(begun(home, "concurrent").pk), Replayed)


def test_an_edited_payload_is_said_with_the_place_of_its_event(run: Run) -> None:
    event = event_of(run, "step.succeeded")
    edit(event.payload, fields='{"output":{"by":"mallory"},"step":"work/draft"}')
    outcome = replay(run.pk)
    assert isinstance(outcome, Edited)
    assert outcome.seq == event.seq


def test_a_stream_that_was_cut_short_is_said(run: Run) -> None:
    stream = event_of(run, "run.started").stream
    edit(stream, last_seq=stream.last_seq + 1)
    assert isinstance(replay(run.pk), Edited)


def test_an_erased_payload_is_said_with_the_place_from_which_nothing_can_be_derived(
    run: Run,
) -> None:
    event = event_of(run, "step.succeeded", 1)
    edit(event.payload, salts=event.payload.salts)
    Payload.objects.filter(pk=event.pk).delete()
    assert replay(run.pk) == Erased(event.seq)


def test_a_changed_definition_is_said(run: Run) -> None:
    definition = {**run.workflow.definition, "success": ["false"]}
    Workflow.objects.filter(pk=run.workflow_id).update(definition=definition)
    assert isinstance(replay(run.pk), Changed)


def test_the_first_decision_that_does_not_follow_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.patterns.sequential.PASSED", frozenset({"succeeded"}))
    outcome = replay(run.pk)
    assert isinstance(outcome, Difference)
    skipped = event_of(run, "step.skipped")
    assert outcome.seq == skipped.seq + 1


def test_the_command_says_what_it_found_and_leaves_by_its_exit_code(run: Run) -> None:
    assert said(run).endswith("no difference.\n")
    edit(event_of(run, "run.succeeded"), type="run.failed")
    out = io.StringIO()
    with pytest.raises(SystemExit) as left:
        call_command("replay", str(run.pk), stdout=out)
    assert left.value.code == 1
    assert "was edited" in out.getvalue()


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["nonsense", "00000000-0000-4000-8000-000000000000"])
def test_a_run_nobody_knows_is_refused(name: str) -> None:
    with pytest.raises(CommandError) as refused:
        said(name)
    assert refused.value.returncode == 64
