"""A run straight from a file of this machine: the workflow and the run come to be together."""

import uuid
from collections.abc import Mapping
from pathlib import Path

from audit.services.events import recording
from audit.types import Actor
from governance.models import Person
from governance.selectors import people
from orchestrator.models import Run
from orchestrator.services import runs, workflow_files, workflows
from orchestrator.workflow.inputs import from_text, paths_in
from orchestrator.workflow.loading import parse


def launch(*, path: Path, texts: Mapping[str, str], initiator: Person) -> Run:
    """Save the workflow in the file and start a run of it in the initiator's domain.

    A relative path among the inputs is meant from here. Raises WorkflowFileError or Refusal, and
    then neither the workflow nor the run was created.
    """
    file = workflow_files.read(path)
    schema = parse(file.text, file.name).inputs
    inputs = from_text(schema, texts)
    for name in paths_in(schema) & texts.keys():
        inputs[name] = str(Path(texts[name]).expanduser().resolve())
    domain = people.domain_for(initiator)
    people.require(initiator, domain, "operate_runs")
    with recording():
        workflow = workflows.save(
            domain=domain,
            text=file.text,
            filename=file.name,
            git_commit=file.git_commit,
            actor=Actor.person(initiator.pk),
        )
        return runs.start(
            workflow=workflow, initiator=initiator, inputs=inputs, dedupe_key=uuid.uuid4().hex
        )
