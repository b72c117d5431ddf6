from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from audit.types import Actor
from governance.models import Domain, Person
from governance.refusals import Refusal
from governance.selectors import people
from orchestrator.services import folders
from orchestrator.workflow.problems import WorkflowFileError

_FAILURES = (Refusal, WorkflowFileError, Domain.DoesNotExist)


class Command(BaseCommand):
    help = "Load policies (*.cedar), agents (agents.yaml) and workflows (*.yaml) of a folder."

    def add_arguments(self, parser: CommandParser) -> None:
        """Define the options."""
        parser.add_argument("folder", type=Path, metavar="FOLDER")
        parser.add_argument("--domain", required=True, metavar="SLUG")
        parser.add_argument("--owner", required=True, help="user name of the agents' owner")
        parser.add_argument("--sponsor", required=True, help="user name of their sponsor")

    def handle(self, *args: Any, **options: Any) -> None:
        """Who can run this on the machine could change the database anyway."""
        try:
            loaded = folders.load(
                domain=Domain.objects.get(slug=options["domain"]),
                folder=folders.read(options["folder"]),
                owner=_person(options["owner"]),
                sponsor=_person(options["sponsor"]),
                actor=Actor.system("console"),
            )
        except _FAILURES as error:
            raise CommandError(str(error)) from None
        if loaded.bundle:
            said = _("Policies: bundle %(number)d rules now")
            self.stdout.write(said % {"number": loaded.bundle.number})
        for agent in loaded.agents:
            self.stdout.write(_("Agent: %(agent)s") % {"agent": f"{agent.slug}@{agent.version}"})
        for workflow in loaded.workflows:
            words = {"workflow": f"{workflow.name} {workflow.version}"}
            self.stdout.write(_("Workflow: %(workflow)s") % words)


def _person(username: str) -> Person:
    person = people.console_person(username)
    if person is None:
        raise CommandError(_("Name a person."))
    return person
