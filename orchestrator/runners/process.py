"""Makes a program on this machine work as an agent: JSON in, JSON out, on standard pipes.

It reads one object from standard input:

    {"run_id", "step", "agent", "inputs",
     "context": {"inputs", "steps": {id: {"outputs", "author", "trust"}},
                 "state": {key: {"value", "entries": [{"value", "author", "trust", ...}]}}},
     "task": {"answer", ...}, "deadline_seconds", "idempotency_key"}

and after an action that it proposed with a "conversation", that and the "outcome" of the action,
or its "refusal": {"code", "detail"};

it writes one to standard output, every part optional:

    {"output": {}, "exhibits": [{"name", "kind", "content", "subject"}],
     "proposals": [{"tool", "arguments", "rationale"}], "usage": {}, "conversation": {}}

or `{"error": {"code", "detail", "retryable"}}`. Exit code 75 (EX_TEMPFAIL) asks for another try.
"""

import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema_rs

from orchestrator.runners import confine, landlock, reach, seccomp
from orchestrator.runners.answer import read_answer
from orchestrator.runners.asking import asked
from orchestrator.runners.base import AgentFailedError, AgentRequest, AgentResult, Heartbeat
from orchestrator.runners.child import ChildTimedOutError, ChildTooLoudError, Finished, converse
from orchestrator.runners.settled import ENVIRONMENT, PROGRAM, misfits

MOST_OUTPUT = 4 * 1024 * 1024
BEAT_SECONDS = 3.0
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["argv"],
    "properties": {
        "argv": PROGRAM,
        "env": ENVIRONMENT,
        "memory_mb": {"type": "integer", "minimum": 64},
    },
}
_validator = jsonschema_rs.Draft202012Validator(SCHEMA)
DEFAULT_MEMORY_MB = 4096
TRY_AGAIN = os.EX_TEMPFAIL


@dataclass(frozen=True, slots=True)
class Config:
    """`argv`: the program, where `python` means this interpreter; `env`: what it gets beside."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    memory_mb: int


class ProcessRunner:
    """Runs `runner_config.argv` without a shell, in an empty directory, under limits.

    On Linux with Landlock it reads what `reach.py` lists and writes its directory only; with
    seccomp it reaches no socket in a file.
    """

    name = "process"
    version = "1"

    def run(self, request: AgentRequest, heartbeat: Heartbeat) -> AgentResult:
        """Take one turn; raises AgentFailedError, and passes TurnLostError after killing it."""
        config = read_config(request.config)
        seconds = request.deadline.total_seconds()
        with (
            tempfile.TemporaryDirectory(prefix="cs-agent-", ignore_cleanup_errors=True) as scratch,
            _ruleset(config, request, scratch) as ruleset,
        ):
            try:
                finished = converse(
                    _confined(config, seconds, ruleset),
                    environment=_environment(config, scratch),
                    directory=scratch,
                    given=json.dumps(asked(request)).encode(),
                    seconds=seconds,
                    most_output=MOST_OUTPUT,
                    beat_seconds=BEAT_SECONDS,
                    beat=heartbeat,
                    descriptors=[ruleset] if ruleset >= 0 else [],
                )
            except ChildTimedOutError:
                detail = f"The agent did not answer within {seconds:g} seconds."
                raise AgentFailedError("timed_out", detail, retryable=True) from None
            except ChildTooLoudError:
                detail = f"The agent wrote more than {MOST_OUTPUT} bytes."
                raise AgentFailedError("output_too_large", detail, retryable=False) from None
        return _result(finished)


def faults_of(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield everything that is wrong with a `runner_config`, as JSON pointer and remedy."""
    return misfits(_validator, config)


def read_config(config: Mapping[str, Any]) -> Config:
    """Check an agent's `runner_config`; raises AgentFailedError."""
    argv, env = config.get("argv"), config.get("env", {})
    if not (isinstance(argv, list) and argv and all(isinstance(part, str) for part in argv)):
        raise _misconfigured("argv must be a list of texts that starts with a program")
    if not (isinstance(env, dict) and all(isinstance(value, str) for value in env.values())):
        raise _misconfigured("env must map names to texts")
    return Config(tuple(argv), env, int(config.get("memory_mb", DEFAULT_MEMORY_MB)))


def _misconfigured(why: str) -> AgentFailedError:
    return AgentFailedError("runner_config", f"The agent's configuration: {why}.", retryable=False)


def _ruleset(config: Config, request: AgentRequest, scratch: str) -> AbstractContextManager[int]:
    return landlock.ruleset(
        readable=reach.readable(config.argv, request.paths),
        writable=[Path(scratch).resolve(), *reach.DEVICES],
    )


def _confined(config: Config, seconds: float, ruleset: int) -> list[str]:
    program = sys.executable if config.argv[0] == "python" else config.argv[0]
    limits = [str(os.getpid()), str(int(seconds) + 1), str(config.memory_mb * 1024 * 1024)]
    limits += [str(ruleset), seccomp.no_sockets_in_files().hex() or "-"]
    wrapper = [sys.executable, "-I", "-S", str(Path(confine.__file__))]
    return [*wrapper, *limits, program, *config.argv[1:]]


def _environment(config: Config, scratch: str) -> dict[str, str]:
    beside = str(Path(sys.executable).parent)
    return {
        **config.env,
        "PATH": os.pathsep.join([beside, os.environ.get("PATH", os.defpath)]),
        "LANG": "C.UTF-8",
        "HOME": scratch,
        "TMPDIR": scratch,
    }


def _result(finished: Finished) -> AgentResult:
    if finished.code == 0:
        return read_answer(finished.stdout)
    said = _printable(finished.stderr)
    if finished.code == confine.NOT_FOUND:
        detail = f"The agent's program could not be started. {said}"
        raise AgentFailedError("program_not_found", detail.strip(), retryable=False)
    if finished.code == TRY_AGAIN:
        detail = f"The agent asked to be run again later. {said}"
        raise AgentFailedError("temporary_failure", detail.strip(), retryable=True)
    detail = f"The agent {_ending(finished.code)}. {said}"
    raise AgentFailedError("agent_failed", detail.strip(), retryable=True)


def _ending(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"exited with code {code}"


def _printable(stderr: bytes) -> str:
    text = stderr.decode(errors="replace").strip()
    kept = "".join(
        c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text
    )
    return kept[-1000:]
