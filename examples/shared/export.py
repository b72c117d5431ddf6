"""Copies Python files out of git for tools that read files.

Names in a repository are hostile too (`../x`, `-rf`, a newline), so every file goes into a
numbered folder of its own and findings are told under the name it has in the repository.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from repository import File, Snapshot

MOST_BYTES = 1_000_000
MOST_FILES = 5_000
PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.]{0,100}\.pyi?\Z")


def export_python(
    snapshot: Snapshot, files: Iterable[File], folder: Path
) -> tuple[dict[str, str], list[File]]:
    """Write those of the files that are Python below `folder`.

    Return their names in the repository by written path, and the files too large to be read.
    """
    names: dict[str, str] = {}
    left_out = []
    python = [file for file in files if file.path.endswith((b".py", b".pyi"))]
    for number, file in enumerate(python):
        if file.size > MOST_BYTES or number >= MOST_FILES:
            left_out.append(file)
            continue
        place = folder / str(number) / _plain_name(file)
        place.parent.mkdir(parents=True)
        place.write_bytes(snapshot.content(file))
        names[str(place)] = file.name
    return names, left_out


def unread(file: File) -> str:
    """Say that a file was not looked at."""
    return f"{file.size} bytes are more than this agent reads; look at it yourself."


def _plain_name(file: File) -> str:
    name = file.name.rpartition("/")[2]
    return name if PLAIN.match(name) else "file.pyi" if name.endswith(".pyi") else "file.py"
