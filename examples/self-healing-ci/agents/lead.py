"""Lead: the manager of the team, by rules instead of a model.

It is asked for a task ledger and then, round by round, for a progress ledger; the schemas of both
come with the task. What it claims is not believed: the file's criterion is checked by running the
tests.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any

from findings import answer

PLAN = (
    ("run_tests", "reproduce", "Run the suite at the head of the branch", ()),
    ("explain", "diagnose", "Find what the failures come from, and its remedy", ("run_tests",)),
    ("mend", "fix", "Apply the remedy if it proves to help", ("explain",)),
)
WHY = {
    "reproduce": "It sees what fails.",
    "diagnose": "It reads tracebacks.",
    "fix": "It can propose a commit.",
}


def main() -> None:
    """Answer with the ledger that is asked for."""
    task = json.load(sys.stdin)["task"]
    answer({"output": progress(task) if "round" in task else plan()})


def plan() -> dict[str, Any]:
    """Return the task ledger: all of it is of low risk, since policy judges the commit itself."""
    items = [
        {
            "id": name,
            "agent": agent,
            "goal": goal,
            "depends_on": list(before),
            "risk": "low",
            "est_cost_micro_usd": 0,
        }
        for name, agent, goal, before in PLAN
    ]
    return {"team": [{"agent": agent, "why": why} for agent, why in WHY.items()], "plan": items}


def progress(task: Mapping[str, Any]) -> dict[str, Any]:
    """Return the progress ledger: the last result says what follows."""
    last = max(task["results"].values(), key=lambda each: each["round"], default=None)
    if last is None:
        return going_on("run_tests", "Nothing is known yet.")
    if last["state"] != "succeeded":
        return stuck(f"{last['agent']} could not do its part: {last['error_code']}.")
    output = last["output"]
    if last["agent"] == "reproduce":
        return after_tests(output, task)
    if last["agent"] == "diagnose":
        is_minor = output["kind"] == "minor"
        return going_on("mend", output["reason"]) if is_minor else stuck(output["reason"])
    if not output["applied"]:
        return stuck(output["reason"])
    return going_on("run_tests", "A remedy was committed; whether it helped is to be seen.")


def after_tests(output: Mapping[str, Any], task: Mapping[str, Any]) -> dict[str, Any]:
    """Claim success when the suite passes, unless the check of that claim said otherwise."""
    denied = [each for each in task["criteria"] if not each["met"]]
    checked = [each["reason"] for each in denied if "not been checked" not in each["reason"]]
    if not output["passed"]:
        return going_on("explain", f"{output['errors']} of {output['ran']} tests fail.")
    if checked:
        return stuck(f"The suite passed here, but its check says: {checked[0]}")
    return ledger("The suite passes.", satisfied=True)


def going_on(item: str, reason: str) -> dict[str, Any]:
    """Return that there is progress, and what is next."""
    return {**ledger(reason), "next": [{"item": item, "instruction": "Do your part."}]}


def stuck(reason: str) -> dict[str, Any]:
    """Return that a person has to take over, and why."""
    return {**ledger(reason), "needs_human": claim(reason, holds=True)}


def ledger(reason: str, *, satisfied: bool = False) -> dict[str, Any]:
    """Return the claims of every progress ledger."""
    return {
        "is_request_satisfied": claim(reason, holds=satisfied),
        "is_in_loop": claim("Every result so far is a new one.", holds=False),
        "is_progress_being_made": claim(reason, holds=True),
        "next": [],
    }


def claim(reason: str, *, holds: bool) -> dict[str, Any]:
    """Return one claim with its reason."""
    return {"answer": holds, "reason": reason[:4000]}


if __name__ == "__main__":
    main()
