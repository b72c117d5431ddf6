"""`python -m tests.orchestrator.kill.soak --points 100 --seed 1`: many kills, one line each."""

import os
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path

TEST = "test_points.py::test_many_seeded_points_over_all_cells"


def main() -> int:
    """Run the soak in a test's own house, and return the exit code of the test."""
    parser = ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--points", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--postgres", action="store_true")
    chosen = parser.parse_args()
    words = [sys.executable, "-m", "pytest", "-q", "-s", "--slow", "-p", "no:randomly"]
    words += ["--postgres"] if chosen.postgres else []
    soak = {"SOAK_POINTS": str(chosen.points), "SOAK_SEED": str(chosen.seed)}
    where = Path(__file__).with_name("test_points.py").parent / TEST
    return subprocess.run([*words, str(where)], env=os.environ | soak, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
