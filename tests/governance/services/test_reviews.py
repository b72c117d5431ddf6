import json
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core import signing
from django.db.models.functions import Now

from audit.canonical import digest
from audit.models import Event
from governance import presentation
from governance.adapters import ExhibitDraft
from governance.models import Decision, Exhibit, Gate, Person, Review, Warrant
from governance.refusals import Refusal
from governance.services import exhibits, reviews
from governance.signals import gate_decided
from tests.factories import governance as make
from tests.factories import tampering
from tests.factories.audit import AppendFailedError, failing_append, recorded, size_of_the_log

pytestmark = pytest.mark.django_db

FORGED = signing.Signer(key="not ours", salt=presentation.SALT).sign_object({"g": "x"})


@pytest.fixture
def home(tmp_path: Path) -> make.House:
    return make.house(tmp_path)


@pytest.fixture
def gate(home: make.House) -> Gate:
    return make.open_gate(home)


def state_of(gate: Gate) -> str:
    return Gate.objects.values_list("state", flat=True).get(pk=gate.pk)


def refused(gate: Gate, someone: Any, verb: str = "approve", **fields: Any) -> Refusal:
    """Review, be refused, and see that nothing happened except that it was recorded."""
    if "stamp" not in fields:
        fields["stamp"] = make.stamp_for(gate, someone)
    before = (Review.objects.count(), Decision.objects.count(), Warrant.objects.count())
    state, events = state_of(gate), len(recorded(f"action:{gate.action_id}"))
    with pytest.raises(Refusal) as caught:
        make.review(gate, someone, verb, **fields)
    after = (Review.objects.count(), Decision.objects.count(), Warrant.objects.count())
    assert (after, state_of(gate)) == (before, state)
    assert recorded(f"action:{gate.action_id}")[events:] == ["review.refused"]
    return caught.value


def expire(gate: Gate) -> None:
    Gate.objects.filter(pk=gate.pk).update(expires_at=Now() - timedelta(milliseconds=1))


def test_one_approval_by_the_right_person_decides_and_issues_the_warrant(
    home: make.House, gate: Gate
) -> None:
    review = make.review(gate, home.grace)
    gate.refresh_from_db()
    assert gate.state == "approved"
    assert gate.decided_at is not None
    assert gate.decision.outcome == "approved"
    assert gate.decision.quorum_proof == [str(review.pk)]
    assert gate.warrant.state == "issued"
    assert gate.warrant.action_digest == gate.action.digest == gate.decision.action_digest
    assert gate.warrant.expires_at - gate.decided_at < timedelta(minutes=10, seconds=5)
    assert recorded(f"action:{gate.action_id}")[-3:] == [
        "review.given",
        "gate.decided",
        "warrant.issued",
    ]


def test_a_rejection_decides_and_issues_nothing(home: make.House, gate: Gate) -> None:
    make.review(gate, home.grace, "reject")
    assert state_of(gate) == "rejected"
    assert not Warrant.objects.exists()


def test_a_decision_is_told_after_commit(
    home: make.House, gate: Gate, django_capture_on_commit_callbacks: Any
) -> None:
    heard: list[dict[str, str]] = []

    def listen(sender: object, signal: object, **news: str) -> None:
        heard.append(news)

    gate_decided.connect(listen)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            make.review(gate, home.grace)
            assert not heard
    finally:
        gate_decided.disconnect(listen)
    assert heard == [
        {"gate_id": str(gate.pk), "action_id": str(gate.action_id), "outcome": "approved"}
    ]


def test_the_review_keeps_what_was_seen_and_what_was_agreed(home: make.House, gate: Gate) -> None:
    review = make.review(gate, home.grace, comment="  Checked twice.  ")
    statement = review.statement
    assert review.comment == "Checked twice."
    assert digest(review.presentation) == review.presented_digest
    assert review.presentation["arguments"] == gate.action.envelope["arguments"]
    assert statement["verb"] == "approve"
    assert (statement["gate"], statement["epoch"]) == (str(gate.pk), 1)
    assert statement["action_digest"] == gate.action.digest
    assert statement["presented_digest"] == review.presented_digest
    assert [policy["id"] for policy in statement["policies"]] == ["gate.guarded"]
    assert statement["obligations"] == gate.verdict.obligations
    assert [shown["digest"] for shown in statement["exhibits"]] == [
        exhibit.digest for exhibit in gate.exhibits.all()
    ]
    assert statement["pins"] == gate.action.envelope["pins"]
    assert statement["reviewer"] == str(home.grace.pk)
    assert len(statement["nonce"]) == 32


