"""Security: bandit and named detectors of secrets over everything that would be deployed."""

from dataclasses import asdict

from baton import Result, Work, findings, hold
from scanning import SEVERITIES, scan

MOST_SHOWN = 200


def check(work: Work) -> Result:
    """Hand on what holds nothing critical."""
    found = scan(work.snapshot())
    counts = {name: sum(each.severity == name for each in found) for name in SEVERITIES}
    exhibit = findings("Security", [asdict(each) for each in found[:MOST_SHOWN]], **counts)
    to = "" if counts["critical"] else "compliance"
    return Result(counts, to, f"{len(found)} findings, none critical", exhibits=[exhibit])


if __name__ == "__main__":
    hold(check)
