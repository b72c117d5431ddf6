"""Ed25519 signatures (RFC 8032) over RFC 8785 bytes, by the `cryptography` library.

Every statement that is signed names its `kind`, so that none can be taken for another.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from audit.canonical import canonical_bytes


def new_private() -> bytes:
    """Return a new private key, 32 raw bytes."""
    return Ed25519PrivateKey.generate().private_bytes_raw()


def public_of(private: bytes) -> str:
    """Return the public key of a private one, in base64."""
    key = Ed25519PrivateKey.from_private_bytes(private).public_key()
    return base64.b64encode(key.public_bytes_raw()).decode()


def signature_of(private: bytes, statement: Mapping[str, Any]) -> str:
    """Return the signature over a statement, in base64."""
    key = Ed25519PrivateKey.from_private_bytes(private)
    return base64.b64encode(key.sign(canonical_bytes(dict(statement)))).decode()


def is_signed(public: str, statement: Mapping[str, Any], signature: str) -> bool:
    """Whether this key signed exactly this statement; anything malformed did not."""
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public, validate=True))
        signed = base64.b64decode(signature, validate=True)
        key.verify(signed, canonical_bytes(dict(statement)))
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True
