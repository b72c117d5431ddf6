"""DBOS: a workflow whose steps are recorded in its system database."""

import threading
import time
import uuid

from dbos import DBOS, SetWorkflowID
from engine_figures import (
    DATABASE,
    DIRECTORY,
    OPTIONS,
    create_database,
    fan_out,
    latencies,
    postgres_url,
    steps_per_second,
    wanted,
)

begun: list[float] = []
running = threading.Event()


@DBOS.step()
def one(number: int) -> int:
    """Do nothing much."""
    return number + 1


@DBOS.step()
def go() -> None:
    """Say when the step after the decision begins."""
    begun.append(time.perf_counter())
    running.set()


@DBOS.workflow()
def chain(steps: int) -> int:
    """Take steps one after another."""
    number = 0
    for _ in range(steps):
        number = one(number)
    return number


@DBOS.workflow()
def branch(number: int) -> int:
    """Take one step of a fan."""
    return one(number)


@DBOS.workflow()
def fan(count: int) -> int:
    """Start a workflow for each branch and wait for all of them."""
    return sum(
        1
        for handle in [DBOS.start_workflow(branch, n) for n in range(count)]
        if handle.get_result()
    )


@DBOS.workflow()
def asking() -> None:
    """Wait for a person, then go on."""
    DBOS.recv("answer", timeout_seconds=60)
    go()


def decided() -> list[float]:
    """Return the times from the answer to the next step."""
    times = []
    for _ in range(OPTIONS["decisions"]):
        running.clear()
        name = uuid.uuid4().hex
        with SetWorkflowID(name):
            handle = DBOS.start_workflow(asking)
        time.sleep(0.05)
        began = time.perf_counter()
        DBOS.send(name, "yes", topic="answer")
        running.wait(60)
        times.append(begun[-1] - began)
        handle.get_result()
    return times


def main() -> None:
    """Measure."""
    if DATABASE == "sqlite":
        url = f"sqlite:///{DIRECTORY}/dbos.sqlite3"
    else:
        create_database("dbos")
        url = postgres_url("postgresql+psycopg", "dbos")
    config = {"name": "bench", "system_database_url": url, "log_level": "ERROR"}
    DBOS(config={**config, "run_admin_server": False})
    DBOS.launch()
    if wanted("sequential"):
        steps_per_second(lambda: chain(OPTIONS["steps"]))
    if wanted("fan"):
        fan_out(lambda: fan(OPTIONS["fan"]))
    if wanted("decided"):
        latencies("decided to next step (send to recv)", decided())
    DBOS.destroy()


if __name__ == "__main__":
    main()
