"""What the tools of a console have in common: one service, one command, done once."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from django.utils.functional import Promise

from governance.adapters import (
    EffectRefusedError,
    ExhibitDraft,
    Facts,
)
from orchestrator.runners.console.service import Service, open_service

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
        """Return the service; raises PlaceError."""
        return open_service(arguments["service"], self.roots)

    def delta(
        self, arguments: Mapping[str, Any], before: Mapping[str, str], after: Mapping[str, str]
    ) -> Sequence[ExhibitDraft]:
        """Show what was approved beside what is so now."""
        told = {"approved": dict(before), "now": dict(after)}
        return [draft("The service changed since the approval", told)]


class LastingTool(ConsoleTool):
    """Does what stays done: `lasting` says why there is nothing to undo it with."""

    lasting: ClassVar[Promise]

    def compensation(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str]
    ) -> Mapping[str, Any]:
        """Return nothing: whatever becomes of the run, it stays done."""
        return {}

    def compensate(
        self,
        arguments: Mapping[str, Any],
        response: Mapping[str, Any],
        *,
        effect_key: str,
        fence: int,
    ) -> Mapping[str, Any]:
        """Refuse, and say why."""
        raise EffectRefusedError(str(self.lasting))


def service_facts(service: Service, pinned: str, seen: Any) -> Facts:
    """Return what was found out about a service, named as policy knows it.

    The one thing that was seen is also what is pinned, as text.
    """
    told = seen if isinstance(seen, str) else str(seen).lower()
    return Facts(
        pins={pinned: told},
        facts={pinned: seen},
        resource_type="Service",
        resource_id=str(service.path),
        resource_attributes={"name": service.name},
    )


def draft(name: str, content: Mapping[str, Any]) -> ExhibitDraft:
    """Return something to show people that was computed here."""
    return ExhibitDraft(name=name, kind="data", content=content, trust="tool", subject="")
