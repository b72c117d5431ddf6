from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from governance.refusals import Refusal
from governance.selectors import people
from governance.selectors.signin_links import address_of
from governance.services import signin_links


class Command(BaseCommand):
    help = "Print a one-time sign-in link: for somebody, or for the first person to enrol."

    def add_arguments(self, parser: CommandParser) -> None:
        """Define the options."""
        parser.add_argument("--person", default="", help="user name; else the first who enrolled")
        parser.add_argument("--minutes", type=int, default=15, help="15 to 1440, 15 by default")

    def handle(self, *args: Any, **options: Any) -> None:
        """Who can run this on the machine could change the database anyway."""
        try:
            person = people.console_person(options["person"])
            secret = signin_links.issue(person=person, ttl=timedelta(minutes=options["minutes"]))
        except Refusal as refusal:
            raise CommandError(refusal.detail) from refusal
        self.stdout.write(address_of(secret))
