"""Tester: runs the project's own tests over exactly the commit that was built."""

import tempfile
from pathlib import Path

from baton import Result, Work, findings, hold
from testing import laid_out, outcome_of


def test(work: Work) -> Result:
    """Hand on what passes; what fails ends here, with what the tests said."""
    with tempfile.TemporaryDirectory() as made:
        outcome = outcome_of(laid_out(work.snapshot(), Path(made)))
    output = {"ran": outcome.ran, "failed": outcome.failed, "passed": outcome.passed}
    if outcome.passed:
        exhibit = findings("Tests", [], **output)
        return Result(output, "security", f"{outcome.ran} tests passed", exhibits=[exhibit])
    told = {"severity": "critical", "rule": "tests", "message": outcome.log[-4000:]}
    return Result(output, exhibits=[findings("Tests", [told], **output)])


if __name__ == "__main__":
    hold(test)
