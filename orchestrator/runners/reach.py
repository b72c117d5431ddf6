"""What an agent's program may read: the system, its own folder and the paths it is asked about.

Never the data directory and what else holds secrets of the product, wherever those lie: a folder
around them is opened up to their neighbours only. All that an agent may read inside the data
directory is what the run's inputs name of the stages of examples, or if it is a git repository.
"""

import contextlib
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from django.conf import settings

SYSTEM = (
    *("/usr", "/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin", "/opt", "/nix/store"),
    *("/etc", "/etc/resolv.conf", "/etc/localtime"),
    *("/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/sys/devices/system/cpu"),
)
DEVICES = tuple(map(Path, ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")))
# Settings that may come from the file which the variable of this name and `_FILE` names.
SECRETS = ("SECRET_KEY", "DATABASE_URL", "REDIS_URL", "EMAIL_URL")
STAGES = "stages"
SQLITE_FILES = ("", "-wal", "-shm", "-journal")


def readable(argv: Sequence[str], inputs: Iterable[str]) -> list[Path]:
    """Return resolved paths for a program and the paths among its run's inputs."""
    wanted: list[str | Path] = [
        *SYSTEM,
        sys.prefix,
        sys.base_prefix,
        *_on_path(),
        *_programs(argv),
    ]
    for place in map(Path, inputs):
        wanted += [place, *_shared_repository(place)]
    hidden = _hidden()
    resolved = {Path(each).resolve() for each in wanted if Path(each).is_absolute()}
    return sorted(part for each in resolved for part in _beside(each, hidden))


def _on_path() -> list[str]:
    return os.environ.get("PATH", os.defpath).split(os.pathsep)


def _programs(argv: Sequence[str]) -> Iterator[Path]:
    """Yield the folder of every file that the command line names."""
    for part in (shutil.which(argv[0]) or argv[0], *argv[1:]):
        file = Path(part)
        if file.is_absolute() and file.is_file():
            yield file.parent
            yield file.resolve().parent


def _shared_repository(place: Path) -> Iterator[Path]:
    """Yield where a linked worktree keeps what it shares with its repository."""
    pointer = place / ".git"
    if not pointer.is_file():
        return
    own = place / pointer.read_text(errors="replace").removeprefix("gitdir:").strip()
    shared = own / "commondir"
    common = own / shared.read_text().strip() if shared.is_file() else own
    if _is_repository(common):
        yield common


def _is_repository(place: Path) -> bool:
    inside = place / ".git"
    git = inside if inside.is_dir() else place
    return inside.is_file() or ((git / "HEAD").is_file() and (git / "objects").is_dir())


def secret_names() -> frozenset[str]:
    """Return the names of the secrets that agents' configurations may name."""
    return frozenset(entry.partition("@")[0] for entry in settings.AGENT_SECRETS)


def _hidden() -> frozenset[Path]:
    secrets = (*SECRETS, *secret_names())
    files = [str(settings.DATA_DIR), *(os.environ.get(f"{name}_FILE", "") for name in secrets)]
    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        files += [f"{database['NAME']}{ending}" for ending in SQLITE_FILES]
    return frozenset(Path(each).resolve() for each in files if each)


def _beside(path: Path, hidden: frozenset[Path]) -> Iterator[Path]:
    if path in hidden or path == Path(path.anchor):
        return
    if any(each.is_relative_to(path) for each in hidden):
        with contextlib.suppress(PermissionError):
            for child in path.iterdir():
                if not child.is_symlink():
                    yield from _beside(child, hidden)
    elif not _is_kept(path) or _is_repository(path):
        yield path


def _is_kept(path: Path) -> bool:
    """Whether a path is the product's own: in its data directory and on no stage."""
    home = Path(settings.DATA_DIR).resolve()
    return home in path.parents and home / STAGES not in path.parents
