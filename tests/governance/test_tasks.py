import time

from governance.models import Channel, Domain, Notice, NoticeState, Person
from governance.services import notices
from tests.factories import identity
from tests.harness.workers import Workers


def test_a_real_worker_delivers_what_was_committed(real_workers: Workers) -> None:
    real_workers.start("control")
    identity.domain()
    grace = identity.first_person()
    Person.objects.filter(pk=grace.pk).update(email="grace@example.org")
    grace.refresh_from_db()

    notices.notify_reviewers(gate=identity.gate(Domain.objects.get()), people=[grace])

    mail = Notice.objects.filter(channel=Channel.EMAIL)
    deadline = time.monotonic() + 60
    while mail.get().state == NoticeState.PENDING and time.monotonic() < deadline:
        time.sleep(0.05)
    assert mail.get().state == NoticeState.DELIVERED, real_workers.log("control")
