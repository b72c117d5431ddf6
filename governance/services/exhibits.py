"""What is attached for reviewers, kept by digest."""

import uuid
from collections.abc import Sequence
from typing import NoReturn

from django.db.models import Count, Sum, TextField
from django.db.models.functions import Cast, Length
from django.utils.translation import gettext as _

from audit.canonical import canonical_bytes
from audit.services.events import record, recording
from audit.types import Actor, ObjectRef, StreamKey
from governance.adapters import ExhibitDraft
from governance.foreign import foreign_digest
from governance.models import Agent, Domain, Exhibit
from governance.refusals import Invalid

MOST_BYTES = 2_000_000
# What agents may attach: people are to read it all before they decide.
TURN_EXHIBITS, TURN_BYTES = 20, 1_000_000
RUN_EXHIBITS, RUN_BYTES = 100, 5_000_000


def attach_turn(
    *,
    domain: Domain,
    run_id: uuid.UUID,
    step_path: str,
    agent: Agent,
    drafts: Sequence[ExhibitDraft],
) -> list[Exhibit]:
    """Keep all that an agent attaches in one turn, or raise `too_much_attached` and keep nothing.

    Joins the caller's recording(), which holds the run, so that two turns cannot both take the
    last room.
    """
    size = sum(len(_canonical(dict(draft.content))) for draft in drafts)
    if len(drafts) > TURN_EXHIBITS or size > TURN_BYTES:
        _too_much(_("in one turn"), TURN_EXHIBITS, TURN_BYTES)
    with recording():
        kept = [
            attach(domain=domain, run_id=run_id, step_path=step_path, agent=agent, draft=draft)
            for draft in drafts
        ]
        if kept and not _has_room(run_id):
            _too_much(_("in one run"), RUN_EXHIBITS, RUN_BYTES)
    return kept


def attach(
    *,
    domain: Domain,
    run_id: uuid.UUID | None,
    step_path: str,
    agent: Agent | None,
    draft: ExhibitDraft,
) -> Exhibit:
    """Keep an exhibit. What an agent attaches is trusted as an agent's word, whatever it says."""
    content = dict(draft.content)
    with recording():
        exhibit = Exhibit.objects.create(
            domain=domain,
            run_id=run_id,
            step_path=step_path,
            agent=agent,
            name=draft.name,
            kind=draft.kind,
            trust="agent" if agent else draft.trust,
            subject=draft.subject,
            content=content,
            digest=_digest(content),
        )
        _record(exhibit)
    return exhibit


def _has_room(run_id: uuid.UUID) -> bool:
    """Measure what the run's agents attached as the database keeps it: its JSON as text."""
    kept = Exhibit.objects.filter(run_id=run_id, agent__isnull=False)
    text = Length(Cast("content", TextField()))
    found = kept.aggregate(number=Count("pk"), size=Sum(text))
    return found["number"] <= RUN_EXHIBITS and (found["size"] or 0) <= RUN_BYTES


def _too_much(where: str, exhibits: int, size: int) -> NoReturn:
    detail = _(
        "Agents may attach %(exhibits)d exhibits of %(size)s bytes together %(where)s, and this"
        " was more; let the agent attach what people must read."
    )
    said = {"exhibits": exhibits, "size": f"{size:,}", "where": where}
    raise Invalid("too_much_attached", detail % said)


def _canonical(content: dict[str, object]) -> bytes:
    try:
        return canonical_bytes(content)
    except ValueError as error:
        raise _not_kept(error) from error


def _digest(content: dict[str, object]) -> str:
    try:
        return foreign_digest(content, MOST_BYTES)
    except ValueError as error:
        raise _not_kept(error) from error


def _not_kept(error: ValueError) -> Invalid:
    detail = _("The exhibit was not kept: %(problem)s.") % {"problem": error}
    return Invalid("invalid_exhibit", detail)


def _record(exhibit: Exhibit) -> None:
    kind, object_id = ("run", exhibit.run_id) if exhibit.run_id else ("exhibit", exhibit.pk)
    record(
        stream=StreamKey(kind, str(object_id)),
        type="exhibit.attached",
        actor=Actor.agent(exhibit.agent_id) if exhibit.agent_id else Actor.system("governance"),
        domain_id=exhibit.domain_id,
        object=ObjectRef("exhibit", str(exhibit.pk)),
        payload={
            "name": exhibit.name,
            "kind": exhibit.kind,
            "trust": exhibit.trust,
            "digest": exhibit.digest,
            "step": exhibit.step_path,
        },
    )
