"""`manage.py run FILE --input name=value`: start a run and follow it in the terminal."""

import sys
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError
from django.utils.translation import gettext as _

from governance.models import Person
from governance.refusals import Refusal
from orchestrator.management.following import follow, one_line, pending_gates
from orchestrator.models import Run, RunState
from orchestrator.selectors.leadership import STEWARD, is_held
from orchestrator.selectors.run_view import RunView
from orchestrator.selectors.runs import run_for_console
from orchestrator.services.briefs import Brief
from orchestrator.services.launching import launch
from orchestrator.workflow.problems import WorkflowFileError

DEMO_INITIATOR = "demo-initiator"
SUCCEEDED, ENDED_OTHERWISE, REJECTED, WAITING = 0, 1, 2, 3
BAD_INPUT, UNAVAILABLE, INTERRUPTED = 64, 69, 130  # sysexits.h, and 128 + SIGINT
_ARGPARSE_ERROR = 2


class Command(BaseCommand):
    help = (
        "Starts a run of a workflow file and follows it. Exit codes: 0 succeeded, 1 ended "
        "otherwise, 2 rejected, 3 still waiting, 64 bad input, 69 no instance runs."
    )
    requires_system_checks = ()
    began = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="the workflow file")
        parser.add_argument("--input", action="append", default=[], metavar="NAME=VALUE")
        parser.add_argument("--goal", default="", help="what the agents are told it is for")
        parser.add_argument("--constraint", action="append", default=[], metavar="TEXT")
        parser.add_argument("--criterion", action="append", default=[], metavar="TEXT")
        parser.add_argument("--as", dest="username", metavar="USERNAME", help="who starts it")
        parser.add_argument("--domain", default="", metavar="SLUG", help="when there are several")
        parser.add_argument(
            "--no-wait", action="store_true", help="leave with 3 when people are asked"
        )
        parser.add_argument(
            "--timeout", type=float, metavar="SECONDS", help="stop following after that, with 3"
        )

    def run_from_argv(self, argv: list[str]) -> None:
        """Run as a program; a wrong command line is bad input and not a rejection."""
        try:
            super().run_from_argv(argv)
        except SystemExit as end:
            if end.code == _ARGPARSE_ERROR and not self.began:
                sys.exit(BAD_INPUT)
            raise

    def handle(self, *args: Any, **options: Any) -> None:
        """Start the run, follow it and leave with the code that says how it ended."""
        self.began = True
        if not instance_runs():
            self._leave(UNAVAILABLE, _("No instance runs here: start one with `manage.py up`."))
        initiator = self._initiator(options["username"])
        run = self._started(initiator, options)
        self.stdout.write(_("run %(id)s") % {"id": run.pk})
        until = _Enough(no_wait=options["no_wait"], timeout=options["timeout"])
        try:
            seen = follow(partial(run_for_console, run.pk), self.stdout, until=until)
        except KeyboardInterrupt:
            self._leave(INTERRUPTED, _("Stopped following; the run goes on."))
        self.stdout.write(closing_line(seen))
        raise SystemExit(exit_code(seen))

    def _initiator(self, username: str | None) -> Person:
        person = Person.objects.filter(username=username or DEMO_INITIATOR).first()
        if person is None and username:
            self._leave(BAD_INPUT, _("There is nobody called %(name)s.") % {"name": username})
        if person is None:
            self._leave(BAD_INPUT, _("Say who starts the run: --as USERNAME."))
        if not username:
            self.stdout.write(_("started as %(person)s") % {"person": person})
        return person

    def _started(self, initiator: Person, options: dict[str, Any]) -> Run:
        texts = self._texts(options["input"])
        try:
            return launch(
                path=options["file"],
                texts=texts,
                initiator=initiator,
                domain_slug=options["domain"],
                brief=Brief(options["goal"], options["constraint"], options["criterion"]),
            )
        except WorkflowFileError as error:
            self._leave(BAD_INPUT, str(error))
        except Refusal as refusal:
            self._leave(BAD_INPUT, f"{options['file']}:1: {one_line(refusal.detail)}")

    def _texts(self, given: Sequence[str]) -> dict[str, str]:
        texts: dict[str, str] = {}
        for text in given:
            name, equals, value = text.partition("=")
            if not (name and equals) or name in texts:
                detail = _("--input takes NAME=VALUE, each name once, and not %(text)s.")
                self._leave(BAD_INPUT, detail % {"text": one_line(text)})
            texts[name] = value
        return texts

    def _leave(self, code: int, message: str) -> NoReturn:
        self.stderr.write(message)
        raise SystemExit(code)


class _Enough:
    """Says when there is nothing left to follow."""

    def __init__(self, *, no_wait: bool, timeout: float | None) -> None:
        self.no_wait = no_wait
        self.deadline = None if timeout is None else time.monotonic() + timeout

    def __call__(self, run: RunView) -> bool:
        if run.is_final or run.state == RunState.ESCALATED:
            return True
        if self.no_wait and pending_gates(run):
            return True
        return self.deadline is not None and time.monotonic() >= self.deadline


def instance_runs() -> bool:
    """Whether somebody would take up a run that is started here."""
    if settings.RUNNING is not None:
        return True
    try:
        return bool(settings.DATABASE_URL) and is_held(role=STEWARD)
    except DatabaseError:
        return False


def exit_code(run: RunView) -> int:
    """Return what the shell is told about how the run stands."""
    if run.state == RunState.SUCCEEDED:
        return SUCCEEDED
    if run.state == RunState.REJECTED:
        return REJECTED
    return ENDED_OTHERWISE if run.is_final or run.state == RunState.ESCALATED else WAITING


def closing_line(run: RunView) -> str:
    """Say how the run stands, how long it took and why."""
    words = {"state": run.label.lower(), "seconds": f"{run.elapsed_ms / 1000:.1f}"}
    line = _("run is %(state)s after %(seconds)s s") % words
    return f"{line}: {one_line(run.error_detail)}" if run.error_detail else line
