import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from governance.models import Effect, EffectClass
from governance.refusals import Refusal
from governance.services import effects
from governance.services.warrants import Claimed
from tests.factories import governance as make
from tests.factories.audit import AppendFailedError, failing_append, recorded, size_of_the_log

pytestmark = pytest.mark.django_db


@pytest.fixture
def home(tmp_path: Path) -> make.House:
    return make.house(tmp_path)


@pytest.fixture
def effect(home: make.House) -> Effect:
    return started(home)


def started(home: make.House, **fields: object) -> Effect:
    outcome = make.claimed(make.allowed(home, **fields), fence=3)
    assert isinstance(outcome, Claimed)
    return outcome.effect


def unchanged(effect: Effect, act: Callable[[], object]) -> str:
    """Be refused and see that neither the effect nor the log moved."""
    before = Effect.objects.values().get(pk=effect.pk), size_of_the_log()
    with pytest.raises(Refusal) as caught:
        act()
    assert (Effect.objects.values().get(pk=effect.pk), size_of_the_log()) == before
    return caught.value.code


@pytest.mark.parametrize(
    ("effect_class", "recovery"),
    [("idempotent_key", "resend"), ("natural", "resend"), ("probe", "probe"), ("none", "ask")],
)
def test_what_a_lost_worker_left_is_recovered_by_its_class(
    effect_class: str, recovery: str
) -> None:
    assert effects.recovery_for(effect_class) == recovery


def test_every_class_of_effect_has_a_recovery() -> None:
    assert {effects.recovery_for(each) for each in EffectClass.values} == {
        "resend",
        "probe",
        "ask",
    }


def test_a_success_keeps_the_response(effect: Effect) -> None:
    done = effects.succeed(effect_id=effect.pk, fence=3, response={"line": "second"})
    assert (done.state, done.response, done.commit_seq) == ("succeeded", {"line": "second"}, 1)
    assert len(done.response_digest) == 64
    assert done.finished_at is not None


def test_a_runs_effects_are_counted_in_the_order_they_were_done(home: make.House) -> None:
    run, other = uuid.uuid4(), uuid.uuid4()
    numbers = []
    for line, run_id in (("a", run), ("b", other), ("c", run), ("d", run)):
        made = started(home, line=line, run_id=run_id)
        numbers.append(effects.succeed(effect_id=made.pk, fence=3, response={}).commit_seq)
    assert numbers == [1, 1, 2, 3]


def test_a_worker_that_was_replaced_changes_nothing(effect: Effect) -> None:
    effects.take_over(effect_id=effect.pk, fence=4)
    for act in (
        partial(effects.succeed, effect_id=effect.pk, fence=3, response={}),
        partial(effects.fail, effect_id=effect.pk, fence=3, error="x"),
        partial(effects.mark_unknown, effect_id=effect.pk, fence=3, error="x"),
        partial(effects.take_over, effect_id=effect.pk, fence=4),
        partial(effects.take_over, effect_id=effect.pk, fence=3),
    ):
        assert unchanged(effect, act) == "stale_fence"
    assert effects.succeed(effect_id=effect.pk, fence=4, response={}).state == "succeeded"


def test_an_effect_ends_once(effect: Effect) -> None:
    effects.fail(effect_id=effect.pk, fence=3, error="the ledger moved")
    for act in (
        partial(effects.succeed, effect_id=effect.pk, fence=3, response={}),
        partial(effects.take_over, effect_id=effect.pk, fence=9),
        partial(effects.mark_compensated, effect_id=effect.pk, response={}),
    ):
        assert unchanged(effect, act) == "stale_fence"


@pytest.mark.parametrize(("happened", "state"), [(True, "reconciled"), (False, "failed")])
def test_only_a_person_settles_what_nobody_knows(
    home: make.House, effect: Effect, *, happened: bool, state: str
) -> None:
    effects.mark_unknown(effect_id=effect.pk, fence=3, error="no answer")
    late = partial(effects.succeed, effect_id=effect.pk, fence=3, response={})
    assert unchanged(effect, late) == "stale_fence"
    settled = effects.reconcile(
        effect_id=effect.pk, person=home.grace, happened=happened, note="I looked."
    )
    assert settled.state == state
    assert settled.commit_seq == (1 if happened else None)


def test_what_is_known_cannot_be_settled_otherwise(home: make.House, effect: Effect) -> None:
    settle = partial(
        effects.reconcile, effect_id=effect.pk, person=home.grace, happened=False, note="No."
    )
    assert unchanged(effect, settle) == "stale_fence"


def test_what_was_done_can_be_undone_once(home: make.House, effect: Effect) -> None:
    effects.succeed(effect_id=effect.pk, fence=3, response={})
    undone = effects.mark_compensated(effect_id=effect.pk, response={"removed": True})
    assert undone.state == "compensated"
    assert recorded(f"action:{effect.action_id}")[-1] == "effect.compensated"
    again = partial(effects.mark_compensated, effect_id=effect.pk, response={})
    assert unchanged(effect, again) == "stale_fence"


def test_an_effect_nobody_started_does_not_exist(effect: Effect) -> None:
    nothing = partial(effects.fail, effect_id=uuid.uuid4(), fence=1, error="x")
    assert unchanged(effect, nothing) == "not_found"


@pytest.mark.parametrize("act", ["take_over", "succeed", "fail", "mark_unknown"])
def test_an_outcome_whose_event_fails_leaves_the_effect(effect: Effect, act: str) -> None:
    words: dict[str, dict[str, object]] = {
        "take_over": {"fence": 9},
        "succeed": {"fence": 3, "response": {}},
        "fail": {"fence": 3, "error": "x"},
        "mark_unknown": {"fence": 3, "error": "x"},
    }
    before = Effect.objects.values().get(pk=effect.pk), size_of_the_log()
    with failing_append(), pytest.raises(AppendFailedError):
        getattr(effects, act)(effect_id=effect.pk, **words[act])
    assert (Effect.objects.values().get(pk=effect.pk), size_of_the_log()) == before


@pytest.mark.parametrize("act", ["reconcile", "mark_compensated"])
def test_a_settlement_whose_event_fails_leaves_the_effect(
    home: make.House, effect: Effect, act: str
) -> None:
    if act == "reconcile":
        effects.mark_unknown(effect_id=effect.pk, fence=3, error="x")
        words = {"person": home.grace, "happened": True, "note": "I looked."}
    else:
        effects.succeed(effect_id=effect.pk, fence=3, response={})
        words = {"response": {}}
    before = Effect.objects.values().get(pk=effect.pk), size_of_the_log()
    with failing_append(), pytest.raises(AppendFailedError):
        getattr(effects, act)(effect_id=effect.pk, **words)
    assert (Effect.objects.values().get(pk=effect.pk), size_of_the_log()) == before
