#!/usr/bin/env python3
"""The only door: run by any Python, it makes its own environment and goes on inside it."""

import os
import sys

import bootstrap


def main() -> None:
    bootstrap.enter(sys.argv[1:])
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orchestrator.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