def test_a_reviewer_cannot_decide_their_own_agents_gate(home: make.House, gate: Gate) -> None:
    refusal = refused(gate, home.ada)
    assert (refusal.code, refusal.status) == ("is_owner", 403)


def test_the_initiator_cannot_decide_what_they_started(home: make.House, gate: Gate) -> None:
    refusal = refused(gate, home.ines)
    assert (refusal.code, refusal.status) == ("is_initiator", 403)


def test_a_sponsor_who_must_be_another_cannot_decide(home: make.House) -> None:
    make.bundle(home.domain, make.POLICIES.replace("initiator,owner", "initiator,sponsor"))
    assert refused(make.open_gate(home), home.sam).code == "is_sponsor"


def test_a_superuser_is_not_exempt(home: make.House, gate: Gate) -> None:
    Person.objects.update(is_superuser=True, is_staff=True)
    assert refused(gate, Person.objects.get(pk=home.ada.pk)).code == "is_owner"
    assert refused(gate, Person.objects.get(pk=home.mallory.pk), stamp="x").code == "not_found"
    assert refused(gate, Person.objects.get(pk=home.sam.pk)).code == "not_eligible"


def test_an_inactive_person_cannot_decide(home: make.House, gate: Gate) -> None:
    stamp = make.stamp_for(gate, home.grace)
    Person.objects.filter(pk=home.grace.pk).update(is_active=False)
    refusal = refused(gate, home.grace, stamp=stamp)
    assert (refusal.code, refusal.status) == ("inactive_person", 403)


def test_an_agent_cannot_decide_even_with_a_persons_stamp(home: make.House, gate: Gate) -> None:
    principal = SimpleNamespace(agent=home.scout, pk=home.scout.pk, is_superuser=True)
    refusal = refused(gate, principal, stamp=make.stamp_for(gate, home.grace))
    assert (refusal.code, refusal.status) == ("agent_principal", 403)


def test_somebody_no_seat_asks_is_not_eligible(home: make.House, gate: Gate) -> None:
    team = home.domain.teams.get()
    team.people.remove(home.grace)
    assert refused(gate, home.grace).code == "not_eligible"


def test_a_gate_of_another_domain_does_not_exist(home: make.House, gate: Gate) -> None:
    refusal = refused(gate, home.mallory, stamp="x")
    assert (refusal.code, refusal.status) == ("not_found", 404)


def test_the_second_reviewer_reads_who_was_first_and_when(home: make.House, gate: Gate) -> None:
    sue = make.member("sue", home.domain)
    stamp = make.stamp_for(gate, sue)
    make.review(gate, home.grace)
    refusal = refused(gate, sue, "reject", stamp=stamp)
    gate.refresh_from_db()
    assert gate.decided_at is not None
    assert (refusal.code, refusal.status) == ("already_decided", 409)
    assert refusal.extra["by"] == "Grace"
    assert refusal.extra["at"] == gate.decided_at.isoformat()
    assert "Already decided by Grace" in refusal.detail


def test_after_its_time_a_gate_cannot_be_approved_whatever_the_steward_did(
    home: make.House, gate: Gate
) -> None:
    stamp = make.stamp_for(gate, home.grace)
    expire(gate)
    assert state_of(gate) == "pending"
    refusal = refused(gate, home.grace, stamp=stamp)
    assert (refusal.code, refusal.status) == ("expired", 410)
    assert not Warrant.objects.exists()
    assert make.lines_in(home.guarded) == 0


@pytest.mark.parametrize("stamp", ["", "nonsense", FORGED])
def test_a_stamp_that_is_not_ours_is_refused(home: make.House, gate: Gate, stamp: str) -> None:
    refusal = refused(gate, home.grace, stamp=stamp)
    assert (refusal.code, refusal.status) == ("stale_presentation", 412)


