"""Which addresses a runner may connect to, so that no configuration turns it against the inside.

A host of the open Internet is spoken to over TLS. One of a private network, or without TLS, must
stand in COUNTERSIGN_AGENT_HOSTS, and this machine itself too unless the runner says otherwise.
"""

import ipaddress
import socket
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from governance.services.webhooks import is_public

LONGEST = 500
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class UnreachableError(Exception):
    """The address may not be connected to, or leads nowhere; the text says why."""


def fault_of(url: object, *, loopback: bool = False) -> str:
    """Return why this is no address to configure, without looking anything up, or nothing."""
    parts = _parts(url)
    if parts is None:
        return _("Give a whole http(s) address without user name, query or fragment.")
    host = parts.hostname or ""
    if parts.scheme == "https" or is_trusted(host, loopback=loopback):
        return ""
    return _("%(host)s is not reached over TLS: use https, or name it in %(setting)s.") % {
        "host": host,
        "setting": "COUNTERSIGN_AGENT_HOSTS",
    }


def check(url: str, *, loopback: bool = False) -> None:
    """Resolve the address and raise UnreachableError unless every one of it may be reached.

    Network I/O. A name that resolves otherwise a moment later gains nothing by it: whoever
    answers then has no certificate for the name.
    """
    parts = _parts(url)
    fault = fault_of(url, loopback=loopback)
    if parts is None or fault:
        raise UnreachableError(fault)
    host = parts.hostname or ""
    if is_trusted(host, loopback=loopback):
        return
    try:
        answers = socket.getaddrinfo(host, parts.port or 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UnreachableError(f"{host} cannot be resolved: {error}") from error
    addresses = {str(answer[4][0]).partition("%")[0] for answer in answers}
    if not all(is_public(ipaddress.ip_address(address)) for address in addresses):
        detail = _("%(host)s leads into a private network; name it in COUNTERSIGN_AGENT_HOSTS.")
        raise UnreachableError(detail % {"host": host})


def is_trusted(host: str, *, loopback: bool) -> bool:
    """Whether the host may be private and without TLS."""
    return host in settings.AGENT_HOSTS or (loopback and host in LOOPBACK)


def _parts(url: object) -> SplitResult | None:
    if not isinstance(url, str) or len(url) > LONGEST or not url.isprintable():
        return None
    try:
        parts = urlsplit(url)
        _port = parts.port
    except ValueError:
        return None
    plain = not (parts.username or parts.password or parts.query or parts.fragment)
    return parts if plain and parts.scheme in {"http", "https"} and parts.hostname else None
