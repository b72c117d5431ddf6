"""Commander: plans by the evidence. It begins with a look, and pulls in whoever that asks for."""

import json
import sys
from typing import Any

from findings import answer

LOOK = "Say what is out of order"
ANSWERS = {
    "leak": ("security", ("preserve", "isolate", "rotate")),
    "flood": ("security", ("preserve", "isolate")),
    "slow": ("performance", ("explain",)),
}
GOALS = {
    "preserve": "Keep the log as it is now",
    "isolate": "Let the service turn everybody away",
    "rotate": "End the credential that is abused",
    "explain": "Say which answers are slow",
}
CALM = "Nothing is wrong."
RISKS = {"isolate": "high", "rotate": "high"}


def main() -> None:
    """Write the plan, or the progress that was made on it."""
    task = json.load(sys.stdin)["task"]
    is_planning = "is_request_satisfied" not in task["answer"]["properties"]
    answer({"output": planned(task) if is_planning else progress(task)})


def planned(task: dict[str, Any]) -> dict[str, Any]:
    """Return the first plan: look. A plan after a stall asks for another look."""
    team = [{"agent": "diagnostics", "why": "Somebody has to look first."}]
    plan = {"team": team, "plan": [_item("diagnose", "diagnostics", LOOK, [])]}
    if "replan" in task["answer"]["properties"]:
        plan["replan"] = {"reason": "Nothing moved.", "root_cause": "What was seen is too old."}
    return plan


def progress(task: dict[str, Any]) -> dict[str, Any]:
    """Return what is done, and what is next."""
    items = {item["id"] for item in task["plan"]["plan"]}
    looked = task["results"].get("diagnose", {}).get("output", {})
    found = gravest(looked.get("suspects", []))
    wanted = ANSWERS[found["kind"]] if found else ("", ())
    missing = [name for name in wanted[1] if name not in items]
    left = [name for name in task["ready"] if name not in task["done"]]
    failed = [one for one in task["results"].values() if one["state"] != "succeeded"]
    due = (missing or left)[:1]
    over = bool(looked) and not missing and not left and items <= set(task["done"])
    told: dict[str, Any] = {
        "is_request_satisfied": {"answer": over, "reason": found["why"] if found else CALM},
        "is_in_loop": {
            "answer": False,
            "reason": f"{len(task['done'])} of {len(items)} are done.",
        },
        "is_progress_being_made": {
            "answer": not failed,
            "reason": f"{len(failed)} orders failed.",
        },
        "next": [{"item": name, "instruction": GOALS.get(name, LOOK)} for name in due],
    }
    if missing and found:
        told["amend"] = amended(found, *wanted, missing)
    return told


def amended(
    found: dict[str, Any], agent: str, wanted: tuple[str, ...], missing: list[str]
) -> dict[str, Any]:
    """Pull in the agent of the field, with its orders one after the other."""
    plan = []
    for name in missing:
        before = wanted[: wanted.index(name)]
        plan.append(_item(name, agent, GOALS[name], ["diagnose", *before]))
    return {"team": [{"agent": agent, "why": found["why"]}], "plan": plan}


def gravest(suspects: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return what has to be answered first."""
    order = list(ANSWERS)
    return min(suspects, key=lambda one: order.index(one["kind"]), default=None)


def _item(name: str, agent: str, goal: Any, needs: list[str]) -> dict[str, Any]:
    told = {"id": name, "agent": agent, "goal": goal, "depends_on": needs}
    return {**told, "risk": RISKS.get(name, "low"), "est_cost_micro_usd": 0}


if __name__ == "__main__":
    main()
