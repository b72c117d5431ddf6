"""One call of an OpenAI-compatible endpoint: no retries, no redirects, all of it in time."""

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from audit.canonical import canonical_bytes
from orchestrator.runners import credentials, hosts
from orchestrator.runners.base import AgentFailedError, Heartbeat
from orchestrator.runners.model.config import Config
from orchestrator.runners.statuses import refused
from orchestrator.runners.waiting import CallTimedOutError, wait_for

if TYPE_CHECKING:
    from openai import OpenAI

CONNECT_SECONDS = 10.0
MOST_BYTES = 16 * 1024 * 1024


def ask(
    config: Config,
    path: str,
    body: Mapping[str, Any],
    *,
    key: str,
    seconds: float,
    heartbeat: Heartbeat,
) -> bytes:
    """Return the body of the endpoint's answer; raises AgentFailedError.

    The same question of the same turn carries the same Idempotency-Key, whoever asks it.
    """
    import openai  # noqa: PLC0415 - a second of start-up that only such agents need

    try:
        hosts.check(config.base_url, loopback=True)
    except hosts.UnreachableError as error:
        raise AgentFailedError("endpoint_not_allowed", str(error), retryable=False) from None
    client = _client(config, seconds)
    try:
        return wait_for(
            lambda: _post(client, path, body, _key(key, body)),
            seconds=seconds,
            heartbeat=heartbeat,
            abandon=client.close,
        )
    except (CallTimedOutError, openai.APITimeoutError):
        detail = f"The model did not answer within {seconds:g} seconds."
        raise AgentFailedError("timed_out", detail, retryable=True) from None
    except openai.APIStatusError as error:
        after = error.response.headers.get("retry-after", "")
        raise refused("endpoint", error.status_code, after) from None
    except openai.APIError as error:
        why = type(error.__cause__ or error).__name__
        detail = f"The connection to the model's endpoint failed: {why}."
        raise AgentFailedError("endpoint_unreachable", detail, retryable=True) from None


def _client(config: Config, seconds: float) -> "OpenAI":
    import openai  # noqa: PLC0415 - as above

    # Given everything it would otherwise look up in the environment, for another address perhaps.
    key = credentials.secret(config.api_key, config.base_url) if config.api_key else "none"
    timeout = openai.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds))
    return openai.OpenAI(
        base_url=config.base_url,
        api_key=key,
        admin_api_key="",
        webhook_secret="",
        default_headers={"Authorization": f"Bearer {key}"},
        max_retries=0,
        timeout=timeout,
        http_client=openai.DefaultHttpxClient(
            timeout=timeout, follow_redirects=False, trust_env=False
        ),
    )


def _post(client: "OpenAI", path: str, body: Mapping[str, Any], key: str) -> bytes:
    headers = {"Idempotency-Key": key}
    with client:
        api = client.chat.completions if path.startswith("/chat") else client.responses
        create: Any = api.with_streaming_response.create
        content = bytearray()
        with create(**body, extra_headers=headers) as response:
            for piece in response.iter_bytes():
                content += piece
                if len(content) > MOST_BYTES:
                    detail = f"The model's answer is longer than {MOST_BYTES:,} bytes."
                    raise AgentFailedError("output_too_large", detail, retryable=False)
        return bytes(content)


def _key(turn: str, body: Mapping[str, Any]) -> str:
    return hashlib.sha256(turn.encode() + b"\n" + canonical_bytes(dict(body))).hexdigest()
