"""One conversation with an MCP server: connected, asked and left again, all of it in time.

Every call of a tool has a connection of its own, so nothing of a server outlives an action.
"""

import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import anyio

from orchestrator.runners import confine, credentials, hosts
from orchestrator.runners.base import AgentFailedError

if TYPE_CHECKING:
    from mcp import Client
    from mcp_types import Tool

DEFAULT_SECONDS = 30
DEFAULT_MEMORY_MB = 4096
MOST_PAGES = 20
Came = TypeVar("Came")


class ServerError(Exception):
    """The server could not be talked to; the text says why, for an operator."""


def talk(config: Mapping[str, Any], work: "Callable[[Client], Awaitable[Came]]") -> Came:
    """Connect, let `work` ask what it wants, and return what came; raises ServerError.

    What `work` raises as an EffectRefusedError or EffectUnknownError of its own passes through.
    """
    seconds = int(config.get("timeout_seconds", DEFAULT_SECONDS))

    async def conversation() -> Came:
        with anyio.fail_after(seconds):
            async with _client(config, seconds, nowhere) as client:
                return await work(client)

    # A worker's own standard error may be no file, and what a server writes there is nobody's.
    with Path(os.devnull).open("w") as nowhere:
        try:
            return anyio.run(conversation)
        except Exception as error:  # noqa: BLE001 - a library's task groups raise anything
            raise _plain(error) from None


async def tools_of(client: "Client") -> "dict[str, Tool]":
    """Return the server's tools by name, from every page of its list."""
    found: dict[str, Tool] = {}
    cursor: str | None = None
    for _page in range(MOST_PAGES):
        listed = await client.list_tools(cursor=cursor)
        found.update({tool.name: tool for tool in listed.tools})
        cursor = listed.next_cursor
        if not cursor:
            return found
    raise ServerError(f"its list of tools has more than {MOST_PAGES} pages")


@asynccontextmanager
async def _client(
    config: Mapping[str, Any], seconds: int, errors: TextIO
) -> "AsyncIterator[Client]":
    from mcp import Client  # noqa: PLC0415 - a second of start-up that only such tools need

    web = "url" in config
    transport = _web(config, seconds) if web else _program(config, seconds, errors)
    async with Client(transport, read_timeout_seconds=seconds, cache=None) as client:
        yield client


@asynccontextmanager
async def _web(config: Mapping[str, Any], seconds: int) -> AsyncIterator[Any]:
    import httpx2  # noqa: PLC0415 - as above
    from mcp.client.streamable_http import streamable_http_client  # noqa: PLC0415 - as above

    hosts.check(config["url"])
    headers = {"User-Agent": "Countersign"}
    if name := config.get("token"):
        headers["Authorization"] = f"Bearer {credentials.secret(name, config['url'])}"
    timeout = httpx2.Timeout(seconds, connect=min(10.0, seconds))
    async with (
        httpx2.AsyncClient(
            headers=headers, timeout=timeout, trust_env=False, follow_redirects=False
        ) as client,
        streamable_http_client(config["url"], http_client=client) as streams,
    ):
        yield streams


def _program(
    config: Mapping[str, Any], seconds: int, errors: TextIO
) -> AbstractAsyncContextManager[Any]:
    from mcp import StdioServerParameters  # noqa: PLC0415 - as above
    from mcp.client.stdio import stdio_client  # noqa: PLC0415 - as above

    program, *arguments = config["command"]
    memory = int(config.get("memory_mb", DEFAULT_MEMORY_MB)) * 1024 * 1024
    limits = [str(os.getpid()), str(seconds + 1), str(memory), "-1", "-"]
    given = StdioServerParameters(
        command=sys.executable,
        args=[
            *("-I", "-S", str(Path(confine.__file__)), *limits),
            *(sys.executable if program == "python" else program, *arguments),
        ],
        env={**config.get("env", {}), "LANG": "C.UTF-8"},
    )
    return stdio_client(given, errlog=errors)


def _plain(error: BaseException) -> Exception:
    """Return the one error inside of what task groups wrap around it, in our own words."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if type(error).__module__.startswith(("governance.", "orchestrator.")):
        ours = error if isinstance(error, Exception) else ServerError(str(error))
        known = isinstance(ours, hosts.UnreachableError | AgentFailedError)
        return ServerError(str(ours)) if known else ours
    if isinstance(error, TimeoutError):
        return ServerError("it did not answer in time")
    return ServerError(f"{type(error).__name__}: {str(error)[:300]}")
