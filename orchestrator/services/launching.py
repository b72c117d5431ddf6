"""A run straight from a file of this machine: the workflow and the run come to be together."""

import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from audit.services.events import recording
from audit.types import Actor
from governance.models import Domain, Person
from governance.refusals import Refusal
from governance.selectors import people
from orchestrator.models import Run
from orchestrator.services import runs, workflow_files, workflows
from orchestrator.services.briefs import NOTHING, Brief
from orchestrator.services.workflow_files import WorkflowFile
from orchestrator.workflow.inputs import from_text, paths_in
from orchestrator.workflow.loading import parse, refused_at
from orchestrator.workflow.pointers import unescaped
from orchestrator.workflow.source import Place

CONSOLE = Actor.system("console")


def launch(
    *,
    path: Path,
    texts: Mapping[str, str],
    initiator: Person,
    domain_slug: str = "",
    brief: Brief = NOTHING,
) -> Run:
    """Save the workflow in the file and start a run of it on the initiator's behalf.

    Who can call this on the machine could change the database anyway, so no permission is asked
    for. A relative path among the inputs is meant from here. Raises WorkflowFileError or Refusal,
    and then neither the workflow nor the run was created.
    """
    file = workflow_files.read(path)
    schema = parse(file.text, file.name).inputs
    inputs = from_text(schema, texts)
    for name in paths_in(schema) & texts.keys():
        inputs[name] = str(Path(texts[name]).expanduser().resolve())
    domain = _domain(initiator, domain_slug)
    try:
        return _launched(file, inputs, initiator, domain, brief)
    except Refusal as refusal:
        found = list(_places(refusal))
        if not found:
            raise
        raise refused_at(file.text, file.name, found) from None


def _launched(
    file: WorkflowFile,
    inputs: Mapping[str, Any],
    initiator: Person,
    domain: Domain,
    brief: Brief,
) -> Run:
    with recording():
        workflow = workflows.save(
            domain=domain,
            text=file.text,
            filename=file.name,
            git_commit=file.git_commit,
            actor=CONSOLE,
        )
        return runs.start(
            workflow=workflow,
            initiator=initiator,
            inputs=inputs,
            dedupe_key=uuid.uuid4().hex,
            brief=brief,
            actor=CONSOLE,
        )


def _places(refusal: Refusal) -> Iterator[tuple[Place, str]]:
    """Yield where the file declares a refused run's agents and inputs, and what is wrong."""
    for error in refusal.extra.get("errors", ()):
        parts = [unescaped(part) for part in error["pointer"].split("/")[1:]]
        if refusal.code == "no_agent":
            yield tuple(parts), _("nobody can fill the slot: %(why)s") % {"why": error["detail"]}
        elif refusal.code == "unfit_workflow":
            yield tuple(parts), error["detail"]
        elif refusal.code == "unknown_agent":
            message = _("no active agent is registered as %(ref)s") % {"ref": error["detail"]}
            yield tuple(parts), message
        elif refusal.code == "contract":
            yield tuple(parts), error["detail"]
        elif refusal.code == "invalid_inputs":
            named = _("input %(name)s: ") % {"name": ".".join(parts)} if parts else ""
            yield ("inputs", "properties", *parts), f"{named}{error['detail']}"


def _domain(initiator: Person, slug: str) -> Domain:
    """Return the domain that is named, or the initiator's, or the only one there is."""
    if slug:
        named = Domain.objects.filter(slug=slug)
    else:
        own = people.find_domain(initiator)
        named = Domain.objects.filter(pk=own.pk) if own else Domain.objects.all()
    found = list(named[:2])
    if len(found) != 1:
        detail = _("Say in which domain the run is to be: --domain SLUG.")
        raise Refusal("which_domain", detail, status=422)
    return found[0]
