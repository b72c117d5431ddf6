"""What git follows from a repository's own folder: links in it, and objects that it borrows.

Agents may write in such a folder. Without this look, a folder that is allowed could be made of
the refs and objects of a repository that is not.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from orchestrator.runners import roots

# Hooks and configuration of a repository are not followed from here (see `view`).
_PARTS = ("HEAD", "index", "packed-refs", "refs", "reftable", "logs", "worktrees")
_LIMIT = 65_536


def leading_on(common_dir: Path) -> Iterator[Path]:
    """Yield every place, resolved, to which a link or a list of alternates leads from here."""
    for name in _PARTS:
        yield from _links(common_dir / name)
    waiting, seen = [common_dir / "objects"], set[Path]()
    while waiting:
        store = _resolved(waiting.pop())
        if store not in seen:
            yield store
            seen.add(store)
            yield from (_resolved(place) for place in _inside(store) if place.is_symlink())
            waiting += _borrowed(store)


def _resolved(place: Path) -> Path:
    # Unlike Path.resolve, it stops at links that lead in a circle.
    return Path(os.path.realpath(place))


def _links(part: Path) -> Iterator[Path]:
    if part.is_symlink():
        yield _resolved(part)
    for folder, names, files in os.walk(part):
        places = (Path(folder, name) for name in (*names, *files))
        yield from (_resolved(place) for place in places if place.is_symlink())


def _inside(store: Path) -> Iterator[Path]:
    """Yield the folders of a store and its packs, not every object."""
    for folder in (store, store / "pack"):
        yield from folder.iterdir() if folder.is_dir() else ()


def _borrowed(store: Path) -> list[Path]:
    listed = store / "info" / "alternates"
    if not os.path.lexists(listed):
        return []
    lines = roots.read(listed, _LIMIT).decode(errors="surrogateescape").splitlines()
    # What git would unquote is named as it stands, which is nowhere.
    return [
        Path("/", line) if line.startswith('"') else store / line
        for line in lines
        if line and not line.startswith("#")
    ]
