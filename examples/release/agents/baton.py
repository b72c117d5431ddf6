"""What every agent of this example has in common: it takes the work, and hands it on or stops."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from findings import answer, refuse
from repository import Snapshot, Unusable, open_snapshot


@dataclass(frozen=True)
class Work:
    """The work as it came: the run's inputs, who takes it, and what goes over with it.

    `data` names the commit, its artifact and its version, once it was built.
    """

    inputs: Mapping[str, Any]
    holder: str
    data: Mapping[str, Any]

    def snapshot(self) -> Snapshot:
        """Return the repository at the commit that was built."""
        return open_snapshot(self.inputs["repository"], commit=self.data["commit"])


@dataclass(frozen=True)
class Result:
    """What a holder found. With no `to` the work ends here, and the run says why."""

    output: Mapping[str, Any]
    to: str = ""
    reason: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    exhibits: Sequence[Mapping[str, Any]] = ()
    proposals: Sequence[Mapping[str, Any]] = ()


def hold(act: Callable[[Work], Result]) -> None:
    """Take the work that standard input names, and answer with what became of it."""
    given = json.load(sys.stdin)
    envelope = given["task"].get("handoff", {})
    work = Work(given["inputs"], envelope.get("to", "build"), envelope.get("data", {}))
    try:
        result = act(work)
    except Unusable as error:
        refuse("release_unusable", str(error))
        return
    answer(
        {
            "output": {**result.output, **_end(work, result)},
            "exhibits": list(result.exhibits),
            "proposals": list(result.proposals),
        }
    )


def findings(name: str, found: Sequence[Mapping[str, Any]], **more: Any) -> dict[str, Any]:
    """Return an exhibit for the reviewers."""
    return {"name": name, "kind": "findings", "content": {**more, "findings": list(found)}}


def _end(work: Work, result: Result) -> dict[str, Any]:
    if not result.to:
        return {"done": True}
    handoff = {
        "to": result.to,
        "reason": result.reason,
        "task": f"Take the release on as {result.to}.",
        "data": {**work.data, **result.data},
    }
    return {"handoff": handoff}
