"""`manage.py fork RUN --from STEP`: another run that begins at a step of this one."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from governance.models import Person
from governance.refusals import Refusal
from orchestrator.models import Run
from orchestrator.services import forking

BAD_INPUT = 64


class Command(BaseCommand):
    help = (
        "Starts another run of the same workflow and inputs from one of its steps; what the steps "
        "before it came to is taken over, approvals and effects are not."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", metavar="RUN", help="the id of the run")
        parser.add_argument("--from", dest="step", required=True, metavar="STEP")
        parser.add_argument("--as", dest="username", required=True, metavar="USERNAME")
        parser.add_argument("--reason", default="Forked at the console.", metavar="TEXT")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the new run's id; exit with 64 when it cannot be."""
        try:
            made = forking.fork(
                run_id=_run(options["run"]),
                step=options["step"],
                person=_person(options["username"]),
                reason=options["reason"],
            )
        except Refusal as refusal:
            raise CommandError(refusal.detail, returncode=BAD_INPUT) from None
        self.stdout.write(_("run %(id)s") % {"id": made.pk})


def _run(text: str) -> UUID:
    try:
        return Run.objects.only("pk").get(pk=UUID(text)).pk
    except (Run.DoesNotExist, ValueError):
        detail = _("There is no run %(id)s.") % {"id": text}
        raise CommandError(detail, returncode=BAD_INPUT) from None


def _person(username: str) -> Person:
    person = Person.objects.filter(username=username).first()
    if person is None:
        detail = _("There is nobody called %(name)s.") % {"name": username}
        raise CommandError(detail, returncode=BAD_INPUT)
    return person
