"""The checked definition of a workflow, read once per process: a saved workflow never changes."""

from functools import lru_cache
from uuid import UUID

from orchestrator.models import Workflow
from orchestrator.workflow.definition import Definition, from_plain


@lru_cache(maxsize=128)
def definition_of(workflow_id: UUID) -> Definition:
    """Return the definition of a saved workflow."""
    return from_plain(Workflow.objects.values_list("definition", flat=True).get(pk=workflow_id))
