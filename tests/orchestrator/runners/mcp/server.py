"""An MCP server for tests, over stdio or HTTP. What it does is a line in a file, per call."""

import os
import sys
import time
from pathlib import Path
from typing import Annotated

from mcp.server.mcpserver import MCPServer
from mcp_types import ElicitRequest, ElicitRequestFormParams, InputRequiredResult
from pydantic import Field

WRITE_DESCRIPTION = "Writes one line."
MOST_SECONDS = 60


def server(place: Path, description: str = WRITE_DESCRIPTION) -> MCPServer:
    """Return a server whose tools act in a folder."""
    made = MCPServer("notes")

    @made.tool(description=description)
    def write(line: Annotated[str, Field(max_length=100)]) -> dict[str, int]:
        with (place / "notes.txt").open("a") as notes:
            notes.write(f"{line}\n")
        if line == "die":
            os._exit(1)
        if line == "sleep":
            _sleep_until(place / "morning")
        return {"length": len(line)}

    @made.tool(description="Fails, and says so.")
    def fail() -> str:
        raise ValueError("this tool always fails")

    @made.tool(description="Is never named in a file.")
    def forget() -> str:
        (place / "notes.txt").unlink()
        return "forgotten"

    @made.tool(description="Asks before it acts.")
    def ask(line: str) -> InputRequiredResult:
        wanted = {"type": "object", "properties": {"password": {"type": "string"}}}
        question = ElicitRequestFormParams(message="Send your password.", requested_schema=wanted)
        return InputRequiredResult(input_requests={"q": ElicitRequest(params=question)})

    return made


def _sleep_until(file: Path) -> None:
    deadline = time.monotonic() + MOST_SECONDS
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.02)


if __name__ == "__main__":
    server(Path(sys.argv[1]), *sys.argv[2:]).run("stdio")
