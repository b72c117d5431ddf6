"""Adviser: says of the worst findings what to do about them, by rules instead of a model."""

import json
import sys
from typing import Any

from detectors import DETECTORS
from findings import answer

REVOKE = "Revoke it where it was issued, then take it out of the file and out of the history."
ADVICE = {
    **{detector.rule: REVOKE for detector in DETECTORS},
    "B105": "Read it from the environment or from a store of secrets.",
    "B106": "Read it from the environment or from a store of secrets.",
    "B107": "Read it from the environment or from a store of secrets.",
    "B301": "Read data in a format that cannot run anything, such as JSON.",
    "B324": "Use SHA-256, or say usedforsecurity=False where it guards nothing.",
    "B501": "Verify certificates; add your own authority instead of trusting everybody.",
    "B602": "Give a list of arguments and no shell.",
    "B608": "Give values as parameters instead of writing them into the statement.",
    "not-checked": "Look at the file yourself, or make it one that can be read.",
}
OTHERWISE = "Read the line, and either mend it or write down beside it why it is safe."


def main() -> None:
    """Answer with one piece of advice for each finding that was handed in."""
    found: list[dict[str, Any]] = json.load(sys.stdin)["inputs"]["findings"]
    advice = [
        {
            "file": each["file"],
            "line": each["line"],
            "rule": each["rule"],
            "text": ADVICE.get(each["rule"], OTHERWISE),
        }
        for each in found
    ]
    answer({"output": {"advice": advice}})


if __name__ == "__main__":
    main()
