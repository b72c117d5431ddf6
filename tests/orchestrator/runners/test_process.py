import contextlib
import json
import os
import subprocess
import sys
import textwrap
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator.runners.base import AgentFailedError, AgentRequest, AgentResult, TurnLostError
from orchestrator.runners.process import ProcessRunner


def ask(
    program: str,
    *,
    seconds: float = 120,
    heartbeat: Any = lambda: None,
    inputs: Mapping[str, Any] | None = None,
    paths: Sequence[str] = (),
    **config: Any,
) -> AgentResult:
    request = AgentRequest(
        run_id="run",
        step_path="style",
        agent_slug="style",
        config={"argv": ["python", "-c", textwrap.dedent(program)], **config},
        inputs=inputs or {},
        context={"inputs": {}, "steps": {}},
        deadline=timedelta(seconds=seconds),
        idempotency_key="key",
        paths=paths,
    )
    return ProcessRunner().run(request, heartbeat)


def refused(program: str, **kwargs: Any) -> AgentFailedError:
    with pytest.raises(AgentFailedError) as caught:
        ask(program, **kwargs)
    return caught.value


def test_an_agent_is_given_json_and_answers_json() -> None:
    answer = ask(
        """
        import json, sys
        given = json.load(sys.stdin)
        json.dump({"output": {"seen": given["inputs"], "key": given["idempotency_key"]},
                   "exhibits": [{"name": "Note", "kind": "note", "content": {"a": 1}}],
                   "proposals": [{"tool": "merge", "arguments": {"x": 1}}],
                   "usage": {"seconds": 3}}, sys.stdout)
        """,
        inputs={"repo": "here"},
    )
    assert answer.output == {"seen": {"repo": "here"}, "key": "key"}
    assert answer.exhibits[0].name == "Note"
    assert answer.proposals[0].tool == "merge"
    assert answer.usage == {"seconds": 3}


def test_an_agent_inherits_nothing_of_the_workers_environment_or_directory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SECRET_KEY", "do not tell")
    seen = ask(
        """
        import json, os
        print(json.dumps({"output": {"env": dict(os.environ), "here": os.listdir(".")}}))
        """,
        env={"EXTRA": "given"},
    ).output
    assert set(seen["env"]) <= {"PATH", "LANG", "HOME", "TMPDIR", "EXTRA", "LC_CTYPE"}
    assert seen["env"]["HOME"] != os.environ["HOME"]
    assert seen["env"]["EXTRA"] == "given"
    assert seen["here"] == []


def test_a_large_input_and_a_large_output_do_not_block_each_other() -> None:
    text = "x" * 1_000_000
    answer = ask(
        """
        import json, sys
        json.dump({"output": {"n": len(json.load(sys.stdin)["inputs"]["text"]), "t": "y" * 10**6}},
                  sys.stdout)
        """,
        inputs={"text": text},
    )
    assert answer.output["n"] == 1_000_000


def test_an_agent_past_its_deadline_is_killed() -> None:
    name = uuid.uuid4().hex
    error = refused(f"import time; time.sleep(600)  # {name}", seconds=1)
    assert (error.code, error.retryable) == ("timed_out", True)
    assert not living(name)


def test_a_lost_claim_stops_the_agent_with_everything_it_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("orchestrator.runners.process.BEAT_SECONDS", 0.05)
    name = uuid.uuid4().hex

    def beat() -> None:
        if len(living(f"time.sleep(600)\0{name}")) == 2:
            raise TurnLostError

    with pytest.raises(TurnLostError):
        ask(
            f"""
            import subprocess, sys, time
            sleep = [sys.executable, "-c", "import time; time.sleep(600)", {name!r}]
            subprocess.Popen(sleep)
            subprocess.Popen(sleep, start_new_session=True)
            time.sleep(600)
            """,
            heartbeat=beat,
        )
    assert not living(name)


@pytest.mark.parametrize("is_daemon", [False, True])
def test_what_an_agent_leaves_behind_ends_with_its_turn(*, is_daemon: bool) -> None:
    answer = ask(
        f"""
        import subprocess, sys
        sleep = "import time; time.sleep(600)"
        child = subprocess.Popen([sys.executable, "-c", sleep], start_new_session={is_daemon})
        print('{{"output": {{"pid": %d}}}}' % child.pid, flush=True)
        """
    )
    assert not Path(f"/proc/{answer.output['pid']}").exists()


