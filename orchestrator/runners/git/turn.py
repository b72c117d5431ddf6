"""One process at a time acts on a folder; one that was replaced acts no more.

Such a folder is a repository, or a target of releases. The lock belongs to the open descriptor,
which git's processes share: it ends when the last of them has ended, so after `kill -9` of a
worker nobody asks what happened while an orphaned git is still making it happen. The fence turns
away a worker that slept through its own replacement.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from orchestrator.runners.git.bounded import kept_open
from orchestrator.runners.git.command import GitInterruptedError, RepositoryError

WAIT_SECONDS = 60.0
PAUSE_SECONDS = 0.05
FENCE_DAYS = 30
FENCES = "countersign-fences"


@contextmanager
def turn(
    folder: Path, effect_key: str = "", fence: int = 0, *, wait: float = WAIT_SECONDS
) -> Iterator[None]:
    """Hold the folder; with an `effect_key`, only if no later fence has held it for that.

    Raises GitInterruptedError when another process holds it for longer than `wait` seconds: what
    that one does is not known yet.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _lock(descriptor, folder, time.monotonic() + wait)
        if effect_key:
            _pass_fence(folder / FENCES, effect_key, fence)
        with kept_open(descriptor):
            yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise GitInterruptedError(
                    f"Another process is still working on {folder}."
                ) from None
            time.sleep(PAUSE_SECONDS)
        else:
            return


def _pass_fence(folder: Path, effect_key: str, fence: int) -> None:
    if not effect_key.isalnum():
        raise RepositoryError(f"{effect_key!r} is not the key of an effect.")
    place = folder / effect_key
    folder.mkdir(exist_ok=True)
    highest = int(place.read_text()) if place.exists() else 0
    if fence < highest:
        raise RepositoryError(f"Try {fence} of this effect was replaced by try {highest}.")
    # Written aside and renamed, so that a crash leaves the old number or the new one.
    draft = folder / f".{effect_key}"
    draft.write_text(str(fence))
    draft.replace(place)
    _forget_old(folder)


def _forget_old(folder: Path) -> None:
    oldest = time.time() - FENCE_DAYS * 86_400
    for place in folder.iterdir():
        with suppress(FileNotFoundError):
            if place.stat().st_mtime < oldest:
                place.unlink()
