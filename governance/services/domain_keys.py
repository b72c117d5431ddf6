"""The key a domain signs with: made once, kept encrypted, opened only to sign."""

import base64
from collections.abc import Mapping
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.encoding import force_bytes
from django.utils.translation import gettext as _

from audit.services.events import record, recording
from audit.types import Actor, ObjectRef, StreamKey
from governance import signing
from governance.models import Domain, DomainKey
from governance.refusals import Refusal

_PURPOSE = b"countersign domain keys"


def ensure(domain: Domain) -> DomainKey:
    """Return the domain's key, which is made when it is first needed."""
    known = DomainKey.objects.filter(domain=domain).first()
    if known:
        return known
    private = signing.new_private()
    fields = {"public": signing.public_of(private), "sealed": _seal().encrypt(private).decode()}
    with recording():
        key, is_new = DomainKey.objects.get_or_create(domain=domain, defaults=fields)
        if is_new:
            record(
                stream=StreamKey("domain", str(domain.pk)),
                type="domain.key_made",
                actor=Actor.system("governance"),
                domain_id=domain.pk,
                object=ObjectRef("domain", str(domain.pk)),
                payload={"public": key.public},
            )
    return key


def sign(domain: Domain, statement: Mapping[str, Any]) -> str:
    """Sign for the domain; raises Refusal when its key was sealed under another SECRET_KEY."""
    key = ensure(domain)
    try:
        private = _seal().decrypt(key.sealed.encode())
    except InvalidToken:
        detail = _(
            "The signing key of %(domain)s was sealed under another SECRET_KEY; name the old one "
            "in SECRET_KEY_FALLBACKS."
        )
        raise Refusal("key_sealed", detail % {"domain": domain}) from None
    return signing.signature_of(private, statement)


def _seal() -> MultiFernet:
    """Return what encrypts private keys: SECRET_KEY seals, its predecessors still open."""
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(_derived(secret)) for secret in secrets])


def _derived(secret: str | bytes) -> bytes:
    derivation = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=_PURPOSE)
    return base64.urlsafe_b64encode(derivation.derive(force_bytes(secret)))
