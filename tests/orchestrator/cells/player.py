"""The agent of these tests: it answers whatever a pattern asks, and always the same.

As a program it reads a request from standard input like every agent. Given a step's place and a
ledger, it proposes at that step to append a line there.
"""

import json
import sys
from collections.abc import Collection, Mapping
from typing import Any


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the output of a turn, by its place and by the shape of the question."""
    task = request["task"]
    if {"announcement", "award", "election"} & set(task):
        return _dealt(request["agent"], task)
    name, _, iteration = request["step"].removesuffix("/turn").rpartition("/")[2].partition("#")
    if name == "plan":
        return _planned()
    if name == "progress":
        return _judged(is_satisfied=bool(iteration))
    agent = request["agent"].partition("-")[0]
    wanted = task.get("answer", {}).get("properties", {})
    if "participant" in task:
        return _talked(agent, task, wanted)
    if "holder" in task:
        return _worked(agent, wanted)
    return {"by": agent, **request["inputs"], "seen": sorted(_seen(request))}


def _dealt(agent: str, task: Mapping[str, Any]) -> dict[str, Any]:
    """Bid so that different peers win different steps, vote for the first, accept every award."""
    if "election" in task:
        return {"vote": task["election"]["bids"][0]["bidder"]}
    if "award" in task:
        return {"accept": True}
    price = len(f"{agent}{task['announcement']['id']}") % 2 + (agent[-1] > "a")
    return {"price_micro_usd": 1000 * price, "eta_s": 60, "confidence": 0.5}


def _talked(agent: str, task: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    if "vote" in wanted:
        return {"vote": min(task["proposals"]) if task["proposals"] else "abstain"}
    kind = "evidence" if task["proposals"] else "proposal"
    return {"kind": kind, "text": f"{agent} at turn {task['turn']}"}


def _worked(agent: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    if "handoff" not in wanted:
        return {"shipped": True}
    to = wanted["handoff"]["properties"]["to"]["enum"][0]
    return {"passed": True, "handoff": {"to": to, "reason": "my part is done", "task": "go on"}}


def _planned() -> dict[str, Any]:
    item = {"id": "mend", "agent": "bob", "goal": "mend it", "depends_on": [], "risk": "low"}
    team = [{"agent": name, "why": "it is at hand"} for name in ("bob", "cid")]
    return {"team": team, "plan": [{**item, "est_cost_micro_usd": 1000}]}


def _judged(*, is_satisfied: bool) -> dict[str, Any]:
    def claim(*, answer: bool) -> dict[str, Any]:
        return {"answer": answer, "reason": "so it is"}

    return {
        "is_request_satisfied": claim(answer=is_satisfied),
        "is_in_loop": claim(answer=False),
        "is_progress_being_made": claim(answer=True),
        "next": [] if is_satisfied else [{"item": "mend", "instruction": "mend it"}],
    }


def _seen(request: Mapping[str, Any]) -> Mapping[str, Any]:
    steps: Mapping[str, Any] = request["context"]["steps"]
    return steps


def proposals(
    request: Mapping[str, Any], places: Collection[str], ledger: str | None
) -> list[dict[str, Any]]:
    """Return the line to append, at the steps where it is, whoever came to do them."""
    return [
        {"tool": "ledger.append", "arguments": {"ledger": ledger, "line": place}}
        for place in places
        if request["step"] in {place, f"{place}/turn"}
    ]


if __name__ == "__main__":
    given = json.load(sys.stdin)
    asked = proposals(given, sys.argv[1:-1], sys.argv[-1])
    print(json.dumps({"output": answer(given), "proposals": asked}))  # noqa: T201 - its answer
