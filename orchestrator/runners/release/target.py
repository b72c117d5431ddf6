"""A target: a folder with releases beside one another, and a link to the one that is current.

target.json      {"environment": "staging"}, written by whoever runs the target
allowed_signers  whose commits may run here, in the format of ssh-keygen(1)
releases/KEY/    the files of one release; KEY is the beginning of its effect's key
releases/KEY.json  its commit, version and digest, and which release it replaced
current          a symbolic link to a release
"""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from orchestrator.runners.git.command import RepositoryError

RULES, SIGNERS, RELEASES, CURRENT = "target.json", "allowed_signers", "releases", "current"
ENVIRONMENTS = ("development", "staging", "production")
NONE = "none"
LIMIT = 262_144
_KEY_LENGTH = 24


class MovedError(RepositoryError):
    """The target's current release is another one, so certainly nothing was changed."""


@dataclass(frozen=True, slots=True)
class Release:
    """What lies in a target. `previous` is the release it took the place of."""

    name: str
    commit: str
    version: str
    artifact: str
    previous: str


@dataclass(frozen=True, slots=True)
class Target:
    """A folder that was found to be a target, and which environment it says it is."""

    path: Path
    environment: str
    signers: str

    @property
    def name(self) -> str:
        """Return what people call it."""
        return self.path.name

    def current(self) -> str:
        """Return the name of the current release, or that there is none."""
        try:
            return (self.path / CURRENT).readlink().name
        except FileNotFoundError:
            return NONE

    def release(self, name: str) -> Release | None:
        """Return what is known of a release; None when it is not here."""
        record = self.path / RELEASES / f"{name}.json"
        if name == NONE or not record.is_file() or not (self.path / RELEASES / name).is_dir():
            return None
        return Release(**json.loads(record.read_text()))

    def was_current(self, name: str) -> bool:
        """Return whether a release is current, or was until another took its place."""
        records = (self.path / RELEASES).glob("*.json")
        after = (json.loads(record.read_text())["previous"] for record in records)
        return self.current() == name or name in after

    def lay_down(self, release: Release, files: Mapping[str, tuple[int, bytes]]) -> None:
        """Write a release beside the others; one that is there already is whole, and kept.

        Whoever does this holds the target (`turn`).
        """
        place = self.path / RELEASES / release.name
        if place.is_dir():
            return
        draft = place.with_name(f".{release.name}")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        for name, (mode, data) in files.items():
            file = draft / name
            file.parent.mkdir(parents=True, exist_ok=True)
            _write(file, data)
            file.chmod(mode)
        _write(place.with_name(f"{release.name}.json"), json.dumps(asdict(release)).encode())
        draft.rename(place)

    def switch(self, *, expected: str, to: str) -> None:
        """Make another release current, in one step that nobody sees half of."""
        if self.current() != expected:
            raise MovedError(f"Another release became current in {self.name} meanwhile.")
        link, draft = self.path / CURRENT, self.path / f".{CURRENT}"
        if to == NONE:
            link.unlink()
            return
        if not (self.path / RELEASES / to).is_dir():
            raise RepositoryError(f"The release {to} is not in {self.name} any more.")
        draft.unlink(missing_ok=True)
        draft.symlink_to(Path(RELEASES) / to)
        draft.replace(link)


def release_name(effect_key: str) -> str:
    """Return what the release of an effect is called; a repetition has the same name."""
    if not effect_key.isalnum():
        raise RepositoryError(f"{effect_key!r} is not the key of an effect.")
    return effect_key[:_KEY_LENGTH]


def open_target(path: str, roots: Sequence[Path] = ()) -> Target:
    """Find the target that lies exactly at `path`, an absolute path inside one of `roots`."""
    place = Path(path)
    if not path.isprintable() or not place.is_absolute() or not place.is_dir():
        raise RepositoryError(f"{path!r} is not the absolute path of a folder.")
    place = place.resolve()
    if roots and not any(place.is_relative_to(root.resolve()) for root in roots):
        outside = "lies outside the folders that COUNTERSIGN_TARGET_ROOTS allows."
        raise RepositoryError(f"{place} {outside}")
    return Target(place, _environment(place), _text(place / SIGNERS))


def _environment(place: Path) -> str:
    try:
        rules = json.loads(_text(place / RULES))
        environment = rules["environment"]
    except (ValueError, KeyError, TypeError):
        environment = None
    if environment not in ENVIRONMENTS:
        known = ", ".join(ENVIRONMENTS)
        raise RepositoryError(f"{place / RULES} has to name an environment of {known}.")
    return str(environment)


def _text(file: Path) -> str:
    if not file.is_file():
        return ""
    if file.stat().st_size > LIMIT:
        raise RepositoryError(f"{file} is larger than {LIMIT} bytes.")
    return file.read_text(errors="replace")


def _write(file: Path, data: bytes) -> None:
    with file.open("wb") as into:
        into.write(data)
        into.flush()
        os.fsync(into.fileno())
