"""`manage.py workflow check FILE ...`: every problem of workflow files, as file:line: message.

`manage.py workflow schema` prints the JSON Schema that they are checked by, put together anew,
and `manage.py workflow reference` the page that describes it (docs/workflow-file.md).
"""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from orchestrator.services import workflow_files
from orchestrator.workflow.assembly import assembled
from orchestrator.workflow.loading import parse, warnings_in
from orchestrator.workflow.problems import WorkflowFileError
from orchestrator.workflow.reference import reference


class Command(BaseCommand):
    help = "Checks workflow files and prints every problem as file:line: message."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        check = acts.add_parser("check", help="exit with 1 if any file has a problem")
        check.add_argument("files", nargs="+", type=Path, metavar="FILE")
        acts.add_parser("schema", help="print the JSON Schema of workflow files")
        acts.add_parser("reference", help="print docs/workflow-file.md")

    def handle(self, *args: Any, act: str, **options: Any) -> None:
        """Check every file, the good ones too, before leaving; or print what describes them."""
        if act == "schema":
            self.stdout.write(json.dumps(assembled(), indent=2, ensure_ascii=False))
        elif act == "reference":
            self.stdout.write(reference(), ending="")
        else:
            self._check(options["files"])

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
