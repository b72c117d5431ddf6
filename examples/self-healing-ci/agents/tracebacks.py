"""Reads the tracebacks in what a test run said: which error, and where in the repository."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

START = "Traceback (most recent call last):"
FRAME = re.compile(r'\s+File "(?P<path>[^"]+)", line (?P<line>\d+)')
ERROR = re.compile(r"(?P<kind>[A-Za-z_][\w.]*): ?(?P<said>.*)")


@dataclass(frozen=True)
class Failure:
    """One traceback: the error it ends with, and the last place that a repository's file has."""

    kind: str
    said: str
    path: str
    line: int

    def __str__(self) -> str:
        return f"{self.kind}: {self.said} ({self.path}:{self.line})"


def failures_in(log: str) -> list[Failure]:
    """Return the failures of a run, each once, in their order."""
    return list(dict.fromkeys(_failures(log)))


def _failures(log: str) -> Iterator[Failure]:
    path, line, inside = "", 0, False
    for text in log.splitlines():
        if text == START:
            path, line, inside = "", 0, True
        elif inside and (frame := FRAME.match(text)):
            # Frames of Python itself have absolute paths; those of the repository have none.
            if not frame["path"].startswith(("/", "<")):
                path, line = frame["path"], int(frame["line"])
        elif inside and text and not text[0].isspace():
            inside = False
            if error := ERROR.match(text):
                yield Failure(error["kind"], error["said"], path, line)
            else:
                yield Failure(text.strip(), "", path, line)
