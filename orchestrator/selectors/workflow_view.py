"""What the workflow pages show, as frozen values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class WorkflowStepRow:
    """One step of the file. `agent` is the registered agent's name, `ref` its slug@version.

    A block has a `pattern`, and names everybody who may work in it.
    """

    id: str
    pattern: str
    agent: str
    ref: str
    needs: Sequence[str]
    checkpoints: Sequence[str]
    risk: str


@dataclass(frozen=True, slots=True)
class WorkflowRow:
    """One version of a workflow in the list."""

    id: UUID
    name: str
    version: str
    description: str
    git_commit: str
    digest: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class WorkflowPage:
    """A page of workflow versions, newest first. `next` is a cursor, or empty."""

    rows: Sequence[WorkflowRow]
    next: str


@dataclass(frozen=True, slots=True)
class WorkflowView:
    """One version with what its start form is generated from: `inputs` is a JSON Schema."""

    id: UUID
    domain_id: UUID
    name: str
    version: str
    description: str
    git_commit: str
    digest: str
    created_at: datetime
    source: str
    inputs: Mapping[str, Any]
    success: Sequence[str]
    deadline: str
    steps: Sequence[WorkflowStepRow]
