"""Runs the product on this machine. It starts before Django does: it decides the settings."""

import os
import sys
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from orchestrator.supervisor.child import ROOT
from orchestrator.supervisor.house import Options, up


class Command(BaseCommand):
    help = "Starts everything on embedded defaults and prints a sign-in link; Ctrl-C stops it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="0 takes any free one")
        parser.add_argument("--data-dir", type=Path, help="default: var/ beside manage.py")
        parser.add_argument(
            "--postgres",
            action="store_true",
            help="keep it in an embedded PostgreSQL, from a wheel",
        )
        parser.add_argument("--cache", choices=["socket", "tcp"], default="socket")
        demo = parser.add_mutually_exclusive_group()
        demo.add_argument("--demo", action="store_true", default=None, help="load it again")
        demo.add_argument("--no-demo", action="store_false", dest="demo")
        parser.add_argument("--no-browser", action="store_true", help="do not open the link")
        parser.add_argument(
            "--reload", action="store_true", help="restart when the source changes"
        )
        parser.add_argument("--json-logs", action="store_true", help="one JSON object per line")

    def run_from_argv(self, argv: list[str]) -> None:
        if settings.configured:
            # Django was loaded with settings that are not ours, so begin again through the door.
            again = [sys.executable, str(ROOT / "manage.py"), *argv[1:]]
            os.execv(again[0], again)  # noqa: S606 - the same command, and no shell
        given = self.create_parser(argv[0], argv[1]).parse_args(argv[2:])
        directory = given.data_dir or Path(os.environ.get("COUNTERSIGN_DATA_DIR", ROOT / "var"))
        sys.exit(
            up(
                Options(
                    data_dir=directory.resolve(),
                    port=given.port,
                    cache=given.cache,
                    postgres=given.postgres,
                    demo=given.demo,
                    opens_browser=not given.no_browser and has_a_screen(),
                    reloads=given.reload,
                    as_json=given.json_logs,
                )
            )
        )


def has_a_screen() -> bool:
    """Whether a browser would open in front of whoever typed the command."""
    graphical = sys.platform == "darwin" or {"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ)
    return bool(graphical) and sys.stdout.isatty() and "SSH_CONNECTION" not in os.environ