def test_somebody_elses_stamp_is_refused(home: make.House, gate: Gate) -> None:
    stamp = make.stamp_for(gate, home.ada)
    assert refused(gate, home.grace, stamp=stamp).code == "stale_presentation"


def test_another_gates_stamp_is_refused(home: make.House, gate: Gate) -> None:
    stamp = make.stamp_for(make.open_gate(home), home.grace)
    assert refused(gate, home.grace, stamp=stamp).code == "stale_presentation"


def test_what_was_attached_since_must_be_read_first(home: make.House, gate: Gate) -> None:
    stamp = make.stamp_for(gate, home.grace)
    draft = ExhibitDraft("A late finding", "findings", {"findings": ["bad"]}, "agent")
    gate.exhibits.add(
        exhibits.attach(
            domain=home.domain, run_id=None, step_path="", agent=home.scout, draft=draft
        )
    )
    assert refused(gate, home.grace, stamp=stamp).code == "stale_presentation"
    make.review(gate, home.grace)
    assert state_of(gate) == "approved"


def test_what_was_not_shown_whole_can_be_rejected_but_not_approved(home: make.House) -> None:
    draft = ExhibitDraft("A cut diff", "diff", {"files": [], "truncated": True}, "tool")
    cut = exhibits.attach(domain=home.domain, run_id=None, step_path="", agent=None, draft=draft)
    gate = make.open_gate(home, exhibits=[cut])
    refusal = refused(gate, home.grace)
    assert (refusal.code, refusal.status) == ("incomplete_presentation", 403)
    assert "A cut diff" in refusal.detail
    make.review(gate, home.grace, "reject")
    assert state_of(gate) == "rejected"


def test_an_exhibit_edited_behind_its_digest_blocks_approval(home: make.House, gate: Gate) -> None:
    tampering.edit(Exhibit.objects.get(), content={"added": ["something else"]})
    assert refused(gate, home.grace).code == "incomplete_presentation"


def test_a_gate_can_ask_for_a_comment(home: make.House) -> None:
    make.bundle(home.domain, make.POLICIES.replace("@quorum", '@comment("required") @quorum'))
    gate = make.open_gate(home)
    refusal = refused(gate, home.grace, comment="   ")
    assert (refusal.code, refusal.status) == ("comment_required", 422)
    make.review(gate, home.grace, comment="Because.")
    assert state_of(gate) == "approved"


def test_a_gate_can_ask_for_a_stronger_sign_in(home: make.House) -> None:
    make.bundle(home.domain, make.POLICIES.replace("@quorum", '@assurance("passkey") @quorum'))
    gate = make.open_gate(home)
    refusal = refused(gate, home.grace, assurance="mfa")
    assert (refusal.code, refusal.status) == ("step_up_required", 401)
    assert refusal.extra["needed"] == "passkey"
    make.review(gate, home.grace, assurance="passkey")
    assert state_of(gate) == "approved"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"verb": "terminate"}, "unknown_verb"),
        ({"verb": ""}, "unknown_verb"),
        ({"idempotency_key": ""}, "idempotency_key_required"),
        ({"idempotency_key": "k" * 65}, "idempotency_key_required"),
        ({"verb": "\0"}, "unknown_verb"),
        ({"verb": "\ud800"}, "unknown_verb"),
        ({"idempotency_key": "nul\0"}, "idempotency_key_required"),
        ({"idempotency_key": "\ud800"}, "idempotency_key_required"),
        ({"comment": "x" * 20_000}, "invalid_comment"),
        ({"comment": "nul\0"}, "invalid_comment"),
        ({"comment": "\ud800"}, "invalid_comment"),
    ],
)
def test_a_review_that_makes_no_sense_is_refused(
    home: make.House, gate: Gate, fields: dict[str, str], code: str
) -> None:
    refusal = refused(gate, home.grace, **fields)
    assert (refusal.code, refusal.status) == (code, 422)


def test_the_same_key_returns_the_same_review(home: make.House, gate: Gate) -> None:
    stamp = make.stamp_for(gate, home.grace)
    first = make.review(gate, home.grace, idempotency_key="once", stamp=stamp)
    events = recorded()
    again = make.review(gate, home.grace, idempotency_key="once", stamp=stamp)
    assert again == first
    assert Review.objects.count() == 1
    assert recorded() == events


