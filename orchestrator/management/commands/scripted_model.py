import json
import signal
from pathlib import Path
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from orchestrator.demo.scripted.script import ScriptError, read_script
from orchestrator.demo.scripted.server import ScriptedModel


class Command(BaseCommand):
    help = "Serve an OpenAI-compatible model on loopback that says what SCRIPT tells it to."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("script", type=Path, help="a YAML or JSON list of turns")
        parser.add_argument("--port", type=int, default=0, help="any free one by default")
        parser.add_argument(
            "--log", type=Path, help="write every request here, a line of JSON each"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            script = read_script(options["script"])
        except ScriptError as error:
            raise CommandError(str(error)) from None
        # A shell starts what it runs in the background with SIGINT ignored.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _interrupt)
        with ScriptedModel(script, options["port"]) as server:
            self.stdout.write(f"OPENAI_BASE_URL={server.base_url}")
            self.stdout.flush()
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                self._end(server, options["log"])

    def _end(self, server: ScriptedModel, log: Path | None) -> None:
        if log:
            lines = [
                json.dumps({"path": a.path, "headers": a.headers, "body": a.body})
                for a in server.asked
            ]
            log.write_text("".join(f"{line}\n" for line in lines))
        left = server.script.left()
        if left:
            raise CommandError(f"The script was not fully consumed: {len(left)} turns are left.")
        self.stdout.write("The script was fully consumed.")


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
