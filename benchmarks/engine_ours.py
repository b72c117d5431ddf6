"""Countersign: the services that a worker calls, and real prefork workers where it says so."""

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from engine_figures import (  # noqa: E402 - the path comes first
    DATABASE,
    DIRECTORY,
    OPTIONS,
    create_database,
    fan_out,
    latencies,
    say,
    seconds,
    steps_per_second,
    wanted,
)

PATIENCE = 120.0
RULE = {"require": "outputs.major == 0", "message": "Major findings.", "route": "postpone"}
POLICY = """
@id("permit.checkpoint") @tier("permit")
permit (principal, action == Countersign::Action::"checkpoint.pass", resource);

@id("gate.checkpoint") @tier("gate") @reason("checkpoint_postponed")
@quorum("1") @group("maintainers") @decide_within("PT4H") @valid_for("PT10M")
forbid (principal, action == Countersign::Action::"checkpoint.pass", resource);
"""


def main() -> None:
    """Set up a house of agents on an empty database, and measure."""
    broker = start_broker()
    try:
        load()
        measure()
    finally:
        broker.terminate()
        broker.wait()


def start_broker() -> "subprocess.Popen[bytes]":
    """Start the embedded broker, and point the environment at it and at the database."""
    from orchestrator.supervisor import valkey

    server = valkey.on_socket(Path(DIRECTORY), Path(DIRECTORY) / "valkey.log")
    process = subprocess.Popen(server.command, stdout=subprocess.DEVNULL)
    valkey.wait_until_it_answers(server.url)
    os.environ |= {
        "COUNTERSIGN_DATA_DIR": DIRECTORY,
        "REDIS_URL": server.url,
        "SECRET_KEY": "measured" * 8,
        "DJANGO_SETTINGS_MODULE": "orchestrator.settings",
        "EMAIL_URL": "dummymail://",
        "CELERY_SKIP_CHECKS": "true",
    }
    if DATABASE == "postgres":
        create_database("countersign")
        user, socket = os.environ["BENCH_USER"], os.environ["BENCH_SOCKET"]
        os.environ["DATABASE_URL"] = f"postgres://{user}@/{socket}/countersign"
    return process


def load() -> None:
    """Load Django and create every table and trigger."""
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0, interactive=False)


def measure() -> None:
    """Measure each thing in turn; the replay goes over what the others have left."""
    from tests.factories import orchestrator as make
    from tests.factories.governance import house

    home = house(Path(DIRECTORY))
    make.agent(home, "style", output={"clean": True})
    line = [make.step(f"s{n}", "style") for n in range(OPTIONS["steps"])]
    long = make.workflow(home, *line, name="chain")
    wide = make.workflow(home, fan_block(), name="fan", agents={"style": {"ref": "style@1"}})
    if wanted("sequential"):
        steps_per_second(lambda: chain(home, long))
    if wanted("fan"):
        fan_out(lambda: fan(home, wide))
    if wanted("replay"):
        replays(partial(chain, home, long))
    if any(map(wanted, ("fan", "decided", "recovery"))):
        with_workers(home, wide)


def chain(home: Any, saved: Any) -> None:
    """Drive a run of steps one after another, as one worker does."""
    from orchestrator.models import Run
    from tests.factories import orchestrator as make

    run = make.start(saved, home.ines)
    make.drive(run, "s0")
    assert Run.objects.get(pk=run.pk).state == "succeeded"


def fan_block() -> dict[str, Any]:
    """Return a block with a branch for every item."""
    return {
        "id": "fan",
        "pattern": "concurrent",
        "foreach": {"in": "inputs.items", "as": "item", "cap": 1000},
        "do": {
            "agent": "style",
            "timeouts": {"start_to_close": "30s"},
            "with": {"item": "{{ item }}"},
        },
        "max_parallel": 1000,
        "join": {"policy": "all"},
    }


def fan(home: Any, saved: Any) -> None:
    """Drive a fan as one worker does that hears every bell."""
    from orchestrator.models import Run, Step
    from orchestrator.services import slices
    from tests.factories import orchestrator as make

    run = make.start(saved, home.ines, {"items": list(range(OPTIONS["fan"]))})
    ready = Step.objects.filter(run=run, state="ready").order_by("created_at", "path")
    ids = list(ready.values_list("pk", flat=True))
    for first in range(0, len(ids), slices.MOST_AT_ONCE):
        slices.drive(step_ids=ids[first : first + slices.MOST_AT_ONCE], worker=make.WORKER)
    assert Run.objects.get(pk=run.pk).state == "succeeded"


def replays(one_more: Callable[[], None]) -> None:
    """Replay runs, wide and long, until enough events have been derived again."""
    from audit.models import Event
    from orchestrator.models import Run
    from orchestrator.selectors.replays import Replayed, replay

    while Event.objects.filter(stream__kind="run").count() < OPTIONS["events"]:
        one_more()
    events, took = 0, 0.0
    for run_id in Run.objects.order_by("-created_at").values_list("pk", flat=True):
        began = time.perf_counter()
        outcome = replay(run_id)
        took += time.perf_counter() - began
        assert isinstance(outcome, Replayed), outcome
        events += outcome.events
        if events >= OPTIONS["events"]:
            break
    say(f"replay of {events} events", f"{took:7.2f} s  ({events / took:.0f} events/s)")


