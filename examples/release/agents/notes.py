"""Writer: release notes from what is new in production, by rules instead of a model."""

import json
import re
import sys

from findings import answer

ISSUE = re.compile(r"\s*\(#\d+\)$")


def main() -> None:
    """Answer with a heading and one line for each commit."""
    inputs = json.load(sys.stdin)["inputs"]
    lines = [f"- {ISSUE.sub('', subject)}" for subject in inputs["changes"]]
    text = "\n".join([f"# {inputs['version']}", "", *(lines or ["- Nothing that shows."])])
    answer({"output": {"notes": text}})


if __name__ == "__main__":
    main()
