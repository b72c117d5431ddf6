"""Workflow files on this machine: their text, and the commit they were read at."""

from dataclasses import dataclass
from pathlib import Path

from orchestrator.runners.git.bounded import RanTooLongError
from orchestrator.runners.git.command import RepositoryError, call_git
from orchestrator.workflow.problems import Problem, WorkflowFileError
from orchestrator.workflow.source import MAX_BYTES, decode


@dataclass(frozen=True, slots=True)
class WorkflowFile:
    """A file as it was read. `git_commit` is empty when it is not what that commit holds."""

    name: str
    text: str
    git_commit: str


def read(path: Path) -> WorkflowFile:
    """Return the file; raises WorkflowFileError. Of one that is too large only a part is read."""
    name = str(path)
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        why = f"the file cannot be read: {error.strerror}"
        raise WorkflowFileError([Problem(name, 1, why)]) from None
    return WorkflowFile(name, decode(raw, name), _commit_of(path.resolve(), raw))


def _commit_of(path: Path, raw: bytes) -> str:
    try:
        head = call_git("rev-parse", "--verify", "--quiet", "HEAD", cwd=path.parent)
        held = call_git(
            "cat-file", "blob", f"HEAD:./{path.name}", cwd=path.parent, limit=MAX_BYTES
        )
    except (RepositoryError, RanTooLongError):
        return ""
    same = head.code == 0 and held.code == 0 and held.out == raw
    return head.out.decode().strip() if same else ""
