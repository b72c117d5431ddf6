import io
import json

import pytest

from orchestrator.supervisor.output import Output


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colour_is_for_terminals_only() -> None:
    plain, tty = io.StringIO(), Tty()
    for stream in (plain, tty):
        Output(stream).line("web", "hello")
    assert plain.getvalue() == "web     | hello\n"
    assert "\x1b[36m" in tty.getvalue()


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    tty = Tty()
    Output(tty).line("web", "hello")
    assert "\x1b" not in tty.getvalue()


def test_json_logs_are_one_object_per_line() -> None:
    stream = io.StringIO()
    output = Output(stream, as_json=True)
    output.line("web", 'say "hi"')
    output.say("Stopped.")
    rows = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(row["process"], row["message"]) for row in rows] == [
        ("web", 'say "hi"'),
        ("up", "Stopped."),
    ]


def test_a_reader_that_left_does_not_stop_the_product() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    output = Output(Gone())
    output.say("nobody hears this")
    output.say("nor this")
