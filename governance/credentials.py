"""Secrets that people and agents carry: how they are made, written and remembered."""

import hashlib
import secrets
import uuid


def new_secret() -> str:
    """Return 256 bits of randomness, safe in a URL."""
    return secrets.token_urlsafe(32)


def fingerprint(secret: str) -> str:
    """Return what is stored of a secret. Plain SHA-256: a random 256-bit secret needs no salt."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def token_text(kind: str, token_id: uuid.UUID) -> str:
    """Write a new token as `cs_<kind>_<id>_<secret>`, which secret scanners can recognise."""
    return f"cs_{kind}_{token_id.hex}_{new_secret()}"


def token_id_in(text: str) -> uuid.UUID | None:
    """Return the id inside a token's text, or None when the text is not a token."""
    parts = text.split("_", 3)
    if len(parts) != 4 or parts[0] != "cs":  # noqa: PLR2004 - the four fields of the format
        return None
    try:
        return uuid.UUID(hex=parts[2])
    except ValueError:
        return None
