"""Runs the project's own checks: lint if asked, then pytest, whose summary comes last."""

import os
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from django.core.management.base import BaseCommand

from orchestrator.supervisor.child import ROOT

# As a deployment would set them, so that Django checks what a deployment would run.
PRODUCTION = {
    "BASE_URL": "https://countersign.example",
    "ALLOWED_HOSTS": "countersign.example",
    "SECRET_KEY": "x1" * 20 + "only-long-and-mixed-enough-for-the-check",
    "DATABASE_URL": "sqlite://:memory:",
    "DEBUG": "false",
}
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
# The longest first: they run side by side.
LINT = (
    ("mypy",),
    ("ruff", "format", "--check", "--quiet", "."),
    ("ruff", "check", "--quiet", "."),
    ("djade", "--check", "--target-version", "5.2", *map(str, TEMPLATES)),
    ("lint-imports",),
    ("python", "manage.py", "check", "--deploy", "--fail-level", "WARNING"),
    ("python", "manage.py", "makemigrations", "--check", "--dry-run"),
    ("python", "manage.py", "spectacular", "--validate", "--fail-on-warn", "--file", os.devnull),
)


class Command(BaseCommand):
    help = "Runs the tests; what it does not know itself goes to pytest."

    def run_from_argv(self, argv: list[str]) -> None:
        os.chdir(ROOT)
        own, rest = _parser(" ".join(argv[:2])).parse_known_args(argv[2:])
        sys.exit(_run(own, rest))


def _parser(program: str) -> ArgumentParser:
    parser = ArgumentParser(prog=program, description=Command.help, allow_abbrev=False)
    parser.add_argument("--lint", action="store_true", help="format, lint, types, imports first")
    parser.add_argument("--postgres", action="store_true", help="on PostgreSQL, from a wheel")
    parser.add_argument("--e2e", action="store_true", help="also drive a real browser")
    parser.add_argument("--slow", action="store_true", help="also what takes long")
    parser.add_argument("--all", action="store_true", help="everything, on both databases")
    return parser


def _run(own: Namespace, rest: list[str]) -> int:
    if (own.lint or own.all) and not _lints():
        return 1
    # Much of what takes long waits for processes of its own, so one more than there are cores.
    many = str((os.cpu_count() or 1) + 1) if own.all else "auto"
    parallel = [] if any(word.startswith("-n") for word in rest) else ["-n", many]
    if own.all:
        # What uses no database has the same outcome on both, and what kills processes takes its
        # time: both run once. `--postgres --slow` kills on the other database too.
        code = _pytest([*parallel, "--postgres", "--database-only", *rest])
        return code or _pytest([*parallel, "--slow", "--e2e", *rest])
    chosen = [f"--{name}" for name in ("slow", "e2e", "postgres") if getattr(own, name)]
    return _pytest([*parallel, *chosen, *rest])


def _lints() -> bool:
    # Side by side, and each even when another found something: one look shows everything.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return all(list(pool.map(_passes, LINT)))


def _passes(command: tuple[str, ...]) -> bool:
    words = [str(Path(sys.executable).with_name(command[0])), *command[1:]]
    done = subprocess.run(  # noqa: S603 - our own words
        words,
        env=os.environ | PRODUCTION,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    print("$", *command[:6], f"\n{done.stdout}", flush=True)  # noqa: T201 - the trace of a build
    return done.returncode == 0


def _pytest(arguments: list[str]) -> int:
    words = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.run(words, check=False).returncode  # noqa: S603 - whoever typed them
