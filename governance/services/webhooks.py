"""Where notices go outside: registering an address, and posting to it without being fooled.

The address is resolved once, every address it resolves to must be public, and the connection
goes to the one that was checked, so that a name cannot change its mind in between (DNS
rebinding). Redirects and proxies are not followed.
"""

import hashlib
import hmac
import ipaddress
import json
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpcore
import httpx
from django.conf import settings
from django.utils.translation import gettext as _

from audit.services.events import record, recording
from audit.types import Actor, ObjectRef, StreamKey
from governance.credentials import fingerprint, new_secret
from governance.models import Domain, Person, Webhook
from governance.refusals import Invalid, Refusal
from governance.selectors import people
from governance.services import outgoing

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

CONTENT_TYPE = "application/cloudevents+json"
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_URL_LENGTH = 500


class NotSentError(Exception):
    """The notice was not accepted at the other end; the text says why, for an operator."""


@dataclass(frozen=True, slots=True)
class _Target:
    url: httpx.URL
    host: str
    address: Address


def register(*, domain: Domain, url: str, person: Person) -> Webhook:
    """Add an address that gets the domain's notices, signed with its `secret`.

    Needs `manage_people`.
    """
    people.require(person, domain, "manage_people")
    _parsed(url, private=settings.WEBHOOK_ALLOW_PRIVATE)
    with recording():
        webhook = Webhook.objects.create(domain=domain, url=url, secret=new_secret())
        _record("webhook.registered", webhook, person)
    return webhook


def remove(*, webhook: Webhook, person: Person) -> None:
    """Stop sending to an address; what waits for it fails visibly."""
    people.require(person, webhook.domain, "manage_people")
    with recording():
        if Webhook.objects.filter(pk=webhook.pk, is_active=True).update(is_active=False) != 1:
            raise Refusal("webhook_removed", _("This address was removed before."))
        _record("webhook.removed", webhook, person)


def post(*, url: str, secret: str, body: Mapping[str, Any]) -> None:
    """Send one signed notice; raises NotSentError unless the other end answers 2xx.

    Network I/O: never inside a transaction. All of it together takes MOST_SECONDS, after the
    name was resolved; the answer's body is not read.
    """
    content = json.dumps(body, separators=(",", ":")).encode()
    headers = {
        "Content-Type": CONTENT_TYPE,
        "Countersign-Signature": signature(secret, content, int(time.time())),
        "User-Agent": "Countersign",
    }
    answer = send(url=url, headers=headers, content=content, seconds=outgoing.MOST_SECONDS)
    if not httpx.codes.is_success(answer.status):
        raise NotSentError(f"the address answered {answer.status}")


def send(
    *,
    url: str,
    headers: Mapping[str, str],
    content: bytes,
    seconds: float,
    private: bool | None = None,
    most_bytes: int = 0,
) -> outgoing.Answer:
    """Post to an address that may be reached and return its answer; raises NotSentError.

    The body is read when `most_bytes` says how much of it there may be. `private` lets addresses
    of private networks be reached, and without TLS; by default a setting decides.
    """
    private = settings.WEBHOOK_ALLOW_PRIVATE if private is None else private
    target = _resolved(url, private=private)
    try:
        return outgoing.post(
            url=_pinned(target),
            host=target.host,
            headers={**headers, "Host": target.url.netloc.decode("ascii")},
            content=content,
            context=httpx.create_ssl_context(trust_env=False),
            deadline=time.monotonic() + seconds,
            most_bytes=most_bytes or outgoing.MOST_BYTES,
            reads=bool(most_bytes),
        )
    except outgoing.Failures as error:
        raise NotSentError(f"{type(error).__name__}: {error}") from error


def signature(secret: str, content: bytes, moment: int) -> str:
    """Return `t=<unix seconds>,v1=<HMAC-SHA256 over "t.body">`; receivers refuse an old t."""
    signed = str(moment).encode() + b"." + content
    return f"t={moment},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


def is_public(address: Address) -> bool:
    """Whether an address is of the open Internet; an IPv4 one inside an IPv6 one is unwrapped."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast and not address.is_reserved


def _parsed(url: str, *, private: bool) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        parsed = httpx.URL("")
    schemes = {"https", "http"} if private else {"https"}
    plain = not parsed.userinfo and not parsed.fragment and len(url) <= _URL_LENGTH
    if parsed.scheme not in schemes or not parsed.host or not plain:
        raise Invalid("invalid_url", _("Give a whole https address without a user name."))
    return parsed


def _resolved(url: str, *, private: bool) -> _Target:
    parsed = _parsed(url, private=private)
    port = parsed.port or (443 if parsed.scheme == "https" else 80)
    try:
        answers = socket.getaddrinfo(parsed.host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotSentError(f"{parsed.host} cannot be resolved: {error}") from error
    addresses = [ipaddress.ip_address(str(answer[4][0]).partition("%")[0]) for answer in answers]
    refused = [address for address in addresses if not is_public(address)]
    if not addresses or (refused and not private):
        raise NotSentError(f"{parsed.host} does not lead to the open Internet")
    return _Target(parsed, parsed.host, addresses[0])


def _pinned(target: _Target) -> httpcore.URL:
    return httpcore.URL(
        scheme=target.url.raw_scheme,
        host=str(target.address).encode(),
        port=target.url.port,
        target=target.url.raw_path,
    )


def _record(type: str, webhook: Webhook, person: Person) -> None:
    record(
        stream=StreamKey("domain", str(webhook.domain_id)),
        type=type,
        actor=Actor.person(person.pk),
        domain_id=webhook.domain_id,
        object=ObjectRef("webhook", str(webhook.pk)),
        # Addresses of chat services are secrets themselves, and what is recorded stays for good.
        payload={"host": httpx.URL(webhook.url).host, "url_sha256": fingerprint(webhook.url)},
    )
