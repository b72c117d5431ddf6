"""The outbox: messages are written with what causes them, and delivered at least once.

A notice that was sent but not marked, because its worker died in between, is sent again with
the same id: receivers drop what they know. Links only navigate: no token, no verb.
"""

import smtplib
import unicodedata
import uuid
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from audit import doorbell
from audit.registry import link_for
from audit.services.events import record, recording
from audit.types import Actor, ObjectRef, StreamKey
from governance.models import Channel, Gate, Notice, NoticeState, Person, Webhook
from governance.refusals import Refusal
from governance.services import webhooks
from governance.streams import stream_of

TASK = "governance.deliver_notice"
MOST_TRIES = 5
LEASE = timedelta(seconds=60)
# Waiting after the first, second, ... failed try.
BACKOFF = tuple(timedelta(seconds=s) for s in (10, 60, 300, 1800))
TITLE_LENGTH = 200
MAIL_TIMEOUT_SECONDS = 15


def enqueue(*, notices: Sequence[Notice]) -> int:
    """Write notices into the outbox; returns how many are new. Joins the caller's recording().

    A `dedupe_key` that is there already makes no second message. A notice in the app needs no
    delivery: it is delivered by being written.
    """
    keys = [notice.dedupe_key for notice in notices]
    known = set(Notice.objects.filter(dedupe_key__in=keys).values_list("dedupe_key", flat=True))
    new = [notice for notice in notices if notice.dedupe_key not in known]
    for notice in new:
        _prepare(notice)
    Notice.objects.bulk_create(new, ignore_conflicts=True)
    for notice in new:
        if notice.channel != Channel.IN_APP:
            doorbell.ring_worker(TASK, notice.pk)
    return len(new)


def notify_reviewers(*, gate: Gate, people: Iterable[Person]) -> int:
    """Tell reviewers that a gate waits: in the app, by e-mail, and the domain's webhooks.

    Called inside the transaction that opens the gate, so that a crash after it still notifies.
    """
    stream = stream_of(gate.action)
    drafts = [draft for person in people for draft in _to_person(gate, stream, person)]
    hooks = Webhook.objects.filter(domain_id=gate.domain_id, is_active=True)
    drafts += [_draft(gate, stream, Channel.WEBHOOK, webhook=webhook) for webhook in hooks]
    with recording():
        count = enqueue(notices=drafts)
        if count:
            record(
                stream=stream,
                type="notice.queued",
                actor=Actor.system("governance"),
                domain_id=gate.domain_id,
                object=ObjectRef("gate", str(gate.pk)),
                payload={"count": count, "title": gate.sentence},
            )
    return count


def mark_read(*, person: Person, notice_ids: Iterable[uuid.UUID | str]) -> int:
    """Take notices off the person's bell; a private bookmark, so nothing is recorded."""
    mine = Notice.objects.filter(person=person, pk__in=list(notice_ids), read_at=None)
    return mine.update(read_at=Now())


def hand_out_due(*, limit: int = 100) -> int:
    """Ring workers for notices that are due and that nobody was rung for lately.

    The steward calls this: it repairs lost rings, and takes back the leases of dead workers.
    """
    due = list(_ready_to_ring().order_by("available_at").values_list("pk", flat=True)[:limit])
    handed = 0
    with recording():
        for notice_id in due:
            if _ready_to_ring().filter(pk=notice_id).update(rung_at=Now()) == 1:
                doorbell.ring_worker(TASK, notice_id)
                handed += 1
    return handed


def deliver(*, notice_id: uuid.UUID | str) -> NoticeState | None:
    """Send one notice if it is due and nobody else is sending it; returns where it stands then.

    Does network I/O between two short transactions. Five failed tries end it as `failed` with
    the error to be seen.
    """
    notice = _claim(notice_id)
    if notice is None:
        return None
    if notice.attempts > MOST_TRIES:
        return _end(notice, NoticeState.FAILED, _("Its last try ended without an answer."))
    try:
        _send(notice)
    except (webhooks.NotSentError, Refusal, smtplib.SMTPException, OSError) as error:
        return _miss(notice, str(error) or type(error).__name__)
    return _end(notice, NoticeState.DELIVERED, "")


def _prepare(notice: Notice) -> None:
    notice.title = _plain(notice.title)
    notice.available_at = Now()
    if notice.channel == Channel.IN_APP:
        notice.state = NoticeState.DELIVERED
        notice.delivered_at = Now()
    else:
        notice.rung_at = Now()


def _to_person(gate: Gate, stream: StreamKey, person: Person) -> list[Notice]:
    drafts = [_draft(gate, stream, Channel.IN_APP, person=person)]
    if person.email:
        drafts.append(_draft(gate, stream, Channel.EMAIL, person=person))
    return drafts


