"""What a reviewer is shown, as one canonical block, and the stamp that says they were shown it.

The block is rendered when the page is read and again when the review arrives: a review counts
only for what is still exactly what its reviewer saw. Reading writes nothing; what was shown
travels inside the signed stamp and is kept with the review (DESIGN settled points 3 and 4).
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.core import signing
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.canonical import digest
from governance.models import Exhibit, Gate, Person, Seat
from governance.refusals import Refusal

RENDERER = 1
SALT = "governance.presentation"
# More of one exhibit is not laid out on the page of a gate.
MOST_FINDINGS = 200


@dataclass(frozen=True, slots=True)
class Presentation:
    """One rendering of a gate. `missing` says what could not be shown in full."""

    block: Mapping[str, Any]
    digest: str
    missing: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether everything was shown; if not, nobody can approve."""
        return not self.missing


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a stamp adds to what its holder was shown; its signature was checked."""

    nonce: str
    seen_at: datetime


def present(gate: Gate, seats: Sequence[Seat], exhibits: Sequence[Exhibit]) -> Presentation:
    """Render the gate. It comes with action, tool, agent, people and verdict loaded."""
    shown = [_exhibit(exhibit, gate) for exhibit in exhibits]
    missing = tuple(
        exhibit.name
        for exhibit, entry in zip(exhibits, shown, strict=True)
        if entry["truncated"] or digest(exhibit.content) != exhibit.digest
    )
    block = _block(gate) | {
        "seats": [_seat(seat) for seat in seats],
        "exhibits": shown,
        "missing": list(missing),
    }
    return Presentation(block, digest(block), missing)


def is_stale(exhibit: Exhibit, gate: Gate) -> bool:
    """Whether an exhibit speaks about something other than what is pinned now."""
    pins = gate.action.envelope["pins"]
    return bool(exhibit.subject) and exhibit.subject not in pins.values()


def is_truncated(exhibit: Exhibit) -> bool:
    """Whether a part of the exhibit was left out where it was made, or is on the page.

    An agent's findings are only its word, and the rest of them is one click away; what the
    control plane computed must be on the page whole, or nobody can approve.
    """
    findings = exhibit.content.get("findings")
    many = isinstance(findings, list) and len(findings) > MOST_FINDINGS
    return bool(exhibit.content.get("truncated")) or (exhibit.trust == "tool" and many)


def stamp(gate: Gate, person: Person, presentation: Presentation) -> str:
    """Sign that this person was shown this rendering of the gate now."""
    said = {"n": secrets.token_hex(16), "t": timezone.now().isoformat()}
    return _signer().sign_object({**_bound(gate, person, presentation), **said})


def read_stamp(text: str, gate: Gate, person: Person, presentation: Presentation) -> Stamp:
    """Check that the person was shown exactly this; raises Refusal (412) otherwise."""
    try:
        said = _signer().unsign_object(text)
    except (signing.BadSignature, ValueError) as error:
        raise _stale() from error
    nonce, seen_at = said.pop("n"), datetime.fromisoformat(said.pop("t"))
    if said != _bound(gate, person, presentation):
        raise _stale()
    return Stamp(nonce, seen_at)


def statement_of(
    *, gate: Gate, verb: str, person: Person, presentation: Presentation, stamp: Stamp
) -> dict[str, Any]:
    """Return what the reviewer agrees to; its SHA-256 over RFC 8785 is what a passkey signs."""
    block = presentation.block
    return {
        "v": 1,
        "verb": verb,
        "gate": str(gate.pk),
        "epoch": gate.epoch,
        "action_digest": gate.action.digest,
        "presented_digest": presentation.digest,
        "policies": [
            {"id": policy["id"], "content_hash": policy["content_hash"]}
            for policy in gate.verdict.policies
        ],
        "obligations": gate.verdict.obligations,
        "exhibits": [
            {"id": entry["id"], "digest": entry["digest"]} for entry in block["exhibits"]
        ],
        "pins": block["pins"],
        "reviewer": str(person.pk),
        "nonce": stamp.nonce,
        "expires_at": _moment(gate.expires_at),
    }


def _block(gate: Gate) -> dict[str, Any]:
    action, verdict, tool = gate.action, gate.verdict, gate.action.tool
    return {
        "v": RENDERER,
        "gate": str(gate.pk),
        "epoch": gate.epoch,
        "domain": str(gate.domain_id),
        "sentence": gate.sentence,
        "risk": gate.risk,
        "reversibility": tool.reversibility,
        "environment": action.envelope["environment"],
        "tool": {"slug": tool.slug, "name": tool.name, "schema": tool.schema_digest},
        "arguments": action.envelope["arguments"],
        "pins": action.envelope["pins"],
        "policies": verdict.policies,
        "obligations": verdict.obligations,
        "facts": verdict.facts["context"]["facts"],
        "requester": _requester(gate),
        "compensation": action.compensation,
        "comment_required": gate.comment_required,
        "expires_at": _moment(gate.expires_at),
        "delta_of": str(gate.delta_of_id) if gate.delta_of_id else "",
        "rationale": action.rationale,
        "run": str(action.run_id or ""),
        "step": action.step_path,
        "action_digest": action.digest,
    }


def _requester(gate: Gate) -> dict[str, Any]:
    action, agent = gate.action, gate.action.agent
    return {
        "initiator": _person(action.on_behalf_of) if action.on_behalf_of else None,
        "agent": {"id": str(agent.pk), "name": agent.name, "purpose": agent.purpose},
        "owner": _person(agent.owner),
        "sponsor": _person(agent.sponsor),
    }


def _person(person: Person) -> dict[str, str]:
    return {"id": str(person.pk), "name": str(person)}


def _seat(seat: Seat) -> dict[str, Any]:
    return {
        "group": seat.group,
        "count": seat.min_count,
        "distinct_from": seat.distinct_from,
        "assurance": seat.min_assurance,
    }


def _exhibit(exhibit: Exhibit, gate: Gate) -> dict[str, Any]:
    return {
        "id": str(exhibit.pk),
        "name": exhibit.name,
        "kind": exhibit.kind,
        "trust": exhibit.trust,
        "agent": str(exhibit.agent) if exhibit.agent else "",
        "subject": exhibit.subject,
        "stale": is_stale(exhibit, gate),
        "truncated": is_truncated(exhibit),
        "digest": exhibit.digest,
    }


def _signer() -> signing.Signer:
    return signing.Signer(salt=SALT)


def _bound(gate: Gate, person: Person, presentation: Presentation) -> dict[str, Any]:
    return {
        "g": str(gate.pk),
        "e": gate.epoch,
        "a": gate.action.digest,
        "r": str(person.pk),
        "p": presentation.digest,
    }


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _stale() -> Refusal:
    detail = _("What you were shown is not what stands here now; read it again before deciding.")
    return Refusal("stale_presentation", detail, status=412)
