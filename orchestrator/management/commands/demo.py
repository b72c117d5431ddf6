from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from governance.refusals import Refusal
from orchestrator.demo import crowd, examples, seed
from orchestrator.models import Run
from orchestrator.runners.git.command import RepositoryError
from orchestrator.workflow.problems import WorkflowFileError


class Command(BaseCommand):
    help = (
        "Load an example, make what it is about, and start its run. Without a name that is the "
        "code review, whose run will wait at a gate."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("example", nargs="?", help="a folder of examples/")
        parser.add_argument(
            "--fault",
            action="append",
            default=[],
            help="plant this; the example's README names it",
        )
        parser.add_argument(
            "--agents", default="agents.yaml", metavar="FILE", help="another manifest of agents"
        )
        group = parser.add_mutually_exclusive_group()
        group.add_argument("--another", action="store_true", help="start one more code review")
        group.add_argument("--many", type=int, metavar="N", help="let N more runs wait at gates")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["many"]:
                made = crowd.gather(options["many"])
                self.stdout.write(f"{made} runs wait at their gates.")
                return
            run = _started(options)
        except (Refusal, RepositoryError, WorkflowFileError) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"Run {run.pk} is {run.get_state_display().lower()}.")


def _started(options: dict[str, Any]) -> Run:
    name = options["example"]
    if name and name != seed.EXAMPLE:
        return examples.start(name, faults=options["fault"], agents_file=options["agents"])
    if options["fault"]:
        raise CommandError("The code review has no faults to plant; change its branch in git.")
    return seed.another() if options["another"] else seed.first()
