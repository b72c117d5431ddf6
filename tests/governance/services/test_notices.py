import base64
import json
import smtplib
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.db.models.functions import Now
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from audit.services.events import recording
from governance.models import Channel, Domain, Gate, Notice, NoticeState, Person, Webhook
from governance.selectors.notices import unread_count_for, unread_for
from governance.services import notices
from tests.factories import identity
from tests.factories.audit import (
    AppendFailedError,
    failing,
    failing_append,
    recorded,
    size_of_the_log,
)
from tests.harness.races import Race
from tests.harness.receiver import Receiver

db = pytest.mark.django_db


class Refusing(BaseEmailBackend):
    """A mail server that refuses everything."""

    def send_messages(self, email_messages: Sequence[Any]) -> int:
        raise smtplib.SMTPServerDisconnected("mail is down")


REFUSING = f"{__name__}.Refusing"


@pytest.fixture
def rung(redis_url: str) -> Iterator[Callable[[], list[str]]]:
    """Read from the real broker which notices workers were rung for."""
    with redis.Redis.from_url(redis_url) as broker:
        broker.flushall()
        yield lambda: [_argument_of(raw) for raw in broker.lrange("cs:control", 0, -1)]


def _argument_of(raw: bytes) -> str:
    message = json.loads(raw)
    assert message["headers"]["task"] == notices.TASK
    [arguments, *_rest] = json.loads(base64.b64decode(message["body"]))
    return str(arguments[0])


def reviewer(name: str = "Grace", email: str = "grace@example.org") -> Person:
    identity.domain()
    person = identity.first_person(name)
    Person.objects.filter(pk=person.pk).update(email=email)
    person.refresh_from_db()
    return person


def told(person: Person, **changes: Any) -> tuple[Gate, Notice]:
    """Open a gate, tell the person, and return the e-mail that waits."""
    gate = identity.gate(Domain.objects.get(), **changes)
    notices.notify_reviewers(gate=gate, people=[person])
    return gate, Notice.objects.get(channel=Channel.EMAIL)


