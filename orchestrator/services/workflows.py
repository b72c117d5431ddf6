"""Workflow files come into the house: checked, numbered by their digest, never changed."""

import hashlib

from django.db import IntegrityError

from audit.services.events import record, recording
from audit.types import Actor, ObjectRef, StreamKey
from governance.models import Domain
from orchestrator.models import Workflow
from orchestrator.workflow.loading import parse


def save(*, domain: Domain, text: str, filename: str, git_commit: str, actor: Actor) -> Workflow:
    """Keep the workflow in `text`; the same text again is the same workflow.

    Raises WorkflowFileError with every problem, and then nothing was kept.
    """
    definition = parse(text, filename)
    digest = hashlib.sha256(text.encode()).hexdigest()
    known = Workflow.objects.filter(domain=domain, digest=digest).first()
    if known:
        return known
    try:
        with recording():
            workflow = Workflow.objects.create(
                domain=domain,
                name=definition.name,
                version=definition.version,
                description=definition.description,
                digest=digest,
                source=text,
                definition=dict(definition.plain),
                git_commit=git_commit,
            )
            _tell(workflow, actor)
    except IntegrityError:
        return Workflow.objects.get(domain=domain, digest=digest)
    return workflow


def _tell(workflow: Workflow, actor: Actor) -> None:
    record(
        stream=StreamKey("domain", str(workflow.domain_id)),
        type="workflow.saved",
        actor=actor,
        domain_id=workflow.domain_id,
        object=ObjectRef("workflow", str(workflow.pk)),
        payload={
            "name": workflow.name,
            "version": workflow.version,
            "digest": workflow.digest,
            "git_commit": workflow.git_commit,
        },
    )
