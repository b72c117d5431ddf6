"""What the tools of a console have in common: one service, one command, done once."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from governance.adapters import (
    EffectRefusedError,
    EffectUnknownError,
    ExhibitDraft,
    FactUnavailableError,
)
from orchestrator.runners.console.service import Service, open_service
from orchestrator.runners.git.command import GitInterruptedError, RepositoryError

PATH: Mapping[str, Any] = {
    "type": "string",
    "minLength": 1,
    "maxLength": 1000,
    "description": "Absolute path of a service's console.",
}


class ConsoleTool:
    """Finds the service that an action is about, and tells its errors as governance knows them."""

    def __init__(self, roots: Sequence[str] = ()) -> None:
        self.roots = tuple(map(Path, roots))

    def service(self, arguments: Mapping[str, Any]) -> Service:
        """Return the service; raises RepositoryError."""
        return open_service(arguments["service"], self.roots)

    def delta(
        self, arguments: Mapping[str, Any], before: Mapping[str, str], after: Mapping[str, str]
    ) -> Sequence[ExhibitDraft]:
        """Show what was approved beside what is so now."""
        told = {"approved": dict(before), "now": dict(after)}
        return [draft("The service changed since the approval", told)]


def draft(name: str, content: Mapping[str, Any]) -> ExhibitDraft:
    """Return something to show people that was computed here."""
    return ExhibitDraft(name=name, kind="data", content=content, trust="tool", subject="")


@contextmanager
def facts() -> Iterator[None]:
    """Deny where the service cannot be asked."""
    try:
        yield
    except (RepositoryError, OSError) as error:
        raise FactUnavailableError(str(error)) from error


@contextmanager
def effects() -> Iterator[None]:
    """Tell an effect that certainly did not happen from one of which nobody knows."""
    try:
        yield
    except GitInterruptedError as error:
        raise EffectUnknownError(str(error)) from error
    except RepositoryError as error:
        raise EffectRefusedError(str(error)) from error
