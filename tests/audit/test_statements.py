"""What is said as text means what the ORM means."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db.models import F
from django.db.models.functions import Coalesce, Now, Upper

from audit import statements
from audit.models import Stream
from orchestrator.models import Attempt, Run, Step
from tests.factories import orchestrator as make
from tests.factories.governance import house
from tests.factories.orchestrator import step


@pytest.fixture
def found(db: None, tmp_path: Path) -> Step:
    home = house(tmp_path)
    make.agent(home, "style")
    return make.step_of(make.started(home, step("style", "style")), "style")


def test_rows_that_are_equal_are_changed_and_counted(found: Step) -> None:
    values = {"output": {"a": ["é", 1.5, None]}, "epoch": F("epoch") + 3 - 1, "action": None}
    assert statements.changed(Step, {"pk": found.pk, "state": "ready"}, values) == 1
    found.refresh_from_db()
    assert (found.output, found.epoch) == ({"a": ["é", 1.5, None]}, 2)


def test_a_row_that_is_not_as_named_is_left_alone(found: Step) -> None:
    where = {"pk": found.pk, "state": "ready", "epoch": 7}
    assert statements.changed(Step, where, {"epoch": 8}) == 0
    assert statements.changed(Step, {"pk": found.pk, "kind": None}, {"epoch": 8}) == 0
    assert statements.taken(Step, {"pk": found.pk}, {"epoch": 8}, only="epoch > 3") is None
    found.refresh_from_db()
    assert found.epoch == 0


def test_times_are_those_of_the_database(found: Step) -> None:
    later = Now() + timedelta(seconds=90)
    started = Coalesce(F("started_at"), Now())
    changes = {"not_before": later, "started_at": started, "rung_at": Now()}
    assert statements.changed(Step, {"pk": found.pk}, changes) == 1
    found.refresh_from_db()
    assert found.not_before is not None
    assert found.started_at is not None
    assert abs((found.not_before - found.started_at).total_seconds() - 90) < 1
    assert abs((datetime.now(UTC) - found.started_at).total_seconds()) < 10
    assert Step.objects.filter(pk=found.pk, not_before__lte=Now()).count() == 0
    assert Step.objects.filter(pk=found.pk, rung_at__lte=Now()).count() == 1


def test_what_text_cannot_say_is_left_to_the_orm(found: Step) -> None:
    assert statements.changed(Step, {"pk": found.pk}, {"note": Upper(F("path"))}) == 1
    found.refresh_from_db()
    assert found.note == "STYLE"


def test_a_row_that_is_taken_comes_back_as_the_orm_reads_it(found: Step) -> None:
    taken = statements.taken(Step, {"pk": found.pk}, {"epoch": F("epoch") + 1})
    same = Step.objects.get(pk=found.pk)
    names = [field.attname for field in Step._meta.concrete_fields]
    assert taken is not None
    assert [getattr(taken, name) for name in names] == [getattr(same, name) for name in names]
    [run] = statements.found(Run, {"pk": found.run_id})
    names = [field.attname for field in Run._meta.concrete_fields]
    again = Run.objects.get(pk=found.run_id)
    assert [getattr(run, name) for name in names] == [getattr(again, name) for name in names]


def test_rows_are_inserted_with_their_keys_in_order(
    found: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statements, "MOST_PARAMETERS", 50)
    rows = [Attempt(step=found, number=n, epoch=1, worker="w") for n in range(1, 12)]
    statements.inserted(rows)
    assert [Attempt.objects.get(pk=row.pk).number for row in rows] == list(range(1, 12))
    statements.inserted([])
    fresh = Step(run=found.run, path="other", position=1, not_before=Now())
    statements.inserted([fresh])
    assert Step.objects.get(pk=fresh.pk).not_before is not None
    streams = [Stream(kind="run", object_id=f"n{n}") for n in range(20)]
    statements.inserted(streams)
    assert [Stream.objects.get(pk=s.pk).object_id for s in streams] == [f"n{n}" for n in range(20)]
