"""Responder: proposes one action of the plan. Policy and people decide on it.

What is to be done comes from the step, or from the item of a plan.
"""

import json
import sys
from typing import Any

from findings import answer, refuse

TOOLS = {
    "preserve": "evidence.preserve",
    "isolate": "service.isolate",
    "rotate": "credential.rotate",
}


def main() -> None:
    """Propose the action with the evidence for it."""
    asked = json.load(sys.stdin)
    inputs, task = asked["inputs"], asked["task"]
    item = task.get("item", {})
    do = inputs.get("do") or item.get("id")
    seen = inputs.get("seen") or task.get("results", {}).get("diagnose", {}).get("output", {})
    suspects = seen.get("suspects", [])
    if do not in TOOLS or not suspects:
        refuse("nothing_to_do", f"There is no evidence for {do}.")
        return
    arguments = {"service": inputs["service"], **wanted(do, seen, suspects)}
    why = "; ".join(one["why"] for one in suspects)
    answer({"proposals": [{"tool": TOOLS[do], "arguments": arguments, "rationale": why}]})


def wanted(do: str, seen: dict[str, Any], suspects: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the tool wants to know besides the service."""
    if do == "preserve":
        return {"size": seen["size"]}
    if do == "rotate":
        return {"account": next(one["account"] for one in suspects if one["kind"] == "leak")}
    return {}


if __name__ == "__main__":
    main()
