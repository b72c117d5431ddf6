from pathlib import Path

import pytest

from orchestrator.services import workflow_files
from orchestrator.workflow.problems import WorkflowFileError
from tests.factories import git


def test_a_committed_file_names_its_commit(tmp_path: Path) -> None:
    repository = git.repository(tmp_path / "repo", {"flow.yaml": "a: 1\n"})
    head = git.git(repository, "rev-parse", "HEAD").strip()
    file = workflow_files.read(repository / "flow.yaml")
    assert (file.text, file.git_commit) == ("a: 1\n", head)


def test_a_file_that_differs_from_its_commit_or_is_in_none_names_none(tmp_path: Path) -> None:
    repository = git.repository(tmp_path / "repo", {"flow.yaml": "a: 1\n"})
    (repository / "flow.yaml").write_text("a: 2\n")
    (repository / "new.yaml").write_text("a: 1\n")
    (tmp_path / "alone.yaml").write_text("a: 1\n")
    for path in (repository / "flow.yaml", repository / "new.yaml", tmp_path / "alone.yaml"):
        assert workflow_files.read(path).git_commit == ""


@pytest.mark.parametrize("name", ["missing.yaml", "."])
def test_what_cannot_be_read_is_said_with_its_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(WorkflowFileError, match="cannot be read"):
        workflow_files.read(tmp_path / name)
