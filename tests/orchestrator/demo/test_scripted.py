"""The scripted model, driven by the SDK and by its command."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import openai
import pytest

from orchestrator.demo.scripted.script import ScriptError, script_of
from orchestrator.demo.scripted.server import ScriptedModel, serving

ROOT = Path(__file__).resolve().parents[3]


def client(server: ScriptedModel) -> openai.OpenAI:
    return openai.OpenAI(base_url=server.base_url, api_key="none", max_retries=0)


def ask(api: openai.OpenAI, text: str, **options: Any) -> Any:
    messages: Any = [{"role": "user", "content": text}]
    return api.chat.completions.create(model="scripted", messages=messages, **options)


def test_turns_are_taken_by_what_they_fit_and_the_rest_is_left() -> None:
    script = script_of(
        [
            {"when": {"says": "second"}, "text": "Two."},
            {"when": {"model": "other"}, "text": "Never."},
            {"text": "One."},
        ]
    )
    with serving(script) as server, client(server) as api:
        assert ask(api, "the first").choices[0].message.content == "One."
        assert ask(api, "the second").choices[0].message.content == "Two."
        with pytest.raises(openai.BadRequestError, match="no turn left"):
            ask(api, "the third")
        assert [turn.text for turn in script.left()] == ["Never."]
        assert [asked.body["messages"][0]["content"] for asked in server.asked] == [
            "the first",
            "the second",
            "the third",
        ]


def test_every_tool_call_has_an_id_of_its_own() -> None:
    turn = {"calls": [{"name": "a"}, {"name": "a", "arguments": {"x": 1}}], "always": True}
    with serving(script_of([turn])) as server, client(server) as api:
        calls = [call for _ in range(2) for call in ask(api, "go").choices[0].message.tool_calls]
    assert len({call.id for call in calls}) == 4
    assert json.loads(calls[1].function.arguments) == {"x": 1}


def test_a_stream_ends_with_its_usage() -> None:
    turn = {"text": "one\ntwo", "usage": {"input": 7, "output": 2}}
    with serving(script_of([turn])) as server, client(server) as api:
        stream = ask(api, "go", stream=True, stream_options={"include_usage": True})
        chunks = list(stream)
    said = [c.choices[0].delta.content for c in chunks if c.choices]
    assert "".join(text or "" for text in said) == "one\ntwo"
    assert (chunks[-1].usage.prompt_tokens, chunks[-1].choices) == (7, [])


def test_the_responses_api_answers_and_calls_tools() -> None:
    script = script_of([{"text": "Yes.", "usage": {"input": 3}}, {"calls": [{"name": "look"}]}])
    with serving(script) as server, client(server) as api:
        first = api.responses.create(model="scripted", input="hello")
        second: Any = api.responses.create(model="scripted", input="hello")
        models = [model.id for model in api.models.list()]
    assert first.usage is not None
    assert (first.output_text, first.usage.input_tokens) == ("Yes.", 3)
    assert (second.output[0].type, second.output[0].name) == ("function_call", "look")
    assert models == ["scripted"]


@pytest.mark.parametrize(
    ("turn", "error"),
    [
        ({"status": 429, "retry_after": 2}, openai.RateLimitError),
        ({"status": 503}, openai.InternalServerError),
        ({"drop": True}, openai.APIConnectionError),
        ({"malformed": True}, json.JSONDecodeError),
    ],
)
def test_a_turn_may_fail_in_every_way(turn: dict[str, Any], error: type[Exception]) -> None:
    with (
        serving(script_of([turn])) as server,
        client(server) as api,
        pytest.raises(error) as failed,
    ):
        ask(api, "go")
    if isinstance(failed.value, openai.RateLimitError):
        assert failed.value.response.headers["retry-after"] == "2"


@pytest.mark.parametrize("script", [{}, [], [{"say": 1}], [{"status": 20}]])
def test_a_script_that_cannot_be_played_is_refused_with_its_place(script: Any) -> None:
    with pytest.raises(ScriptError):
        script_of(script)


@pytest.mark.parametrize(
    ("asks", "code", "number"), [(1, 0, signal.SIGINT), (0, 1, signal.SIGTERM)]
)
def test_the_command_says_whether_the_script_was_consumed(
    tmp_path: Path, asks: int, code: int, number: signal.Signals
) -> None:
    (tmp_path / "script.yaml").write_text("- text: Hello.\n")
    command = [sys.executable, "manage.py", "scripted_model", str(tmp_path / "script.yaml")]
    command += ["--log", str(tmp_path / "log")]
    with subprocess.Popen(
        command, cwd=ROOT, env=dict(os.environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().decode().strip().partition("=")[2]
        with openai.OpenAI(base_url=url, api_key="none", max_retries=0) as api:
            for _ in range(asks):
                assert ask(api, "hi").choices[0].message.content == "Hello."
        process.send_signal(number)
        try:
            _out, complaint = process.communicate(timeout=120)
        finally:
            process.kill()
    assert process.returncode == code
    assert (b"1 turns are left" in complaint) == bool(code)
    assert len((tmp_path / "log").read_text().splitlines()) == asks
