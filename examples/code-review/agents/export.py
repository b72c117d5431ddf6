"""Copies a branch's Python files out of git for tools that read files.

Names in a repository are hostile too (`../x`, `-rf`, a newline), so every file goes into a
numbered folder of its own and findings are told under the name it has in the repository.
"""

import re
from pathlib import Path

from answer import Finding
from repository import Branch, ChangedFile

MOST_BYTES = 1_000_000
MOST_FILES = 5_000
PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.]{0,100}\.pyi?\Z")


def export_python(branch: Branch, folder: Path) -> tuple[dict[str, str], list[Finding]]:
    """Write the changed Python files below `folder`.

    Return the names in the repository by written path, and a finding for each file left out.
    """
    names: dict[str, str] = {}
    left_out = []
    python = [file for file in branch.changed_files() if file.path.endswith((b".py", b".pyi"))]
    for number, file in enumerate(python):
        if file.size > MOST_BYTES or number >= MOST_FILES:
            left_out.append(_left_out(file))
            continue
        place = folder / str(number) / _plain_name(file)
        place.parent.mkdir(parents=True)
        place.write_bytes(branch.content(file))
        names[str(place)] = file.name
    return names, left_out


def _plain_name(file: ChangedFile) -> str:
    name = file.name.rpartition("/")[2]
    return name if PLAIN.match(name) else "file.pyi" if name.endswith(".pyi") else "file.py"


def _left_out(file: ChangedFile) -> Finding:
    message = f"{file.size} bytes are more than this agent reads; look at it yourself."
    return Finding(file.name, 0, "not-checked", "major", message)
