#!/usr/bin/env python3
"""The only door: run by any Python, it makes its own environment and goes on inside it."""

import os
import sys

import bootstrap


def main() -> None:
    bootstrap.enter(sys.argv[1:])
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orchestrator.settings")
    arguments = name_data_dir(sys.argv)
    if arguments[1:2] == ["up"]:
        from orchestrator.management.commands.up import Command

        Command().run_from_argv(arguments)
    from django.core.management import execute_from_command_line

    execute_from_command_line(arguments)


def name_data_dir(arguments: list[str]) -> list[str]:
    """Let every command say which instance it means, before the settings are read."""
    if not any(word.startswith("--data-dir") for word in arguments):
        return arguments
    from argparse import ArgumentParser

    parser = ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--data-dir", type=os.path.abspath)
    given, rest = parser.parse_known_args(arguments)
    os.environ["COUNTERSIGN_DATA_DIR"] = given.data_dir
    return rest


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