def test_a_key_used_for_another_review_is_refused(home: make.House, gate: Gate) -> None:
    make.review(gate, home.grace, idempotency_key="once")
    other = make.open_gate(home)
    assert refused(other, home.grace, idempotency_key="once").code == "idempotency_key_reused"


def test_two_people_are_needed_where_two_are_asked(home: make.House) -> None:
    sue = make.member("sue", home.domain)
    make.bundle(home.domain, make.POLICIES.replace('@quorum("1")', '@quorum("2")'))
    gate = make.open_gate(home)
    make.review(gate, home.grace)
    make.review(gate, home.grace)
    assert state_of(gate) == "pending"
    make.review(gate, sue)
    gate.refresh_from_db()
    assert gate.state == "approved"
    assert len(gate.decision.quorum_proof) == 2


def test_a_reviewer_who_left_counts_no_more_when_the_next_one_decides(home: make.House) -> None:
    sue, tom = make.member("sue", home.domain), make.member("tom", home.domain)
    make.bundle(home.domain, make.POLICIES.replace('@quorum("1")', '@quorum("2")'))
    gate = make.open_gate(home)
    make.review(gate, home.grace)
    Person.objects.filter(pk=home.grace.pk).update(is_active=False)
    make.review(gate, sue)
    assert state_of(gate) == "pending"
    make.review(gate, tom)
    assert state_of(gate) == "approved"


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_a_review_whose_event_fails_leaves_nothing(
    home: make.House, gate: Gate, verb: str
) -> None:
    stamp = make.stamp_for(gate, home.grace)
    before = size_of_the_log()
    with failing_append(), pytest.raises(AppendFailedError):
        make.review(gate, home.grace, verb, stamp=stamp)
    assert state_of(gate) == "pending"
    assert size_of_the_log() == before
    for model in (Review, Decision, Warrant):
        assert not model.objects.exists()


def test_reading_a_gate_writes_nothing(home: make.House, gate: Gate) -> None:
    before = size_of_the_log(), Gate.objects.values().get(pk=gate.pk)
    make.stamp_for(gate, home.grace)
    assert (size_of_the_log(), Gate.objects.values().get(pk=gate.pk)) == before


def test_a_stamp_holds_no_secret_and_says_when_it_was_made(home: make.House, gate: Gate) -> None:
    said = signing.Signer(salt=presentation.SALT).unsign_object(make.stamp_for(gate, home.grace))
    assert set(said) == {"g", "e", "a", "r", "p", "n", "t"}


def refusals(gate: Gate) -> list[dict[str, Any]]:
    told = Event.objects.filter(type="review.refused", object_id=str(gate.pk)).order_by("pk")
    return [json.loads(event.payload.fields) for event in told]


def test_one_refused_again_for_the_same_within_a_minute_is_written_down_once(
    home: make.House, gate: Gate
) -> None:
    refused(gate, home.ada)
    for _ in range(20):
        with pytest.raises(Refusal):
            make.review(gate, home.ada, stamp="x")
    assert [said["code"] for said in refusals(gate)] == ["is_owner"]
    refused(gate, home.ines)
    assert refused(gate, home.ada, verb="maybe").code == "unknown_verb"
    other = make.open_gate(home, line="Another line.")
    assert refused(other, home.ada).code == "is_owner"


def test_a_minute_later_the_same_refusal_is_news(
    home: make.House, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused(gate, home.ada)
    monkeypatch.setattr(reviews, "SAME_REFUSAL", timedelta(0))
    refused(gate, home.ada)


@pytest.mark.parametrize("verb", ["approve", "maybe"])
def test_a_strangers_name_gets_into_no_history_of_another_domain(
    home: make.House, gate: Gate, verb: str
) -> None:
    refused(gate, home.mallory, verb, stamp="x")
    (said,) = refusals(gate)
    assert said["person"] == str(home.mallory.pk)
    assert "Mallory" not in str(said)
    refused(gate, home.ada)
    assert refusals(gate)[1]["person"] == "Ada"
