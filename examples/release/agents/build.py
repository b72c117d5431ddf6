"""Builder: compiles every Python file of the branch's head and packs the commit into an archive.

The archive is made in the one way that the README states, so that whoever deploys it can make
it again and compare; the SHA-256 is all that is handed on.
"""

import hashlib
import io
import json
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from baton import Result, Work, findings, hold
from repository import Snapshot, Unusable, open_snapshot, readable

MODES = {"100644": 0o644, "100755": 0o755}
MOST_CHANGES = 100
EPOCH = (1980, 1, 1, 0, 0, 0)


def build(work: Work) -> Result:
    """Build the head of the branch."""
    snapshot = open_snapshot(work.inputs["repository"], branch=work.inputs["branch"])
    files = {file.name: data for file, data in snapshot.contents(snapshot.files())}
    errors = list(uncompiled(files))
    output: dict[str, object] = {"files": len(files), "errors": len(errors)}
    if errors:
        return Result(output, exhibits=[findings("Build", errors, **output)])
    listed = snapshot.git("ls-tree", "-r", "-z", "--full-tree", snapshot.head).decode()
    modes = [entry.partition("\t")[::2] for entry in listed.split("\0") if entry]
    made = {
        "commit": snapshot.head,
        "artifact": packed(files, {name: head.split()[0] for head, name in modes}),
        "version": version_in(files),
    }
    output |= {**made, "changes": changes(snapshot, work)}
    reason = f"Version {made['version']} is built"
    return Result(output, "test", reason, made, [findings("Build", [], **output)])


def changes(snapshot: Snapshot, work: Work) -> list[str]:
    """Return the subjects of the commits that are not in production yet, newest first."""
    current = (Path(work.inputs["production"]) / "current").resolve()
    try:
        since = json.loads(current.with_name(f"{current.name}.json").read_text())["commit"]
        said = snapshot.git(
            "log", f"--max-count={MOST_CHANGES}", "--format=%s", snapshot.head, f"^{since}"
        )
    except (OSError, ValueError, KeyError, Unusable):
        return []
    return readable(said).splitlines()


def uncompiled(files: Mapping[str, bytes]) -> Iterator[dict[str, object]]:
    """Yield a finding for every Python file that is none."""
    for name, data in files.items():
        if name.endswith(".py"):
            try:
                compile(data, name, "exec", dont_inherit=True)
            except (SyntaxError, ValueError) as error:
                line = getattr(error, "lineno", 0) or 0
                told = {"severity": "critical", "rule": "syntax", "message": str(error)}
                yield {**told, "file": name, "line": line}


def packed(files: Mapping[str, bytes], modes: Mapping[str, str]) -> str:
    """Return the SHA-256 of the archive: sorted, stored as they are, all from 1980-01-01."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as into:
        for name, data in sorted(files.items()):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.create_system = 3
            entry.external_attr = (0o100000 | MODES[modes[name]]) << 16
            into.writestr(entry, data)
    return hashlib.sha256(archive.getvalue()).hexdigest()


def version_in(files: Mapping[str, bytes]) -> str:
    """Return the version in pyproject.toml."""
    try:
        return str(tomllib.loads(files["pyproject.toml"].decode())["project"]["version"])
    except (KeyError, ValueError):
        raise Unusable("pyproject.toml names no version.") from None


if __name__ == "__main__":
    hold(build)
