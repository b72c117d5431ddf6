"""What the parts of engine.py have in common: what is asked of them, and how they say it."""

import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

OPTIONS: dict[str, Any] = json.loads(os.environ["BENCH_OPTIONS"])
DATABASE = os.environ["BENCH_DATABASE"]
DIRECTORY = os.environ["BENCH_DIR"]


def postgres_url(scheme: str, name: str) -> str:
    """Return the address of a database on the server's socket, as SQLAlchemy and libpq read it."""
    user, socket = os.environ["BENCH_USER"], os.environ["BENCH_SOCKET"]
    return f"{scheme}://{user}@/{name}?host={socket}"


def create_database(name: str) -> None:
    """Create an empty database on the server."""
    import psycopg

    with psycopg.connect(postgres_url("postgresql", "postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]  # our own name


def seconds(work: Callable[[], object]) -> float:
    """Return how long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def wanted(section: str) -> bool:
    """Whether this is to be measured."""
    return section in OPTIONS["only"]


def say(what: str, figure: str) -> None:
    """Print one line of figures."""
    print(f"  {what:<46}{figure}", flush=True)


def steps_per_second(one_run: Callable[[], object]) -> None:
    """Measure a chain of steps over the runs that are asked for, after one that warms up.

    The processor time of this process hardly depends on what else the machine does.
    """
    one_run()
    steps, busy = OPTIONS["steps"], time.process_time()
    rates = [steps / seconds(one_run) for _ in range(OPTIONS["runs"])]
    each = 1000 * (time.process_time() - busy) / (steps * len(rates))
    middle = statistics.median(rates)
    figure = f"{middle:7.0f} /s  ({min(rates):.0f} to {max(rates):.0f})"
    say("sequential steps", f"{figure}  {each:.1f} ms of processor time each")


def fan_out(fan: Callable[[], object]) -> None:
    """Measure a fan whose branches are joined once, after one that warms up."""
    fan()
    count, busy = OPTIONS["fan"], time.process_time()
    took = statistics.median(seconds(fan) for _ in range(3))
    each = 1000 * (time.process_time() - busy) / (3 * count)
    figure = f"{took:7.2f} s  ({count / took:.0f} branches/s)"
    say(f"fan-out of {count}, joined once", f"{figure}  {each:.1f} ms of processor time each")


def latencies(what: str, times: Sequence[float]) -> None:
    """Print the distribution of some times, given in seconds."""
    ordered = sorted(1000 * one for one in times)
    p50, p99 = statistics.median(ordered), ordered[int(0.99 * (len(ordered) - 1))]
    say(what, f"p50 {p50:.1f} ms  p99 {p99:.1f} ms  (n={len(ordered)})")