def _draft(
    gate: Gate,
    stream: StreamKey,
    channel: Channel,
    *,
    person: Person | None = None,
    webhook: Webhook | None = None,
) -> Notice:
    recipient = person.pk if person else webhook.pk if webhook else ""
    return Notice(
        domain_id=gate.domain_id,
        channel=channel,
        person=person,
        webhook=webhook,
        topic="gate.opened",
        title=gate.sentence,
        path=link_for("gate", str(gate.pk)),
        stream=str(stream),
        dedupe_key=f"gate:{gate.pk}:{gate.epoch}:{channel}:{recipient}",
    )


def _ready_to_ring() -> QuerySet[Notice]:
    again = timedelta(seconds=settings.RING_AGAIN_SECONDS)
    return _due().filter(Q(rung_at=None) | Q(rung_at__lte=Now() - again))


def _due() -> QuerySet[Notice]:
    return Notice.objects.filter(
        Q(lease_until=None) | Q(lease_until__lte=Now()),
        state=NoticeState.PENDING,
        available_at__lte=Now(),
    )


def _claim(notice_id: uuid.UUID | str) -> Notice | None:
    claimed = _due().filter(pk=notice_id)
    if claimed.update(lease_until=Now() + LEASE, attempts=F("attempts") + 1) != 1:
        return None
    return Notice.objects.select_related("person", "webhook").get(pk=notice_id)


def _send(notice: Notice) -> None:
    if notice.webhook is not None:
        _send_webhook(notice, notice.webhook)
    elif notice.person is not None:
        _send_mail(notice, notice.person)


def _send_webhook(notice: Notice, webhook: Webhook) -> None:
    if not webhook.is_active:
        raise webhooks.NotSentError(_("This address was removed."))
    body = {
        "specversion": "1.0",
        "id": str(notice.pk),
        "source": settings.BASE_URL,
        "type": f"countersign.{notice.topic}",
        "time": notice.created_at.isoformat(),
        "datacontenttype": "application/json",
        "data": {"domain": str(notice.domain_id), "link": _link(notice)},
    }
    webhooks.post(url=webhook.url, secret=webhook.secret, body=body)


def _send_mail(notice: Notice, person: Person) -> None:
    if not (person.is_active and person.email):
        raise webhooks.NotSentError(_("This person has no address any more."))
    lines = [notice.title, "", _("Open it here:"), _link(notice)]
    message = EmailMessage(
        subject=notice.title,
        body="\n".join(lines),
        to=[person.email],
        headers={"Message-ID": f"<{notice.pk}@countersign>"},
        connection=get_connection(timeout=MAIL_TIMEOUT_SECONDS),
    )
    message.send()


def _link(notice: Notice) -> str:
    return f"{settings.BASE_URL.rstrip('/')}{notice.path}"


def _miss(notice: Notice, error: str) -> NoticeState:
    if notice.attempts >= MOST_TRIES:
        return _end(notice, NoticeState.FAILED, error)
    with recording():
        mine = _held(notice)
        wait = BACKOFF[notice.attempts - 1]
        if mine.update(available_at=Now() + wait, lease_until=None, rung_at=None, error=error):
            _record(notice, "notice.postponed", error)
    return NoticeState.PENDING


def _end(notice: Notice, state: NoticeState, error: str) -> NoticeState:
    with recording():
        changes: dict[str, Any] = {"state": state, "lease_until": None, "error": error}
        if state == NoticeState.DELIVERED:
            changes["delivered_at"] = Now()
        if _held(notice).update(**changes) == 1:
            _record(notice, f"notice.{state}", error)
    return state


def _held(notice: Notice) -> QuerySet[Notice]:
    """Find the notice only while this try is still its latest: a late worker changes nothing."""
    return Notice.objects.filter(pk=notice.pk, state=NoticeState.PENDING, attempts=notice.attempts)


def _record(notice: Notice, type: str, error: str) -> None:
    record(
        stream=StreamKey.parse(notice.stream),
        type=type,
        actor=Actor.system("notices"),
        domain_id=notice.domain_id,
        object=ObjectRef("notice", str(notice.pk)),
        payload={"channel": notice.get_channel_display(), "error": error},
    )


def _plain(text: str) -> str:
    """Return one line without control, format and bidirectional characters, cut to length."""
    shown = "".join(" " if unicodedata.category(c).startswith("C") else c for c in text)
    line = " ".join(shown.split())
    return line if len(line) <= TITLE_LENGTH else line[: TITLE_LENGTH - 1] + "…"
