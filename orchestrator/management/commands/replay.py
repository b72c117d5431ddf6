"""`manage.py replay RUN`: whether everything the engine decided follows from the run's stream."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from orchestrator.selectors import replays
from orchestrator.selectors.replays import Replayed

BAD_INPUT = 64


class Command(BaseCommand):
    help = "Derives every decision of a run again from its stream and names the first difference."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", metavar="RUN", help="the id of the run")

    def handle(self, *args: Any, run: str, **options: Any) -> None:
        """Exit with 0 when everything follows, 1 when not, 64 when there is no such run."""
        try:
            outcome = replays.replay(UUID(run))
        except (LookupError, ValueError):
            detail = _("There is no run %(id)s.") % {"id": run}
            raise CommandError(detail, returncode=BAD_INPUT) from None
        self.stdout.write(replays.said(outcome))
        if not isinstance(outcome, Replayed):
            raise SystemExit(1)
