"""What reaches the terminal: every line of every process, told apart."""

import json
import os
import sys
from datetime import UTC, datetime
from typing import TextIO

COLOURS = {"web": 36, "control": 35, "work": 34, "steward": 33, "valkey": 31}
WIDTH = max(map(len, COLOURS))


class Output:
    """Writes lines with the name of their process; colours on a terminal that wants them."""

    def __init__(self, stream: TextIO = sys.stdout, *, as_json: bool = False) -> None:
        self._stream = stream
        self._as_json = as_json
        self._is_heard = True
        self._in_colour = stream.isatty() and "NO_COLOR" not in os.environ

    def line(self, name: str, text: str) -> None:
        """Write one line of the process `name`."""
        if self._as_json:
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            self._write(json.dumps({"time": now, "process": name, "message": text}))
            return
        label = f"{name:<{WIDTH}}"
        if self._in_colour:
            label = f"\x1b[{COLOURS.get(name, 37)}m{label}\x1b[0m"
        self._write(f"{label} | {text}")

    def say(self, text: str) -> None:
        """Write a line of the supervisor's own."""
        if self._as_json:
            self.line("up", text)
        else:
            self._write(text)

    def _write(self, text: str) -> None:
        if not self._is_heard:
            return
        try:
            print(text, file=self._stream, flush=True)
        except BrokenPipeError:
            # Whoever read our output is gone; the product goes on without a reader.
            self._is_heard = False
