"""Observer: says what is out of order at a service, and later what of a plan was really done."""

import json
import sys
from typing import Any

from evidence import TURNED_AWAY, UnreadableError, seen
from findings import answer, refuse

GRAVITY = {"leak": "critical", "flood": "high", "slow": "medium"}


def main() -> None:
    """Look once; compare with what was seen before, if there is anything."""
    inputs = json.load(sys.stdin)["inputs"]
    try:
        now = seen(inputs["service"])
    except UnreadableError as error:
        refuse("service_unreadable", str(error))
        return
    before = inputs.get("before")
    output = {**now, "done": done(before, now)} if before else now
    answer({"output": output, "exhibits": [exhibit(now)]})


def done(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return what the service itself shows to have been done since."""
    facts = {
        "isolate": now["isolated"] and now["answers"] == TURNED_AWAY,
        "rotate": now["accounts"] != before["accounts"],
    }
    return [name for name, holds in facts.items() if holds]


def exhibit(now: dict[str, Any]) -> dict[str, Any]:
    """Return what was seen as people read it."""
    findings = [
        {
            "severity": GRAVITY[each["kind"]],
            "rule": each["kind"],
            "file": "access.log",
            "message": each["why"],
        }
        for each in now["suspects"]
    ]
    content = {"requests": now["requests"], "isolated": now["isolated"], "findings": findings}
    return {"name": "What the service shows", "kind": "findings", "content": content}


if __name__ == "__main__":
    main()
