"""Makes an agent work that is a web service: one signed request, answered at once or later.

The body of the request is what `process` gives its programs, with `callback: {url, token}`. The
header `Countersign-Signature` is `t=<unix seconds>,v1=<HMAC-SHA256 over "t.body">` under the
agent's secret. Status 200 carries the answer; 202 says that it comes to the callback's address,
as a POST with the token as the bearer's, before the time of the turn is over.
"""

import json
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import jsonschema_rs

from governance.refusals import Refusal
from governance.services import webhooks
from governance.services.outgoing import Answer
from orchestrator.runners import credentials, hosts
from orchestrator.runners.answer import read_answer, result_of
from orchestrator.runners.asking import asked
from orchestrator.runners.base import (
    AgentFailedError,
    AgentRequest,
    AgentResult,
    Heartbeat,
)
from orchestrator.runners.settled import misfits
from orchestrator.runners.statuses import ACCEPTED, OK, refused
from orchestrator.runners.waiting import CallTimedOutError, wait_for

MOST_OUTPUT = 4 * 1024 * 1024
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["url", "secret"],
    "properties": {"url": {"type": "string"}, "secret": {"type": "string"}},
}
_validator = jsonschema_rs.Draft202012Validator(SCHEMA)


class HttpRunner:
    """Posts to `runner_config.url`, signed with the secret that `runner_config.secret` names."""

    name = "http"
    version = "1"
    answers_later = True

    def run(self, request: AgentRequest, heartbeat: Heartbeat) -> AgentResult:
        """Take one turn: read the answer that came since, or ask and maybe wait for it."""
        if request.answer is not None:
            return result_of(request.answer)
        for pointer, detail in faults_of(request.config):
            why = f"The agent's configuration: {pointer} {detail}"
            raise AgentFailedError("runner_config", why, retryable=False)
        started, seconds = time.monotonic(), request.deadline.total_seconds()
        secret = credentials.secret(request.config["secret"], request.config["url"])
        try:
            answer = wait_for(
                lambda: _asked(request, secret, seconds), seconds=seconds, heartbeat=heartbeat
            )
        except CallTimedOutError:
            raise _late(seconds) from None
        except webhooks.NotSentError as error:
            if time.monotonic() - started >= seconds:
                raise _late(seconds) from None
            detail = f"The agent could not be reached: {error}."
            raise AgentFailedError("agent_unreachable", detail, retryable=True) from None
        except Refusal as no:
            raise AgentFailedError(no.code, no.detail, retryable=False) from None
        return _result(answer, seconds - (time.monotonic() - started))


def faults_of(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield everything that is wrong with a `runner_config`, as JSON pointer and remedy."""
    if found := list(misfits(_validator, config)):
        yield from found
        return
    if fault := hosts.fault_of(config["url"]):
        yield "/url", fault
    elif fault := credentials.fault_of(config["secret"], config["url"]):
        yield "/secret", fault


def _asked(request: AgentRequest, secret: str, seconds: float) -> Answer:
    body = asked(request)
    if request.callback is not None:
        body["callback"] = {"url": request.callback.url, "token": request.callback.token}
    content = json.dumps(body).encode()
    url = request.config["url"]
    return webhooks.send(
        url=url,
        headers={
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": "Countersign",
            "Idempotency-Key": request.idempotency_key,
            "Countersign-Signature": webhooks.signature(secret, content, int(time.time())),
        },
        content=content,
        seconds=seconds,
        private=hosts.is_trusted(urlsplit(url).hostname or "", loopback=False),
        most_bytes=MOST_OUTPUT,
    )


def _result(answer: Answer, left: float) -> AgentResult:
    if answer.status == ACCEPTED:
        return AgentResult(awaits=timedelta(seconds=max(left, 1.0)))
    if answer.status != OK:
        raise refused("agent", answer.status, answer.headers.get("retry-after", ""))
    try:
        return read_answer(answer.body)
    except AgentFailedError as error:
        if error.code == "malformed_output":
            error.retryable = True  # what stands in front of a service speaks in its stead
        raise


def _late(seconds: float) -> AgentFailedError:
    detail = f"The agent did not answer within {seconds:g} seconds."
    return AgentFailedError("timed_out", detail, retryable=True)