def with_workers(home: Any, wide: Any) -> None:
    """Measure what goes through a broker and real prefork workers."""
    from tests.harness.workers import Workers

    workers = Workers(dict(os.environ), Path(DIRECTORY))
    workers.start("work")
    try:
        if wanted("fan"):
            fan_through_workers(home, wide)
        if wanted("decided"):
            decisions(home)
        if wanted("recovery"):
            recovery(home, workers)
    finally:
        workers.stop()


def fan_through_workers(home: Any, saved: Any) -> None:
    """Measure the fan from its start to its end, with two prefork workers at it."""
    from tests.factories import orchestrator as make

    def once() -> None:
        run = make.start(saved, home.ines, {"items": list(range(OPTIONS["fan"]))})
        until(partial(has_succeeded, run))

    once()
    took = min(seconds(once) for _ in range(2))
    say("the same through 2 prefork workers", f"{took:7.2f} s  ({OPTIONS['fan'] / took:.0f}/s)")


def has_succeeded(run: Any) -> bool:
    """Whether the run has succeeded by now."""
    run.refresh_from_db(fields=["state"])
    return bool(run.state == "succeeded")


def until(holds: Any, pause: float = 0.02) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit("It took too long.")
        time.sleep(pause)


def decisions(home: Any) -> None:
    """Measure from the decision on a gate to the step running in a worker, and to the next one."""
    from governance.models import Gate
    from governance.services import tools
    from orchestrator.runners import checkpoint
    from tests.factories import governance
    from tests.factories import orchestrator as make

    governance.bundle(home.domain, governance.POLICIES + POLICY)
    tools.register(
        slug=checkpoint.SLUG,
        name=checkpoint.NAME,
        description=checkpoint.DESCRIPTION,
        schema=checkpoint.SCHEMA,
        risk="medium",
        reversibility="read_only",
        actor=make.TESTER,
        domain=home.domain,
    )
    make.agent(home, "judge", output={"major": 2})
    held = make.step("held", "judge", checkpoint=[RULE])
    saved = make.workflow(home, held, make.step("next", "style"), name="held")
    times, onward = [], []
    for _ in range(OPTIONS["decisions"]):
        run = make.start(saved, home.ines)
        gates = Gate.objects.filter(action__run_id=run.pk, state="pending")
        until(gates.exists, 0.005)
        governance.review(gates.get(), home.grace)
        until(partial(has_succeeded, run), 0.005)
        decided = decided_at(run)
        times.append(seconds_since(decided, started_at(run, "held", "execution")))
        onward.append(seconds_since(decided, started_at(run, "next", "turn")))
    latencies("decided to its step running in a worker", times)
    latencies("decided to the next step running", onward)


def decided_at(run: Any) -> datetime:
    """Return when the decision was written."""
    from audit.models import Event

    found = Event.objects.filter(stream__object_id=str(run.pk), type="gate.decided")
    return found.get().occurred_at


def started_at(run: Any, path: str, kind: str) -> datetime:
    """Return when a worker began with a step."""
    from orchestrator.models import Attempt

    return Attempt.objects.get(step__run=run, step__path=path, kind=kind).started_at


def seconds_since(began: datetime, ended: datetime) -> float:
    """Return the seconds between two moments."""
    return (ended - began) / timedelta(seconds=1)


def recovery(home: Any, workers: Any) -> None:
    """Kill a worker in the middle of a turn; measure until another one has begun it again."""
    from orchestrator.models import Attempt
    from tests.factories import governance
    from tests.factories import orchestrator as make

    config = {"argv": ["python", "-c", "import time; time.sleep(300)"]}
    governance.agent(
        home.domain, home.ada, home.sam, slug="sleeper", runner="process", runner_config=config
    )
    saved = make.workflow(
        home, make.step("sleep", "sleeper"), name=f"crash-{uuid.uuid4().hex[:6]}"
    )
    run = make.start(saved, home.ines)
    tries = Attempt.objects.filter(step__run=run).order_by("number")
    until(lambda: tries.count() == 1)
    time.sleep(2)
    if (first := tries.get()).outcome != "running":
        raise SystemExit(f"The turn to be killed ended by itself: {first.error_detail}")
    steward = subprocess.Popen([sys.executable, "-m", "django", "steward"], cwd=ROOT)
    try:
        killed = datetime.now(UTC)
        workers.kill("work")
        workers.start("work")
        until(lambda: tries.count() > 1)
        first, second = list(tries)[:2]
        assert first.outcome == "crashed", first.outcome
        took = seconds_since(killed, second.started_at)
        say("SIGKILL to the step running again (defaults)", f"{took:7.1f} s")
    finally:
        steward.terminate()
        steward.wait()


if __name__ == "__main__":
    main()
