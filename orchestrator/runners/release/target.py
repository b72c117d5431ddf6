"""A target: a folder with releases beside one another, and a link to the one that is current.

target.json      {"environment": "staging"}, written by whoever runs the target
allowed_signers  whose commits may run here, in the format of ssh-keygen(1)
releases/KEY/    the files of one release; KEY is the beginning of its effect's key
releases/KEY.json  its commit, version and digest, and which release it replaced
releases/KEY.switched  that it was switched to; stands from just before that moment on
current          a symbolic link to a release
.current-KEY     the link before it is renamed to become `current`
"""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from orchestrator.runners import roots
from orchestrator.runners.faults import PlaceError

RULES, SIGNERS, RELEASES, CURRENT = "target.json", "allowed_signers", "releases", "current"
ENVIRONMENTS = ("development", "staging", "production")
NONE = "none"
LIMIT = 262_144
_KEY_LENGTH = 24


class MovedError(PlaceError):
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
        """Return what is known of a release; None when it is not here.

        Raises PlaceError for a record that says nothing: what it replaced is not guessed.
        """
        record = roots.within(self.path, RELEASES, f"{name}.json")
        if name == NONE or not record.is_file() or not (self.path / RELEASES / name).is_dir():
            return None
        return _recorded(record, name)

    def was_current(self, name: str) -> bool:
        """Return whether a release became current, whatever is current by now.

        Its link is there until the very rename that makes it current, so with the mark there and
        the link gone it was done, also where somebody switched back by hand.
        """
        return self._mark(name).is_file() and not os.path.lexists(self._link(name))

    def lay_down(self, release: Release, files: Mapping[str, tuple[int, bytes]]) -> None:
        """Write a release beside the others; one that is there already is whole, and kept.

        Whoever does this holds the target (`turn`).
        """
        place = roots.within(self.path, RELEASES, release.name)
        if place.is_dir():
            return
        draft = place.with_name(f".{release.name}")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        for name, (mode, data) in files.items():
            file = draft / name
            file.parent.mkdir(parents=True, exist_ok=True)
            roots.write(file, data)
            file.chmod(mode)
        record = json.dumps(asdict(release)).encode()
        roots.write(place.with_name(f"{release.name}.json"), record)
        draft.rename(place)

    def make_current(self, name: str, *, expected: str) -> None:
        """Switch to a release that was laid down, so that `was_current` says so from now on."""
        self._require_current(expected)
        link = self._link(name)
        link.unlink(missing_ok=True)
        link.symlink_to(Path(RELEASES) / name)
        roots.write(self._mark(name), b"")
        link.replace(self.path / CURRENT)

    def switch_back(self, *, expected: str, to: str) -> None:
        """Make the release before current again, in one step that nobody sees half of."""
        self._require_current(expected)
        link, draft = self.path / CURRENT, self.path / f".{CURRENT}"
        if to == NONE:
            link.unlink()
            return
        if not (self.path / RELEASES / to).is_dir():
            raise PlaceError(f"The release {to} is not in {self.name} any more.")
        draft.unlink(missing_ok=True)
        draft.symlink_to(Path(RELEASES) / to)
        draft.replace(link)

    def _require_current(self, expected: str) -> None:
        if self.current() != expected:
            raise MovedError(f"Another release became current in {self.name} meanwhile.")

    def _mark(self, name: str) -> Path:
        return roots.within(self.path, RELEASES, f"{name}.switched")

    def _link(self, name: str) -> Path:
        return self.path / f".{CURRENT}-{name}"


def release_name(effect_key: str) -> str:
    """Return what the release of an effect is called; a repetition has the same name."""
    if not effect_key.isalnum():
        raise PlaceError(f"{effect_key!r} is not the key of an effect.")
    return effect_key[:_KEY_LENGTH]


def open_target(path: str, allowed: Sequence[Path]) -> Target:
    """Find the target that lies exactly at `path`, an absolute path inside one of `allowed`."""
    place = roots.inside(path, allowed, "COUNTERSIGN_TARGET_ROOTS")
    return Target(place, _environment(place), _text(place / SIGNERS))


def _recorded(record: Path, name: str) -> Release:
    try:
        release = Release(**json.loads(roots.read(record, LIMIT)))
        words = [release.commit, release.version, release.artifact, release.previous]
        is_whole = release.name == name and all(isinstance(word, str) for word in words)
        is_whole = is_whole and release.previous.isalnum()
    except (ValueError, TypeError, RecursionError):
        is_whole = False
    if not is_whole:
        remedy = "restore it, or remove the release's folder beside it to have it forgotten"
        raise PlaceError(f"{record} is no record of a release; {remedy}.")
    return release


def _environment(place: Path) -> str:
    try:
        rules = json.loads(_text(place / RULES))
        environment = rules["environment"]
    except (ValueError, KeyError, TypeError):
        environment = None
    if environment not in ENVIRONMENTS:
        known = ", ".join(ENVIRONMENTS)
        raise PlaceError(f"{place / RULES} has to name an environment of {known}.")
    return str(environment)


def _text(file: Path) -> str:
    if not os.path.lexists(file):
        return ""
    data = roots.read(file, LIMIT + 1)
    if len(data) > LIMIT:
        raise PlaceError(f"{file} is larger than {LIMIT} bytes.")
    return data.decode(errors="replace")
