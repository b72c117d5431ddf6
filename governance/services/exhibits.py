"""What is attached for reviewers, kept by digest."""

import uuid

from django.utils.translation import gettext as _

from audit.services.events import record, recording
from audit.types import Actor, ObjectRef, StreamKey
from governance.adapters import ExhibitDraft
from governance.foreign import foreign_digest
from governance.models import Agent, Domain, Exhibit
from governance.refusals import Invalid

MOST_BYTES = 2_000_000


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


def _digest(content: dict[str, object]) -> str:
    try:
        return foreign_digest(content, MOST_BYTES)
    except ValueError as error:
        detail = _("The exhibit was not kept: %(problem)s.") % {"problem": error}
        raise Invalid("invalid_exhibit", detail) from error


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
