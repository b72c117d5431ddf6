"""What agents of these tests propose."""

from pathlib import Path
from typing import Any


def append(ledger: Path, line: str = "second") -> dict[str, Any]:
    """Return a proposal to append a line to a ledger."""
    return {"tool": "ledger.append", "arguments": {"ledger": str(ledger), "line": line}}