@db
def test_reviewers_are_told_in_the_app_by_mail_and_webhook(
    rung: Callable[[], list[str]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    grace = reviewer()
    domain = Domain.objects.get()
    heidi = identity.member(domain, grace)
    Webhook.objects.create(domain=domain, url="https://hooks.example.org/", secret="s")
    Webhook.objects.create(
        domain=domain, url="https://old.example.org/", secret="s", is_active=False
    )
    gate = identity.gate(domain)

    with django_capture_on_commit_callbacks(execute=True):
        count = notices.notify_reviewers(gate=gate, people=[grace, heidi])

    made = Notice.objects.order_by("channel").values_list("channel", "person", "state")
    assert count == 4
    assert set(made) == {
        (Channel.EMAIL, grace.pk, NoticeState.PENDING),
        (Channel.IN_APP, grace.pk, NoticeState.DELIVERED),
        (Channel.IN_APP, heidi.pk, NoticeState.DELIVERED),
        (Channel.WEBHOOK, None, NoticeState.PENDING),
    }
    pending = Notice.objects.filter(state=NoticeState.PENDING)
    assert set(rung()) == {str(pk) for pk in pending.values_list("pk", flat=True)}
    assert {notice.path for notice in pending} == {f"/gates/{gate.pk}/"}
    assert recorded(f"run:{gate.action.run_id}") == ["notice.queued"]


@db
def test_telling_again_makes_no_second_message() -> None:
    grace = reviewer()
    gate, _notice = told(grace)
    before = size_of_the_log()

    assert notices.notify_reviewers(gate=gate, people=[grace]) == 0

    assert Notice.objects.count() == 2
    assert size_of_the_log() == before


@db
def test_a_notice_vanishes_with_the_change_that_caused_it() -> None:
    grace = reviewer()
    gate = identity.gate(Domain.objects.get())

    with failing(recording()):
        notices.notify_reviewers(gate=gate, people=[grace])

    assert not Notice.objects.exists()


@db
def test_notices_whose_event_fails_are_not_queued() -> None:
    grace = reviewer()
    gate = identity.gate(Domain.objects.get())

    with failing_append(), pytest.raises(AppendFailedError):
        notices.notify_reviewers(gate=gate, people=[grace])

    assert not Notice.objects.exists()


@db
def test_a_title_is_one_short_line_without_anything_invisible() -> None:
    _gate, notice = told(reviewer(), sentence="Merge\u202e\r\nBcc: x@y.z\u200b " + "a" * 300)

    assert notice.title.startswith("Merge Bcc: x@y.z aaa")
    assert len(notice.title) == 200
    assert notice.title.isprintable()


@db
def test_the_bell_shows_a_persons_own_unread_notices() -> None:
    grace = reviewer()
    heidi = identity.member(Domain.objects.get(), grace)
    told(grace)

    [notice] = unread_for(grace)
    assert (unread_count_for(grace), unread_count_for(heidi)) == (1, 0)
    assert notices.mark_read(person=heidi, notice_ids=[notice.pk]) == 0
    assert notices.mark_read(person=grace, notice_ids=[notice.pk]) == 1
    assert unread_count_for(grace) == 0


@db
def test_an_agent_or_stranger_has_no_bell() -> None:
    assert unread_count_for(object()) == 0
    assert list(unread_for(None)) == []


@db
def test_mail_carries_the_sentence_and_a_link_that_only_navigates(settings: Settings) -> None:
    settings.BASE_URL = "http://localhost:8000/"
    gate, notice = told(reviewer())

    assert notices.deliver(notice_id=notice.pk) == NoticeState.DELIVERED

    [message] = mail.outbox
    assert message.to == ["grace@example.org"]
    assert message.subject == gate.sentence
    assert f"http://localhost:8000/gates/{gate.pk}/\n" in message.body + "\n"
    assert "?" not in message.body
    assert str(notice.pk) in message.extra_headers["Message-ID"]
    assert recorded(f"run:{gate.action.run_id}") == ["notice.queued", "notice.delivered"]


@db
def test_a_delivered_notice_is_not_sent_again() -> None:
    _gate, notice = told(reviewer())
    notices.deliver(notice_id=notice.pk)
    before = size_of_the_log()

    assert notices.deliver(notice_id=notice.pk) is None
    assert notices.deliver(notice_id=uuid.uuid4()) is None

    assert len(mail.outbox) == 1
    assert size_of_the_log() == before


@db
def test_a_failed_try_waits_longer_each_time_and_the_fifth_is_the_last(
    settings: Settings,
) -> None:
    settings.EMAIL_BACKEND = REFUSING
    gate, notice = told(reviewer())
    for number, wait in enumerate(notices.BACKOFF, start=1):
        assert notices.deliver(notice_id=notice.pk) == NoticeState.PENDING
        notice.refresh_from_db()
        assert (notice.attempts, notice.error) == (number, "mail is down")
        due = notice.available_at
        assert notices.deliver(notice_id=notice.pk) is None
        identity.let_pass(Notice, "available_at", 1)
        assert due > Notice.objects.get(pk=notice.pk).available_at + wait

    assert notices.deliver(notice_id=notice.pk) == NoticeState.FAILED

    notice.refresh_from_db()
    assert (notice.state, notice.error) == (NoticeState.FAILED, "mail is down")
    assert notices.deliver(notice_id=notice.pk) is None
    assert recorded(f"run:{gate.action.run_id}") == [
        "notice.queued",
        *["notice.postponed"] * 4,
        "notice.failed",
    ]


@db
def test_who_lost_their_address_gets_no_mail() -> None:
    grace = reviewer()
    _gate, notice = told(grace)
    Person.objects.filter(pk=grace.pk).update(is_active=False)

    assert notices.deliver(notice_id=notice.pk) == NoticeState.PENDING

    assert mail.outbox == []


@db
def test_a_worker_that_dies_between_sending_and_marking_sends_the_same_id_twice() -> None:
    _gate, notice = told(reviewer())

    with failing_append(), pytest.raises(AppendFailedError):
        notices.deliver(notice_id=notice.pk)
    assert Notice.objects.get(pk=notice.pk).state == NoticeState.PENDING
    assert notices.deliver(notice_id=notice.pk) is None, "its lease still holds"
    identity.let_pass(Notice.objects.filter(pk=notice.pk), "lease_until", 1)
    assert notices.deliver(notice_id=notice.pk) == NoticeState.DELIVERED

    ids = [message.extra_headers["Message-ID"] for message in mail.outbox]
    assert len(ids) == 2
    assert len(set(ids)) == 1


@db
def test_a_notice_whose_workers_keep_dying_is_given_up() -> None:
    _gate, notice = told(reviewer())
    Notice.objects.filter(pk=notice.pk).update(attempts=notices.MOST_TRIES)

    assert notices.deliver(notice_id=notice.pk) == NoticeState.FAILED

    assert mail.outbox == []
    assert Notice.objects.get(pk=notice.pk).error


@db
def test_a_worker_that_lost_its_lease_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    gate, notice = told(reviewer())

    def taken_over(late: Notice) -> None:
        Notice.objects.filter(pk=late.pk).update(attempts=late.attempts + 1)

    monkeypatch.setattr(notices, "_send", taken_over)
    notices.deliver(notice_id=notice.pk)

    assert Notice.objects.get(pk=notice.pk).state == NoticeState.PENDING
    assert recorded(f"run:{gate.action.run_id}") == ["notice.queued"]


@db
def test_what_is_due_is_handed_out_once_in_a_while(
    rung: Callable[[], list[str]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    _gate, notice = told(reviewer())
    identity.let_pass(Notice, "rung_at", 60)

    with django_capture_on_commit_callbacks(execute=True):
        assert notices.hand_out_due() == 1
        assert notices.hand_out_due() == 0

    assert rung() == [str(notice.pk)]


@db
@pytest.mark.parametrize(
    "changes",
    [
        {"state": NoticeState.FAILED},
        {"available_at": Now() + timedelta(seconds=60)},
        {"lease_until": Now() + timedelta(seconds=60)},
        {"rung_at": Now()},
    ],
)
def test_nothing_else_is_handed_out(changes: dict[str, Any]) -> None:
    told(reviewer())
    identity.let_pass(Notice, "rung_at", 60)
    Notice.objects.update(**changes)

    assert notices.hand_out_due() == 0


def test_of_many_workers_one_sends(race: Race) -> None:
    grace = reviewer()
    _gate, notice = told(grace)

    answers = race(*[lambda: notices.deliver(notice_id=notice.pk)] * 6)

    assert sorted(str(answer) for answer in answers) == ["None"] * 5 + ["delivered"]
    assert len(mail.outbox) == 1


@db
def test_a_webhook_gets_ids_and_a_link_and_nothing_else(
    receiver: Receiver, settings: Settings
) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = True
    grace = reviewer(email="")
    domain = Domain.objects.get()
    Webhook.objects.create(domain=domain, url=receiver.url, secret="s")
    gate = identity.gate(domain, sentence="Pay 7 EUR to Mallory")
    notices.notify_reviewers(gate=gate, people=[grace])
    notice = Notice.objects.get(channel=Channel.WEBHOOK)

    assert notices.deliver(notice_id=notice.pk) == NoticeState.DELIVERED

    [(headers, body)] = receiver.got
    assert b"Mallory" not in body
    assert str(notice.pk).encode() in body
    assert f"/gates/{gate.pk}/".encode() in body
    assert "Countersign-Signature" in headers


@db
def test_a_webhook_inside_is_not_reached_and_says_why(receiver: Receiver) -> None:
    reviewer()
    domain = Domain.objects.get()
    url = receiver.url.replace("http:", "https:")
    Webhook.objects.create(domain=domain, url=url, secret="s")
    notices.notify_reviewers(gate=identity.gate(domain), people=[])
    notice = Notice.objects.get()

    assert notices.deliver(notice_id=notice.pk) == NoticeState.PENDING

    assert receiver.got == []
    assert "open Internet" in Notice.objects.get().error
