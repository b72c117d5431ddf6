"""What an event's hash covers, and how it is computed. Pure, so that anyone can recompute it."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from audit import merkle
from audit.canonical import canonical_bytes
from audit.types import Actor, ObjectRef

ENVELOPE_VERSION = 1
# Canonical JSON of one payload, in bytes. Larger things are exhibits; an event names their digest.
PAYLOAD_LIMIT = 262_144


def seal(
    *,
    stream: str,
    seq: int,
    prev: str,
    type: str,
    time: datetime,
    domain: str,
    actor: Actor,
    object: ObjectRef,
    commit: str,
) -> dict[str, Any]:
    """Return the envelope: opaque ids, the place in the stream and the payload's commitment."""
    return {
        "v": ENVELOPE_VERSION,
        "stream": stream,
        "seq": seq,
        "prev": prev,
        "type": type,
        "time": timestamp(time),
        "domain": domain,
        "actor": {"kind": actor.kind, "id": actor.id},
        "object": {"kind": object.kind, "id": object.id},
        "payload": {"commit": commit},
    }


def leaf(text: str) -> str:
    """Return the hash of an envelope's canonical text: its RFC 6962 leaf, 64 hex characters."""
    return merkle.leaf_hash(text.encode()).hex()


def commitment(fields: Mapping[str, Any], salts: Mapping[str, str]) -> str:
    """Return the Merkle root (RFC 6962) over the salted payload fields, 64 hex characters.

    Each field is a leaf of its own, so one can be disclosed or erased without the others; the
    salt keeps a guessable value from being guessed. Raises KeyError when the names differ.
    """
    if fields.keys() != salts.keys():
        raise KeyError("a field has no salt, or a salt no field")
    leaves = [merkle.leaf_hash(canonical_bytes([salts[n], n, v])) for n, v in fields.items()]
    return merkle.root(sorted(leaves)).hex()


def storable(payload: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the payload's canonical text and what any reader will load from it.

    Raises ValueError, saying why, for what cannot be read back as the same JSON (RFC 8785 has
    only IEEE 754 doubles, so a number beyond 2^53 - 1 belongs in a string) or is too large.
    """
    text = canonical_bytes(dict(payload))
    if len(text) > PAYLOAD_LIMIT:
        raise ValueError(f"the payload has {len(text)} bytes, the limit is {PAYLOAD_LIMIT}")
    fields: dict[str, Any] = json.loads(text)
    canonical_bytes(fields)
    return text.decode(), fields


def timestamp(moment: datetime) -> str:
    """Return UTC with microseconds as the envelope writes it: 2026-11-20T10:00:00.000000Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
