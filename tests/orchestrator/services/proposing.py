"""What agents of these tests propose."""

from pathlib import Path
from typing import Any


def append(ledger: Path, line: str = "second", tool: str = "ledger.append") -> dict[str, Any]:
    """Return a proposal to append a line to a ledger."""
    return {"tool": tool, "arguments": {"ledger": str(ledger), "line": line}}
