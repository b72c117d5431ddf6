"""One process at a time acts on a folder; one that was replaced acts no more.

Such a folder is a repository, or a target of releases. The lock belongs to the open descriptor,
which git's processes share: it ends when the last of them has ended, so after `kill -9` of a
worker nobody asks what happened while an orphaned git is still making it happen. The fence turns
away a worker that slept through its own replacement.

Agents may write in such a folder, so what stands in it is not believed: fences are reached from
the folder's descriptor, through no link, and one that is no number turns everybody away.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from orchestrator.runners.faults import PlaceError, UnansweredError
from orchestrator.runners.git.bounded import kept_open

WAIT_SECONDS = 60.0
PAUSE_SECONDS = 0.05
FENCE_DAYS = 30
FENCES = "countersign-fences"
_LONGEST_NUMBER = 20


@contextmanager
def turn(
    folder: Path, effect_key: str = "", fence: int = 0, *, wait: float = WAIT_SECONDS
) -> Iterator[None]:
    """Hold the folder; with an `effect_key`, only if no later fence has held it for that.

    Raises UnansweredError when another process holds it for longer than `wait` seconds: what
    that one does is not known yet.
    """
    with _opened(folder) as descriptor:
        _lock(descriptor, folder, time.monotonic() + wait)
        if effect_key:
            _pass_fence(descriptor, effect_key, fence)
        with kept_open(descriptor):
            yield


@contextmanager
def _opened(folder: Path | str, within: int | None = None) -> Iterator[int]:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=within)
    except OSError as error:
        raise PlaceError(f"{folder} is no folder of its own: {error.strerror}.") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise UnansweredError(f"Another process is still working on {folder}.") from None
            time.sleep(PAUSE_SECONDS)
        else:
            return


def _pass_fence(folder: int, effect_key: str, fence: int) -> None:
    if not effect_key.isalnum():
        raise PlaceError(f"{effect_key!r} is not the key of an effect.")
    with suppress(FileExistsError):
        os.mkdir(FENCES, dir_fd=folder)
    with _opened(FENCES, folder) as fences:
        highest = _highest(fences, effect_key)
        if fence < highest:
            raise PlaceError(f"Try {fence} of this effect was replaced by try {highest}.")
        try:
            _write(fences, effect_key, fence)
            _forget_old(fences)
        except OSError as error:
            raise PlaceError(f"{FENCES} cannot be written: {error.strerror}.") from error


def _highest(fences: int, effect_key: str) -> int:
    try:
        # Without waiting: who opens a pipe would wait for somebody to write.
        file = os.open(effect_key, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=fences)
        with os.fdopen(file, "rb") as opened:
            return int(opened.read(_LONGEST_NUMBER))
    except FileNotFoundError:
        return 0
    except (OSError, ValueError) as error:
        detail = f"{FENCES}/{effect_key} is no number, and whoever put it there removes it."
        raise PlaceError(detail) from error


def _write(fences: int, effect_key: str, fence: int) -> None:
    # Written aside and renamed, so that a crash leaves the old number or the new one.
    draft = f".{effect_key}"
    with suppress(FileNotFoundError):
        os.unlink(draft, dir_fd=fences)
    new = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=fences)
    with os.fdopen(new, "w") as opened:
        opened.write(str(fence))
    os.replace(draft, effect_key, src_dir_fd=fences, dst_dir_fd=fences)


def _forget_old(fences: int) -> None:
    oldest = time.time() - FENCE_DAYS * 86_400
    for name in os.listdir(fences):
        with suppress(FileNotFoundError):
            if os.stat(name, dir_fd=fences, follow_symlinks=False).st_mtime < oldest:
                os.unlink(name, dir_fd=fences)
