"""Packs a commit in the one way there is, so that two who pack it get the same bytes.

The archive is a zip of the regular files, sorted by path, stored as they are, all with the time
1980-01-01. Whoever built and tested an artifact names its SHA-256; whoever deploys it packs the
commit anew and compares.
"""

import hashlib
import io
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from orchestrator.runners.git.command import RepositoryError
from orchestrator.runners.git.view import View, shown

MOST_BYTES = 12_000_000
_MODES = {"100644": 0o644, "100755": 0o755}
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Artifact:
    """A packed commit: its files with their modes, and the SHA-256 of the archive."""

    files: Mapping[str, tuple[int, bytes]]
    digest: str
    version: str


def packed(view: View, commit: str) -> Artifact:
    """Pack a commit; raises RepositoryError for what cannot be laid down as plain files."""
    files = dict(sorted(_files(view, commit)))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as into:
        for name, (mode, data) in files.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = 3
            entry.external_attr = (0o100000 | mode) << 16
            into.writestr(entry, data)
    digest = hashlib.sha256(archive.getvalue()).hexdigest()
    return Artifact(files, digest, _version(files, commit))


def _files(view: View, commit: str) -> Iterator[tuple[str, tuple[int, bytes]]]:
    done = view.run("ls-tree", "-r", "-z", "-l", "--full-tree", commit)
    if done.truncated:
        raise RepositoryError("The commit holds more files than a release.")
    entries = [shown(entry).partition("\t") for entry in done.out.split(b"\0") if entry]
    heads = [head.split() for head, _, _ in entries]
    if sum(int(size) for *_, size in heads if size.isdigit()) > MOST_BYTES:
        raise RepositoryError(f"The commit holds more than the {MOST_BYTES} bytes of a release.")
    rest = view.run("cat-file", "--batch", stdin="\n".join(h[2] for h in heads).encode()).out
    for (mode, _, _, size), (_, _, name) in zip(heads, entries, strict=True):
        if mode not in _MODES or not _is_plain(name):
            raise RepositoryError(f"{name} is no regular file with a plain name.")
        _, _, rest = rest.partition(b"\n")
        data, rest = rest[: int(size)], rest[int(size) + 1 :]
        yield name, (_MODES[mode], data)


def _is_plain(name: str) -> bool:
    """Whether a name from a repository leads to exactly one place below a folder."""
    parts = PurePosixPath(name).parts
    return (
        name.isprintable() and "\\" not in name and "/".join(parts) == name and ".." not in parts
    )


def _version(files: Mapping[str, tuple[int, bytes]], commit: str) -> str:
    _, text = files.get("pyproject.toml", (0, b""))
    try:
        version = tomllib.loads(text.decode())["project"]["version"]
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError):
        return commit[:12]
    return shown(str(version).encode())[:50]
