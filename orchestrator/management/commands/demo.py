from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from governance.refusals import Refusal
from orchestrator.demo import crowd, seed
from orchestrator.runners.git.command import RepositoryError


class Command(BaseCommand):
    help = "Load the code review example and start its run, which will wait at a gate."

    def add_arguments(self, parser: CommandParser) -> None:
        group = parser.add_mutually_exclusive_group()
        group.add_argument("--another", action="store_true", help="start one more run")
        group.add_argument("--many", type=int, metavar="N", help="let N more runs wait at gates")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["many"]:
                made = crowd.gather(options["many"])
                self.stdout.write(f"{made} runs wait at their gates.")
                return
            run = seed.another() if options["another"] else seed.first()
        except (Refusal, RepositoryError) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"Run {run.pk} is {run.get_state_display().lower()}.")
