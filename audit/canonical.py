"""Canonical JSON (RFC 8785) and the digests taken over it. Pure."""

import hashlib
from typing import Any

import rfc8785


def canonical_bytes(value: Any) -> bytes:
    """Return the RFC 8785 form of `value` as UTF-8; raises ValueError on what JSON cannot say."""
    try:
        return rfc8785.dumps(value)
    except rfc8785.CanonicalizationError as error:
        raise ValueError(str(error)) from error


def digest(value: Any) -> str:
    """Return the SHA-256 over the RFC 8785 form of `value`, 64 hex characters."""
    return hashlib.sha256(canonical_bytes(value)).hexdigest()
