"""Canonical JSON (RFC 8785) and the digests taken over it. Pure."""

import hashlib
import json
from typing import Any

import rfc8785

# What JSON can say of whole numbers without losing one of them.
_MOST = 2**53 - 1
_ENCODE = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), sort_keys=True, check_circular=False
).encode


def canonical_bytes(value: Any) -> bytes:
    """Return the RFC 8785 form of `value` as UTF-8; raises ValueError on what JSON cannot say.

    That is NaN and infinity, integers beyond 2^53 - 1, keys that are no strings, lone surrogates
    and everything Python has but JSON has not.
    """
    try:
        return _ENCODE(value).encode() if _is_plain(value) else rfc8785.dumps(value)
    except rfc8785.CanonicalizationError as error:
        raise ValueError(str(error)) from error
    except UnicodeEncodeError:
        raise ValueError("the text contains non-UTF-8 codepoints") from None
    except RecursionError:
        raise ValueError("the value is nested too deeply") from None


def digest(value: Any) -> str:
    """Return the SHA-256 over the RFC 8785 form of `value`, 64 hex characters."""
    return hashlib.sha256(canonical_bytes(value)).hexdigest()


def _is_plain(value: Any) -> bool:
    """Whether Python's own encoder writes the value as RFC 8785 does: several times faster.

    It writes decimals otherwise, and sorts keys beyond ASCII otherwise.
    """
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is int:
        return bool(-_MOST <= value <= _MOST)
    if kind is dict:
        return all(type(k) is str and k.isascii() and _is_plain(v) for k, v in value.items())
    return (kind is list or kind is tuple) and all(map(_is_plain, value))
