"""Judge: asks the service itself whether what the evidence asked for was done. It was no party."""

import json
import sys
from typing import Any

from evidence import TURNED_AWAY, UnreadableError, seen
from findings import answer, refuse


def main() -> None:
    """Say whether the criterion holds, and why."""
    asked = json.load(sys.stdin)
    before = asked["task"]["results"].get("diagnose", {}).get("output", {})
    try:
        now = seen(asked["inputs"]["service"])
    except UnreadableError as error:
        refuse("service_unreadable", str(error))
        return
    left = missing(before, now, asked["task"]["results"])
    reason = f"Not done: {', '.join(left)}." if left else "The service shows all of it."
    answer({"output": {"met": bool(before) and not left, "reason": reason}})


def missing(before: dict[str, Any], now: dict[str, Any], results: dict[str, Any]) -> list[str]:
    """Return what the service does not show although the evidence asks for it."""
    kinds = {one["kind"] for one in before.get("suspects", [])}
    kept = results.get("preserve", {}).get("output", {}).get("sha256")
    holds = {
        "evidence": not kinds & {"leak", "flood"} or bool(kept),
        "isolation": not kinds & {"leak", "flood"} or now["answers"] == TURNED_AWAY,
        "rotation": "leak" not in kinds or now["accounts"] != before["accounts"],
        "explanation": "slow" not in kinds
        or bool(kinds & {"leak", "flood"})
        or "explain" in results,
    }
    return [name for name, done in holds.items() if not done]


if __name__ == "__main__":
    main()
