"""Folders in which tools may act: none that nobody named, and no way out of one by a link."""

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from orchestrator.runners.faults import PlaceError


def inside(path: str, roots: Sequence[Path], setting: str) -> Path:
    """Return the folder that lies exactly at `path`, inside one of `roots`, without links.

    Raises PlaceError, which names the setting that lists the roots.
    """
    place = Path(path)
    if not path.isprintable() or not place.is_absolute() or not place.is_dir():
        raise PlaceError(f"{path!r} is not the absolute path of a folder.")
    place = place.resolve()
    require_inside(place, roots, setting)
    return place


def require_inside(place: Path, roots: Sequence[Path], setting: str) -> None:
    """Raise PlaceError unless a resolved place lies in one of the roots of the setting."""
    if not any(place.is_relative_to(root.resolve()) for root in roots):
        remedy = f"whoever runs the workers adds a folder around it to {setting}."
        raise PlaceError(f"{place} lies outside the folders that are allowed; {remedy}")


def within(folder: Path, *names: str) -> Path:
    """Return a place in a folder that has no links; raises PlaceError if one leads away."""
    place = folder.joinpath(*names)
    if place.resolve() != place:
        raise PlaceError(f"{place} is a link that leads elsewhere.")
    return place


def read(file: Path, most: int) -> bytes:
    """Return at most so many bytes of a regular file; raises PlaceError for a link."""
    # Without waiting: who opens a pipe would wait for somebody to write.
    with _open(file, os.O_RDONLY, "rb") as opened:
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            raise PlaceError(f"{file} is no regular file.")
        return opened.read(most)


def write(file: Path, data: bytes) -> None:
    """Write a file for good; raises PlaceError for a link, and writes nothing."""
    with _open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, "wb") as opened:
        opened.write(data)
        opened.flush()
        os.fsync(opened.fileno())


def _open(file: Path, flags: int, mode: str) -> IO[bytes]:
    try:
        return os.fdopen(os.open(file, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666), mode)
    except OSError as error:
        raise PlaceError(f"{file} cannot be opened: {error.strerror}.") from error
