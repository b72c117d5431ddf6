"""Expert of an incident: `expert.py diagnostics|security|performance` talks, proposes and votes.

It knows the evidence alone, and proposes only against what its own field sees in it.
"""

import json
import sys
from typing import Any

from findings import answer

PLANS = {
    "leak": ["preserve", "isolate", "rotate"],
    "flood": ["preserve", "isolate"],
    "slow": ["preserve"],
}
FIELDS = {"diagnostics": (), "security": ("leak", "flood"), "performance": ("slow",)}
GRAVEST_FIRST = ("leak", "flood", "slow")


def main() -> None:
    """Take the turn or the vote that is asked for."""
    asked = json.load(sys.stdin)
    task, suspects = asked["task"], asked["inputs"]["seen"]["suspects"]
    if "kind" not in task["answer"]["properties"]:
        answer({"output": vote(task["proposals"])})
    else:
        answer({"output": turn(sys.argv[1], suspects, task)})


def turn(expert: str, suspects: list[dict[str, Any]], task: dict[str, Any]) -> dict[str, Any]:
    """Propose against the gravest of one's field, once; else show what there is."""
    mine = [one for one in suspects if one["kind"] in FIELDS[expert]]
    known = {data["data"]["kind"] for data in task["proposals"].values()}
    new = [one for one in sorted(mine, key=_gravity) if one["kind"] not in known]
    if new:
        actions = PLANS[new[0]["kind"]]
        data = {**new[0], "actions": actions}
        text = f"{new[0]['why']}. Do: {', '.join(actions)}."
        return {"kind": "proposal", "text": text, "data": data}
    seen = "; ".join(one["why"] for one in suspects)
    return {"kind": "evidence", "text": f"Turn {task['turn']}, {expert}: the log shows {seen}."}


def vote(proposals: dict[str, Any]) -> dict[str, Any]:
    """Vote for the plan against the gravest; abstain while there is none."""
    if not proposals:
        return {"abstain": True, "reason": "Nothing is proposed yet."}
    best = min(sorted(proposals), key=lambda name: _gravity(proposals[name]["data"]))
    return {"vote": best, "reason": str(proposals[best]["data"]["why"])}


def _gravity(suspect: dict[str, Any]) -> int:
    return GRAVEST_FIRST.index(suspect["kind"])


if __name__ == "__main__":
    main()
