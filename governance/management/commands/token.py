from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from audit.types import Actor
from governance.models import Agent
from governance.refusals import Refusal
from governance.selectors import agents, people
from governance.services import tokens


class Command(BaseCommand):
    help = "Issue an API token for a person or an agent and print it, this once."

    def add_arguments(self, parser: CommandParser) -> None:
        """Define the options."""
        holder = parser.add_mutually_exclusive_group(required=True)
        holder.add_argument("--person", help="user name")
        holder.add_argument("--agent", help="short name; its newest version")
        parser.add_argument("--domain", default="", help="of the agent, when there are several")
        parser.add_argument("--name", default="console")
        parser.add_argument("--days", type=int, default=30, help="at most 90")

    def handle(self, *args: Any, **options: Any) -> None:
        """Who can run this on the machine could change the database anyway."""
        try:
            _token, text = tokens.issue(
                person=people.console_person(options["person"]) if options["person"] else None,
                agent=self._agent(options) if options["agent"] else None,
                name=options["name"],
                ttl=timedelta(days=options["days"]),
                actor=Actor.system("console"),
            )
        except Refusal as refusal:
            raise CommandError(refusal.detail) from refusal
        self.stdout.write(text)

    def _agent(self, options: dict[str, Any]) -> Agent:
        found = agents.newest_versions(options["agent"], options["domain"])
        if len(found) != 1:
            detail = _("%(count)s agents are called %(slug)s; name the domain.")
            raise CommandError(detail % {"count": len(found), "slug": options["agent"]})
        return found[0]
