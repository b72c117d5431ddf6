import pytest
from pytest_django.fixtures import DjangoAssertNumQueries

from governance.models import Gate, Review
from orchestrator.models import Run
from orchestrator.selectors.approvals import approvals_of
from orchestrator.selectors.checkpoints import FAILED, HELD, judgements_of
from orchestrator.selectors.findings import MOST_SHOWN, findings_of
from orchestrator.selectors.glances import glances_at
from orchestrator.selectors.run_view import RunView
from orchestrator.selectors.runs import run_for
from tests.orchestrator.views import scenes, stage
from tests.orchestrator.views.stage import Studio

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> Studio:
    return stage.studio()


def seen(place: Studio, run: Run) -> RunView:
    return run_for(place.grace, run.pk)


def test_an_approval_names_people_warrant_and_effect(place: Studio) -> None:
    run = seen(place, scenes.succeeded(place))
    (approval,) = approvals_of(run)

    assert [(o.person, o.verb) for o in approval.opinions] == [("Grace", "approve")]
    assert approval.warrant_state == "claimed"
    assert approval.effect_id == run.effects[0].id


def test_only_the_latest_word_of_a_person_counts(place: Studio) -> None:
    run = scenes.waiting(place)
    gate = Gate.objects.get(action__run_id=run.pk)
    first = stage.review(place, gate, "approve", "Fine.")
    Review.objects.create(
        gate=gate,
        epoch=1,
        ordinal=2,
        person=place.grace,
        verb="reject",
        comment="I was wrong.",
        action_digest=first.action_digest,
        presented_digest=first.presented_digest,
        presentation={},
        statement={},
        assurance="session",
        channel="web",
        idempotency_key="second",
    )

    (approval,) = approvals_of(seen(place, run))

    assert [(o.verb, o.comment) for o in approval.opinions] == [("reject", "I was wrong.")]


def test_a_glance_says_who_holds_a_run_up(place: Studio) -> None:
    waits, works, ended = scenes.waiting(place), scenes.running(place), scenes.failed(place)
    glances = glances_at([waits.pk, works.pk, ended.pk])

    assert glances[waits.pk].sentence == stage.SENTENCE
    assert glances[waits.pk].gate_id == Gate.objects.get(action__run_id=waits.pk).pk
    assert (glances[works.pk].agent, glances[works.pk].gate_id) == ("Security scanner", None)
    assert glances[ended.pk].agent == ""


def test_glances_take_two_queries_however_many(
    place: Studio, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    runs = [scenes.waiting(place).pk for _ in range(5)]

    with django_assert_num_queries(2):
        assert len(glances_at(runs)) == 5


def test_judgements_are_what_the_stream_says(place: Studio) -> None:
    passed = judgements_of(seen(place, scenes.waiting(place)))
    stopped = judgements_of(seen(place, scenes.failed(place)))

    assert {step: j.type for step, j in passed.items()} == {"style": HELD, "security": HELD}
    assert stopped["style"].type == FAILED
    assert stopped["style"].message == "The style check found a critical problem."


def test_endless_findings_are_cut_and_say_so(place: Studio) -> None:
    run = scenes.running(place)
    many = [{"severity": "minor", "message": str(number)} for number in range(MOST_SHOWN + 1)]
    stage.attach(run.steps.get(path="security"), "Many", {"findings": many})

    (exhibit,) = findings_of(seen(place, run))["security"]

    assert exhibit.truncated
    assert len(exhibit.content["findings"]) == MOST_SHOWN
