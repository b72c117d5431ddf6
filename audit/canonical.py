"""Canonical JSON (RFC 8785) and the digests taken over it. Pure."""

import hashlib
from typing import Any

import rfc8785


def canonical_bytes(value: Any) -> bytes:
    """Return the RFC 8785 form of `value` as UTF-8; raises ValueError on what JSON cannot say.

    That is NaN and infinity, integers beyond 2^53 - 1, keys that are no strings, lone surrogates
    and everything Python has but JSON has not.
    """
    try:
        return rfc8785.dumps(value)
    except rfc8785.CanonicalizationError as error:
        raise ValueError(str(error)) from error
    except RecursionError:
        raise ValueError("the value is nested too deeply") from None


def digest(value: Any) -> str:
    """Return the SHA-256 over the RFC 8785 form of `value`, 64 hex characters."""
    return hashlib.sha256(canonical_bytes(value)).hexdigest()
