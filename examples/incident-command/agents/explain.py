"""Profiler of answers: says which answers are slow, from the log of the service itself."""

import json
import sys

from evidence import UnreadableError, seen
from findings import answer, refuse


def main() -> None:
    """Say what is slow now."""
    inputs = json.load(sys.stdin)["inputs"]
    try:
        slow = [one for one in seen(inputs["service"])["suspects"] if one["kind"] == "slow"]
    except UnreadableError as error:
        refuse("service_unreadable", str(error))
        return
    answer({"output": {"slow": slow, "advice": "Compute the report beforehand."}})


if __name__ == "__main__":
    main()
