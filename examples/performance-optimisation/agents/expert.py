"""Expert: looks at the hot functions for the one kind of waste it knows, and votes by the profile.

`expert.py algorithms|caching|files`. It proposes a change where it sees its waste, and otherwise
says that it sees none. Whatever it believes, the change is measured afterwards.
"""

import ast
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from changes import WORDS, function_in, is_pure, reads_a_file, searched_lists
from findings import answer, refuse
from project import lay_out
from repository import Unusable

LEAST_SHARE = 20
MANY = 100

Looks = Callable[[ast.FunctionDef], bool]
KNOWN: dict[str, tuple[str, int, Looks]] = {
    "algorithms": ("set", 1, lambda function: bool(searched_lists(function))),
    "caching": ("cache", MANY, is_pure),
    "files": ("read_once", MANY, reads_a_file),
}


def main() -> None:
    """Take the turn or the vote that is asked for."""
    asked = json.load(sys.stdin)
    task, inputs = asked["task"], asked["inputs"]
    if "kind" not in task["answer"]["properties"]:
        answer({"output": vote(task["proposals"])})
        return
    with tempfile.TemporaryDirectory() as made:
        try:
            folder = lay_out(inputs["repository"], Path(made).resolve())
            answer({"output": turn(sys.argv[1], folder, inputs["hottest"], task)})
        except (Unusable, OSError, SyntaxError) as error:
            refuse("not_read", str(error))


def turn(expert: str, folder: Path, hottest: list[dict[str, Any]], task: Any) -> dict[str, Any]:
    """Propose a change, once; else say what was looked at."""
    kind, calls, looks = KNOWN[expert]
    often = [one for one in hottest if one["calls"] >= calls and one["share"] >= LEAST_SHARE]
    hot = next((one for one in often if _is_waste(folder, one, looks)), None)
    known = [one["data"] for one in task["proposals"].values()]
    if hot is None or any(data.get("kind") == kind for data in known):
        seen = ", ".join(f"{one['function']} ({one['share']} %)" for one in hottest[:3])
        text = f"Turn {task['turn']}: nothing new for {expert} in {seen}."
        return {"kind": "message", "text": text}
    data = {"kind": kind, **{key: hot[key] for key in ("file", "function", "share", "calls")}}
    text = f"In {hot['function']} ({hot['share']} % of the time): {WORDS[kind]}."
    return {"kind": "proposal", "text": text, "data": data}


def _is_waste(folder: Path, hot: dict[str, Any], looks: Looks) -> bool:
    function = function_in((folder / hot["file"]).read_text(), hot["function"])
    return function is not None and looks(function)


def vote(proposals: dict[str, Any]) -> dict[str, Any]:
    """Vote for the proposal about the most time; abstain when there is none."""
    if not proposals:
        return {"abstain": True, "reason": "There is nothing to vote on."}
    best = max(sorted(proposals), key=lambda name: proposals[name]["data"].get("share", 0))
    return {"vote": best, "reason": f"{proposals[best]['data'].get('share', 0)} % of the time"}


if __name__ == "__main__":
    main()
