"""The ledger, with something wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from governance.adapters import EffectRefusedError, EffectUnknownError
from tests.factories.governance import LedgerAppend


class WorkerDiedError(BaseException):
    """Stands for SIGKILL: nothing of the worker runs after it."""


@dataclass
class BrokenLedger(LedgerAppend):
    """Counts its calls, and fails in the way a test asks for."""

    effect_class: str = "probe"
    doubts: bool = False
    dies_before: bool = False
    dies_after: bool = False
    undo_refuses: set[str] = field(default_factory=set)
    undo_dies: str = ""
    safe_if_absent: bool = False
    calls: int = 0
    undone: list[str] = field(default_factory=list)

    def compensation(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str]
    ) -> Mapping[str, Any]:
        described = super().compensation(arguments, pins)
        return {**described, **({"safe_if_absent": True} if self.safe_if_absent else {})}

    def perform(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str], **keys: Any
    ) -> Mapping[str, Any]:
        self.calls += 1
        if self.dies_before:
            raise WorkerDiedError
        done = super().perform(arguments, pins, **keys)
        if self.doubts:
            raise EffectUnknownError("the line went dead")
        if self.dies_after:
            raise WorkerDiedError
        return done

    def compensate(
        self, arguments: Mapping[str, Any], response: Mapping[str, Any], **keys: Any
    ) -> Mapping[str, Any]:
        name = Path(arguments["ledger"]).name
        self.undone.append(name)
        if name in self.undo_refuses:
            raise EffectRefusedError("the ledger is locked")
        done = super().compensate(arguments, response, **keys)
        if self.undo_dies == name:
            raise WorkerDiedError
        return done
