"""From the text of a workflow file to a checked definition."""

from collections.abc import Iterable

from orchestrator.workflow.checks.registry import problems_of_meaning, warnings_of
from orchestrator.workflow.definition import Definition, from_plain
from orchestrator.workflow.problems import Problem, WorkflowFileError
from orchestrator.workflow.shape import problems_of_shape
from orchestrator.workflow.source import Place, read


def parse(text: str, filename: str) -> Definition:
    """Return the definition in `text`; raises WorkflowFileError with every problem found.

    Meaning is judged only once the shape is right, so that no complaint is a consequence of
    another.
    """
    source = read(text, filename)
    problems = problems_of_shape(source) or problems_of_meaning(source)
    if problems:
        raise WorkflowFileError(problems)
    return from_plain(source.value)


def warnings_in(text: str, filename: str) -> list[Problem]:
    """Return what could be simpler in a file that `parse` accepts, in the order of the file."""
    found = warnings_of(read(text, filename)).values()
    return sorted(problem for problems in found for problem in problems)


def refused_at(text: str, filename: str, found: Iterable[tuple[Place, str]]) -> WorkflowFileError:
    """Return what was found wrong with a good file later on, at the lines that it is about."""
    source = read(text, filename)
    return WorkflowFileError(sorted(source.problem(place, message) for place, message in found))
