"""Two at the same moment, each on a connection of its own: one wins, and nothing happens twice."""

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from django.db.models.functions import Now

from governance.models import Bundle, Decision, Effect, Gate, Review, Warrant
from governance.refusals import Refusal
from governance.services import agents, gates, warrants
from governance.services.warrants import Claimed, Refused
from tests.factories import governance as make
from tests.factories.audit import recorded
from tests.harness.databases import CommittedDatabase

Race = Callable[..., list[object]]


@pytest.fixture
def home(committed_db: CommittedDatabase, tmp_path: Path) -> make.House:
    return make.house(tmp_path)


def codes(outcomes: list[object]) -> list[str]:
    """Return the code of each refusal; anything else that was raised fails the test."""
    raised = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    for error in raised:
        if not isinstance(error, Refusal):
            raise error
    return [error.code for error in raised if isinstance(error, Refusal)]


@pytest.mark.slow
def test_of_two_simultaneous_reviews_exactly_one_decides(home: make.House, race: Race) -> None:
    sue = make.member("sue", home.domain)
    winners = set()
    for n in range(50):
        gate = make.open_gate(home, line=f"line {n}")
        stamps = {someone.pk: make.stamp_for(gate, someone) for someone in (home.grace, sue)}
        outcomes = race(
            partial(make.review, gate, home.grace, "approve", stamp=stamps[home.grace.pk]),
            partial(make.review, gate, sue, "reject", stamp=stamps[sue.pk]),
        )
        assert codes(outcomes) == ["already_decided"]
        review = Review.objects.get(gate=gate)
        decision = Decision.objects.get(gate=gate)
        assert decision.quorum_proof == [str(review.pk)]
        assert Warrant.objects.filter(gate=gate).count() == (review.verb == "approve")
        loser = next(outcome for outcome in outcomes if isinstance(outcome, Refusal))
        assert loser.extra["by"] == str(review.person)
        winners.add(review.verb)
    events = recorded()
    assert events.count("gate.decided") == events.count("review.refused") == 50


def test_of_two_people_that_a_quorum_of_two_asks_both_count(home: make.House, race: Race) -> None:
    sue = make.member("sue", home.domain)
    make.bundle(home.domain, make.POLICIES.replace('@quorum("1")', '@quorum("2")'))
    for n in range(10):
        gate = make.open_gate(home, line=f"line {n}")
        reviews = [
            partial(make.review, gate, someone, stamp=make.stamp_for(gate, someone))
            for someone in (home.grace, sue)
        ]
        assert codes(race(*reviews)) == []
        assert Gate.objects.get(pk=gate.pk).state == "approved"
        assert Warrant.objects.filter(gate=gate).count() == 1


def test_the_same_key_sent_twice_at_one_moment_is_one_review(home: make.House, race: Race) -> None:
    for n in range(10):
        gate = make.open_gate(home, line=f"line {n}")
        send = partial(
            make.review,
            gate,
            home.grace,
            stamp=make.stamp_for(gate, home.grace),
            idempotency_key=f"key {n}",
        )
        first, second = race(send, send)
        assert first == second == Review.objects.get(gate=gate)


def test_of_twenty_simultaneous_claims_exactly_one_starts_the_effect(
    home: make.House, race: Race
) -> None:
    warrant = make.approved(home)
    seen = warrants.inspect(warrant_id=warrant.pk)
    outcomes = race(
        *(
            partial(
                warrants.claim,
                warrant_id=warrant.pk,
                inspection=seen,
                worker=f"worker-{n}",
                fence=n,
            )
            for n in range(20)
        )
    )
    (won,) = [outcome for outcome in outcomes if isinstance(outcome, Claimed)]
    lost = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    assert {refusal.code for refusal in lost} == {"warrant_claimed"}
    assert len(lost) == 19
    assert Effect.objects.get() == won.effect
    assert recorded(f"action:{warrant.action_id}").count("effect.started") == 1


def test_approving_and_expiring_at_the_same_moment_leaves_one_outcome(
    home: make.House, race: Race
) -> None:
    for n in range(20):
        gate = make.open_gate(home, line=f"line {n}")
        stamp = make.stamp_for(gate, home.grace)
        overdue = partial(Gate.objects.filter(pk=gate.pk).update, expires_at=Now())
        outcomes = race(
            partial(make.review, gate, home.grace, stamp=stamp),
            lambda overdue=overdue: (overdue(), gates.expire_due()),
        )
        decision = Decision.objects.get(gate=gate)
        assert decision.outcome in {"approved", "expired"}
        assert Gate.objects.get(pk=gate.pk).state == decision.outcome
        approved = decision.outcome == "approved"
        assert Warrant.objects.filter(gate=gate).count() == approved
        assert codes(outcomes[:1]) == ([] if approved else ["expired"])


def test_a_claim_and_the_steward_at_the_same_moment_leave_one_outcome(
    home: make.House, race: Race
) -> None:
    for n in range(10):
        warrant = make.approved(home, line=f"line {n}")
        seen = warrants.inspect(warrant_id=warrant.pk)
        overdue = partial(Warrant.objects.filter(pk=warrant.pk).update, expires_at=Now())
        claim = partial(
            warrants.claim, warrant_id=warrant.pk, inspection=seen, worker="w", fence=1
        )
        outcomes = race(claim, lambda overdue=overdue: (overdue(), warrants.expire_due()))
        codes(outcomes)
        warrant.refresh_from_db()
        effects = Effect.objects.filter(warrant=warrant).count()
        assert (warrant.state, effects) in {("claimed", 1), ("expired", 0)}


def test_policies_activated_twice_at_one_moment_rule_one_after_the_other(
    home: make.House, race: Race
) -> None:
    outcomes = race(
        partial(make.bundle, home.domain, make.PERMIT),
        partial(make.bundle, home.domain, make.PERMIT + make.GATE),
    )
    assert codes(outcomes) == []
    numbers = {bundle.number for bundle in outcomes if isinstance(bundle, Bundle)}
    assert numbers == {2, 3}
    assert home.domain.bundles.filter(is_active=True).count() == 1


def test_an_agent_is_suspended_while_its_warrant_is_claimed(home: make.House, race: Race) -> None:
    warrant = make.approved(home)
    seen = warrants.inspect(warrant_id=warrant.pk)
    claim = partial(warrants.claim, warrant_id=warrant.pk, inspection=seen, worker="w", fence=1)
    suspend = partial(agents.suspend, agent=home.scout, person=home.ada, reason="Stop.")
    with suppress(threading.BrokenBarrierError):
        claimed, _suspended = race(claim, suspend)
    assert isinstance(claimed, Claimed | Refused)
    assert Effect.objects.count() == isinstance(claimed, Claimed)
