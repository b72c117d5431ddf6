import hashlib
import hmac
import ipaddress
import json
import time
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from audit.models import Event
from governance.models import Webhook
from governance.refusals import Forbidden, Invalid, Refusal
from governance.services import outgoing, webhooks
from tests.factories import identity
from tests.factories.audit import AppendFailedError, failing_append, recorded, size_of_the_log
from tests.harness.drip import Drip
from tests.harness.receiver import Receiver


@pytest.fixture
def private_allowed(settings: Settings) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = True


@pytest.mark.usefixtures("private_allowed")
def test_a_notice_is_posted_with_a_signature_its_receiver_can_check(receiver: Receiver) -> None:
    webhooks.post(url=receiver.url, secret="s3cret", body={"id": "1"})

    [(headers, body)] = receiver.got
    assert json.loads(body) == {"id": "1"}
    assert headers["Host"] == f"localhost:{receiver.server_port}"
    parts = dict(part.split("=", 1) for part in headers["Countersign-Signature"].split(","))
    signed = parts["t"].encode() + b"." + body
    assert hmac.new(b"s3cret", signed, hashlib.sha256).hexdigest() == parts["v1"]


@pytest.mark.usefixtures("private_allowed")
@pytest.mark.parametrize("answer", [301, 307, 400, 500])
def test_anything_but_success_is_not_sent_and_no_redirect_is_followed(
    receiver: Receiver, answer: int
) -> None:
    receiver.answer, receiver.location = answer, receiver.url

    with pytest.raises(webhooks.NotSentError, match=str(answer)):
        webhooks.post(url=receiver.url, secret="s", body={})

    assert len(receiver.got) == 1


@pytest.mark.usefixtures("private_allowed")
def test_https_to_what_speaks_no_tls_is_not_sent(
    receiver: Receiver,
) -> None:
    with pytest.raises(webhooks.NotSentError, match=r"SSL"):
        webhooks.post(url=receiver.url.replace("http:", "https:"), secret="s", body={})

    assert receiver.got == []


@pytest.mark.usefixtures("private_allowed")
def test_an_address_that_nobody_answers_at_is_not_sent() -> None:
    with Receiver() as closed:
        url = closed.url

    with pytest.raises(webhooks.NotSentError, match="ConnectError"):
        webhooks.post(url=url, secret="s", body={})


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - an address to refuse
        "[::1]",
        "[fe80::1]",
        "[fd00::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "2130706433",
        "0x7f.1",
    ],
)
def test_no_address_inside_is_reached(receiver: Receiver, host: str) -> None:
    url = f"https://{host}:{receiver.server_port}/hook"

    with pytest.raises((webhooks.NotSentError, Invalid)):
        webhooks.post(url=url, secret="s", body={})

    assert receiver.got == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("64:ff9b::5db8:d822", True),
        ("64:ff9b::a00:1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("ff02::1", False),
        ("::", False),
    ],
)
def test_public_means_of_the_open_internet(address: str, *, public: bool) -> None:
    assert webhooks.is_public(ipaddress.ip_address(address)) is public


@pytest.mark.django_db
@pytest.mark.parametrize(
    "url",
    [
        "",
        "hook",
        "http://hooks.example.org/",
        "ftp://hooks.example.org/",
        "https://user:secret@hooks.example.org/",
        "https://hooks.example.org/#x",
        "https://hooks.example.org/" + "a" * 500,
        "https://[::1",
        "file:///etc/passwd",
    ],
)
def test_only_a_whole_https_address_is_registered(url: str) -> None:
    domain = identity.domain()
    grace = identity.first_person()
    before = size_of_the_log()

    with pytest.raises(Invalid):
        webhooks.register(domain=domain, url=url, person=grace)

    assert not Webhook.objects.exists()
    assert size_of_the_log() == before


@pytest.mark.django_db
def test_an_address_is_registered_and_removed_by_who_manages_people() -> None:
    domain = identity.domain()
    grace = identity.first_person()
    heidi = identity.member(domain, grace)
    url = "https://hooks.example.org/x"

    with pytest.raises(Forbidden):
        webhooks.register(domain=domain, url=url, person=heidi)
    assert not Webhook.objects.exists()
    webhook = webhooks.register(domain=domain, url=url, person=grace)
    with pytest.raises(Forbidden):
        webhooks.remove(webhook=webhook, person=heidi)
    webhooks.remove(webhook=webhook, person=grace)
    with pytest.raises(Refusal):
        webhooks.remove(webhook=webhook, person=grace)

    assert not Webhook.objects.get().is_active
    assert recorded(f"domain:{domain.pk}")[-2:] == ["webhook.registered", "webhook.removed"]


@pytest.mark.django_db
def test_the_log_says_where_notices_go_and_keeps_no_secret_of_the_address() -> None:
    domain = identity.domain()
    url = "https://hooks.example.org/services/s3cret?key=t0ken"
    grace = identity.first_person()
    webhook = webhooks.register(domain=domain, url=url, person=grace)
    webhooks.remove(webhook=webhook, person=grace)

    told = Event.objects.filter(object_id=str(webhook.pk))
    known = {"host": "hooks.example.org", "url_sha256": hashlib.sha256(url.encode()).hexdigest()}
    assert [json.loads(event.payload.fields) for event in told] == [known] * 2


@pytest.mark.django_db
def test_an_address_whose_event_fails_is_neither_registered_nor_removed() -> None:
    domain = identity.domain()
    grace = identity.first_person()
    url = "https://hooks.example.org/x"
    with failing_append(), pytest.raises(AppendFailedError):
        webhooks.register(domain=domain, url=url, person=grace)
    assert not Webhook.objects.exists()

    webhook = webhooks.register(domain=domain, url=url, person=grace)
    with failing_append(), pytest.raises(AppendFailedError):
        webhooks.remove(webhook=webhook, person=grace)
    assert Webhook.objects.get().is_active


@pytest.fixture
def drip() -> Iterator[Drip]:
    with Drip() as server:
        yield server


@pytest.mark.usefixtures("private_allowed")
@pytest.mark.parametrize(
    "piece",
    [b"", b"x", b"HTTP/1.1 100 Continue\r\n\r\n"],
    ids=["nothing", "one byte at a time", "interim answers"],
)
def test_a_server_that_drips_is_left_at_the_deadline(
    drip: Drip, piece: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "MOST_SECONDS", 0.6)
    drip.piece, drip.pause = piece, 0.05
    began = time.monotonic()

    with pytest.raises(webhooks.NotSentError, match="Timeout"):
        webhooks.post(url=drip.url, secret="s", body={})

    assert 0.5 < time.monotonic() - began < 30


@pytest.mark.usefixtures("private_allowed")
@pytest.mark.parametrize("piece", [b"x" * 1024, b"HTTP/1.1 100 Continue\r\n\r\n" * 40])
def test_an_answer_without_end_is_read_so_far_and_no_further(drip: Drip, piece: bytes) -> None:
    drip.piece, drip.pause = piece, 0

    with pytest.raises(webhooks.NotSentError):
        webhooks.post(url=drip.url, secret="s", body={})

    assert drip.sent < 20_000_000


@pytest.mark.usefixtures("private_allowed")
def test_tls_that_drips_is_left_at_the_deadline(
    drip: Drip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "MOST_SECONDS", 0.6)
    drip.start, drip.piece, drip.pause = b"\x16\x03\x03\x40\x00", b"x", 0.05
    began = time.monotonic()

    with pytest.raises(webhooks.NotSentError, match="Timeout"):
        webhooks.post(url=drip.url.replace("http:", "https:"), secret="s", body={})

    assert time.monotonic() - began < 30