def test_a_family_of_orphans_in_sessions_of_their_own_ends_with_the_turn() -> None:
    name = uuid.uuid4().hex
    ask(
        f"""
        import os, time
        for depth in range(5):
            if os.fork():
                break
            os.setsid()
        else:
            time.sleep(60)
        if depth:
            time.sleep(60)
        time.sleep(0.5)
        print("{{}}")  # {name}
        """
    )
    assert not living(name)


@pytest.mark.kill
def test_what_an_agent_started_does_not_outlive_a_killed_worker() -> None:
    name = uuid.uuid4().hex
    agent = f"""if True:
        import subprocess, sys, time
        sleep = [sys.executable, "-c", "import time; time.sleep(60)", {name!r}]
        subprocess.Popen(sleep, start_new_session=True)
        time.sleep(60)
    """
    program = (
        "import django; django.setup()\n"
        "from tests.orchestrator.runners.test_process import ask\n"
        f"ask({agent!r})"
    )
    worker = subprocess.Popen([sys.executable, "-c", program])
    grandchild = f"time.sleep(60)\0{name}"
    wait_until(lambda: living(grandchild))
    worker.kill()
    worker.wait()
    wait_until(lambda: not living(name))


@pytest.mark.parametrize(
    ("program", "code", "retryable"),
    [
        ("raise SystemExit(3)", "agent_failed", True),
        ("raise SystemExit(75)", "temporary_failure", True),
        ("import os; os.kill(os.getpid(), 9)", "agent_failed", True),
        ("print('not json')", "malformed_output", False),
        ("print('[]')", "malformed_output", False),
        ('print(\'{"output": {"a": NaN}}\')', "malformed_output", False),
        ('print(\'{"output": {"a": "\\\\u0000"}}\')', "malformed_output", False),
        ("print('{\"output\": ' + '[' * 100000)", "malformed_output", False),
        ("print('{\"surprise\": 1}')", "malformed_output", False),
        ('print(\'{"proposals": [{"tool": "x"}]}\')', "malformed_output", False),
        ("print('x' * 5_000_000)", "output_too_large", False),
        (
            "import json; print(json.dumps({'error': {'code': 'no_git', 'detail': 'x'}}))",
            "no_git",
            False,
        ),
    ],
)
def test_a_bad_ending_has_a_code_and_says_whether_to_retry(
    *, program: str, code: str, retryable: bool
) -> None:
    error = refused(program)
    assert (error.code, error.retryable) == (code, retryable)


def test_what_the_agent_complained_about_is_kept_without_control_characters() -> None:
    error = refused(r"import sys; sys.stderr.write('no \x1b[31mbranch'); sys.exit(1)")
    assert "branch" in error.detail
    assert "\x1b" not in error.detail


def test_a_missing_program_is_said_and_not_retried() -> None:
    request_config = {"argv": ["/nowhere/agent"]}
    error = refused("", **request_config)
    assert (error.code, error.retryable) == ("program_not_found", False)
    assert "/nowhere/agent" in error.detail


def test_memory_is_limited() -> None:
    error = refused("x = bytearray(2 * 1024**3)", memory_mb=512)
    assert error.code == "agent_failed"


@pytest.mark.parametrize("config", [{}, {"argv": "rm -rf"}, {"argv": []}, {"argv": ["a", 1]}])
def test_a_configuration_that_is_no_argument_list_is_refused(config: dict[str, Any]) -> None:
    error = refused("", **{"argv": None, **config})
    assert error.code == "runner_config"


def test_python_means_the_interpreter_of_the_product() -> None:
    answer = ask("import json, sys; print(json.dumps({'output': {'exe': sys.executable}}))")
    assert json.dumps(answer.output["exe"]) == json.dumps(sys.executable)


def living(text: str) -> set[str]:
    """Return the processes that have this text in their command line."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if text in (process / "cmdline").read_text(errors="replace"):
                found.add(process.name)
    return found - {str(os.getpid())}


def wait_until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)
