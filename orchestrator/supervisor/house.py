"""The whole course of `up`: claim, check, start, watch, stop."""

import os
import secrets
import socket
import sys
import tempfile
import time
import webbrowser
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from orchestrator.supervisor import (
    data_dir,
    listening,
    loading,
    plans,
    postgres,
    prerequisites,
    runtime,
    valkey,
)
from orchestrator.supervisor.family import Family
from orchestrator.supervisor.output import Output
from orchestrator.supervisor.readiness import Readiness
from orchestrator.supervisor.refusals import CannotStartError
from orchestrator.supervisor.reloading import Changes
from orchestrator.supervisor.stopping import StopSignal

TICK_SECONDS = 0.05
PATIENCE_SECONDS = 15
RELOADED = ("web", "steward", *plans.WORKERS)


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line of `up` says. `demo` is None to load it into an empty database."""

    data_dir: Path
    port: int = 8000
    cache: str = "socket"
    postgres: bool = False
    demo: bool | None = None
    opens_browser: bool = False
    reloads: bool = False
    as_json: bool = False


def up(options: Options) -> int:
    """Run the product until it is told to stop; return the exit code."""
    os.umask(0o077)
    output = Output(as_json=options.as_json)
    stop = StopSignal()
    try:
        with ExitStack() as stack:
            house = _enter(options, output, stop, stack)
            house.run()
    except CannotStartError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if stop.is_requested():
        output.say("Stopped.")
    return 1 if house.family.has_failed else 0


def _enter(options: Options, output: Output, stop: StopSignal, stack: ExitStack) -> "House":
    stack.enter_context(data_dir.claimed(options.data_dir))
    prerequisites.check()
    if options.postgres:
        postgres.check(options.data_dir)
    listener = stack.enter_context(listening.open_socket(options.port))
    data_dir.ensure_secret_key(options.data_dir)
    sockets = stack.enter_context(tempfile.TemporaryDirectory(prefix="cs-"))
    family = Family(output)
    stack.callback(runtime.remove, options.data_dir)
    stack.callback(family.stop, stop.is_urgent)
    return House(options, output, stop, family, listener, Path(sockets))


@dataclass(slots=True)
class House:
    """One running instance on this machine."""

    options: Options
    output: Output
    stop: StopSignal
    family: Family
    listener: socket.socket
    sockets: Path
    has_database_of_its_own: bool = True

    def run(self) -> None:
        """Start everything, say when it is ready, and attend to it until the end."""
        self._start_database()
        redis_url = self._start_broker()
        self._settle_environment(redis_url)
        loading.load()
        # These touch the database only when somebody asks, so they may start meanwhile.
        self.family.start(plans.web(self.listener.fileno()))
        for name in plans.WORKERS:
            self.family.start(plans.worker(name))
        self._migrate()
        self.family.start(plans.steward())
        self._publish(redis_url)
        readiness = Readiness(self._port)
        readiness.start()
        try:
            welcome = self._prepare_welcome()
            is_ready = self._attend_until_ready(readiness)
        finally:
            readiness.give_up()
        if is_ready:
            self._say_ready(welcome)
        self._attend()

    @property
    def _port(self) -> int:
        return int(self.listener.getsockname()[1])

    @property
    def _goes_on(self) -> bool:
        return not (self.stop.is_requested() or self.family.has_failed)

    def _start_database(self) -> None:
        home = self.options.data_dir
        if os.environ.get("DATABASE_URL"):
            self.has_database_of_its_own = False
            return
        if not (self.options.postgres or data_dir.cluster(home).exists()):
            return
        server = postgres.on_socket(home, self.sockets)
        postgres.wait_for_the_last_one(home)
        plan = plans.database(server)
        self.family.start(plan)
        postgres.wait_until_it_answers(server, lambda: self.family.children[plan.name].is_running)
        os.environ["DATABASE_URL"] = server.url

    def _start_broker(self) -> str:
        given = os.environ.get("REDIS_URL", "")
        if given:
            if not valkey.answers(given):
                raise CannotStartError(
                    "The broker at REDIS_URL does not answer: start it, or unset REDIS_URL to "
                    "use the embedded one."
                )
            return given
        server = self._embedded_broker()
        self.family.start(plans.broker(server))
        valkey.wait_until_it_answers(server.url)
        return server.url

    def _embedded_broker(self) -> valkey.Valkey:
        log = self.options.data_dir / "logs" / "valkey.log"
        if self.options.cache == "socket":
            return valkey.on_socket(self.sockets, log)
        with listening.open_socket(0) as free:
            port = int(free.getsockname()[1])
        return valkey.on_loopback(self.sockets, log, port=port, password=secrets.token_hex(16))

    def _settle_environment(self, redis_url: str) -> None:
        # From here on this process and its children read the same settings.
        os.environ["COUNTERSIGN_DATA_DIR"] = str(self.options.data_dir)
        os.environ["REDIS_URL"] = redis_url
        os.environ.setdefault("BASE_URL", f"http://localhost:{self._port}")
        os.environ.setdefault("LOG_LEVEL", "WARNING")
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orchestrator.settings")
        os.environ["PYTHONUNBUFFERED"] = "1"

    def _publish(self, redis_url: str) -> None:
        runtime.write(
            runtime.Running(
                pid=os.getpid(),
                base_url=os.environ["BASE_URL"],
                database=os.environ.get("DATABASE_URL", ""),
                redis_url=redis_url,
                data_dir=str(self.options.data_dir),
            )
        )

    def _migrate(self) -> None:
        from orchestrator.supervisor import first_run  # noqa: PLC0415 - needs Django loaded

        if not first_run.bring_up_to_date():
            self.output.say(
                "Triggers that guard the log were missing and are back. Somebody may have "
                "changed the log meanwhile: `python3 manage.py verify` tells."
            )

    def _prepare_welcome(self) -> str:
        from orchestrator.supervisor import first_run  # noqa: PLC0415 - needs Django loaded

        wanted = self.options.demo
        if wanted is None:
            # A database of one's own that happens to be empty is not ours to fill.
            wanted = self.has_database_of_its_own and first_run.is_empty()
        trouble = first_run.load_demo() if wanted else ""
        if trouble:
            self.output.say(f"The demo was not loaded: {trouble}")
        return first_run.signin_address()

    def _attend_until_ready(self, readiness: Readiness) -> bool:
        patience = time.monotonic() + PATIENCE_SECONDS
        while self._goes_on:
            self.family.attend(TICK_SECONDS)
            late = set(plans.WORKERS) - self.family.ready
            if readiness.is_reached() and not late:
                return True
            if time.monotonic() > patience:
                missing = readiness.missing or f"worker {min(late)} is not ready"
                self.output.say(f"Still starting: {missing}. Logs: LOG_LEVEL=INFO")
                patience = time.monotonic() + PATIENCE_SECONDS
        return False

    def _attend(self) -> None:
        changes = Changes() if self.options.reloads else None
        while self._goes_on:
            self.family.attend(TICK_SECONDS)
            if changes and changes.have_come():
                self.output.say("The source changed: restarting.")
                self.family.restart(*RELOADED)

    def _say_ready(self, address: str) -> None:
        self.output.say(
            f"\nCountersign is ready.\n\n"
            f"  Address   {os.environ['BASE_URL']}\n"
            f"  Sign in   {address}\n"
            f"            (works once, for an hour)\n"
            f"  Data      {self.options.data_dir}\n"
            f"  Stop      Ctrl-C\n"
        )
        if self.options.opens_browser:
            webbrowser.open(address)
