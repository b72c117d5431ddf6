"""`manage.py workflow check FILE ...`: every problem of workflow files, as file:line: message.

`manage.py workflow schema` prints the JSON Schema that they are checked by, put together anew,
and `manage.py workflow reference` the page that describes it (docs/workflow-file.md).
`manage.py workflow advise` asks what a task is like, or takes the answers as options, recommends
approach, pattern and topology, and prints a file to start from.
"""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from orchestrator.management.advising import answered, told
from orchestrator.services import workflow_files
from orchestrator.workflow.advice.advising import advise
from orchestrator.workflow.advice.questions import QUESTIONS, missing
from orchestrator.workflow.assembly import assembled
from orchestrator.workflow.loading import parse, warnings_in
from orchestrator.workflow.problems import WorkflowFileError
from orchestrator.workflow.reference import reference

BAD_INPUT = 64  # sysexits.h


class Command(BaseCommand):
    help = "Checks workflow files and prints every problem as file:line: message."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        check = acts.add_parser("check", help="exit with 1 if any file has a problem")
        check.add_argument("files", nargs="+", type=Path, metavar="FILE")
        acts.add_parser("schema", help="print the JSON Schema of workflow files")
        acts.add_parser("reference", help="print docs/workflow-file.md")
        advice = acts.add_parser("advise", help="recommend a pattern and print a starter file")
        for question in QUESTIONS:
            choices = [choice.value for choice in question.choices]
            advice.add_argument(f"--{question.name}", choices=choices, help=question.text)

    def handle(self, *args: Any, act: str, **options: Any) -> None:
        """Check every file, the good ones too, before leaving; or print what describes them."""
        if act == "schema":
            self.stdout.write(json.dumps(assembled(), indent=2, ensure_ascii=False))
        elif act == "reference":
            self.stdout.write(reference(), ending="")
        elif act == "advise":
            self._advise({one.name: options[one.name] or "" for one in QUESTIONS})
        else:
            self._check(options["files"])

    def _advise(self, given: dict[str, str]) -> None:
        """Print the recommendation as a comment above the file, so that all of it is a file."""
        left = missing(given)
        if left and not sys.stdin.isatty():
            names = ", ".join(f"--{question.name}" for question in left)
            self.stderr.write(_("Nobody is here to ask; give %(names)s.") % {"names": names})
            raise SystemExit(BAD_INPUT)
        advice = advise(answered(given, input))
        for line in told(advice):
            self.stdout.write(line)
        self.stdout.write(advice.starter, ending="")

    def _check(self, files: list[Path]) -> None:
        refused = sum(not self._is_good(path) for path in files)
        if refused:
            raise SystemExit(1)

    def _is_good(self, path: Path) -> bool:
        try:
            file = workflow_files.read(path)
            definition = parse(file.text, file.name)
            warnings = warnings_in(file.text, file.name)
        except WorkflowFileError as error:
            self.stderr.write(str(error))
            return False
        for found in warnings:
            said = {"place": f"{found.file}:{found.line}", "message": found.message}
            self.stderr.write(_("%(place)s: warning: %(message)s") % said)
        words = {"file": path, "name": definition.name, "version": definition.version}
        self.stdout.write(_("%(file)s: %(name)s %(version)s is in order") % words)
        return True
