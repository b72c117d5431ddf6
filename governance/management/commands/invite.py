from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from governance.refusals import Refusal
from governance.selectors import people
from governance.selectors.signin_links import address_of
from governance.services import people as people_service


class Command(BaseCommand):
    help = "Print a link by which one more person can join, good for 24 hours."

    def add_arguments(self, parser: CommandParser) -> None:
        """Define the options."""
        parser.add_argument("--inviter", default="", help="user name; else the first who enrolled")

    def handle(self, *args: Any, **options: Any) -> None:
        """Invite in the name of somebody who may."""
        try:
            inviter = people.console_person(options["inviter"])
            if inviter is None:
                raise CommandError(_("Nobody has enrolled yet: use signin_link."))
            domain = people.domain_for(inviter)
            secret = people_service.invite(domain=domain, inviter=inviter)
        except Refusal as refusal:
            raise CommandError(refusal.detail) from refusal
        self.stdout.write(address_of(secret))
