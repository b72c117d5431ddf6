"""bandit over Python files that were copied out of a repository."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from repository import Unusable

SECONDS = 240
QUOTED = re.compile(r"'.*'", re.DOTALL)
# bandit's checks for passwords in code quote them in their message.
TELLS_SECRETS = ("B105", "B106", "B107")


@dataclass(frozen=True)
class Hole:
    """What bandit says about a line. `severity` and `confidence` are its own words.

    One whose `rule` is not-checked is about a file that bandit cannot read.
    """

    file: str
    line: int
    rule: str
    severity: str
    confidence: str
    message: str

    @property
    def is_certain(self) -> bool:
        return (self.severity, self.confidence) == ("HIGH", "HIGH")


def holes_in(folder: Path, names: dict[str, str]) -> Iterator[Hole]:
    """Yield what bandit finds below `folder`; `names` says what its files are really called."""
    # -I keeps modules that lie about in the working directory from being imported.
    command = [sys.executable, "-I", "-m", "bandit", "--quiet", "--recursive", "--ignore-nosec"]
    done = subprocess.run(
        [*command, "--format=json", "--exit-zero", str(folder)],
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode:
        raise Unusable(f"bandit failed: {done.stderr.decode(errors='replace')}")
    report = json.loads(done.stdout)
    for each in report["errors"]:
        yield Hole(names[each["filename"]], 0, "not-checked", "", "", each["reason"])
    for result in report["results"]:
        rule, message = result["test_id"], result["issue_text"]
        if rule in TELLS_SECRETS:
            message = QUOTED.sub("(not shown)", message)
        yield Hole(
            file=names[result["filename"]],
            line=result["line_number"],
            rule=rule,
            severity=result["issue_severity"],
            confidence=result["issue_confidence"],
            message=message,
        )
