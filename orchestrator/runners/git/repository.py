"""A local git repository, addressed by hostile arguments and hostile itself."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.runners import roots
from orchestrator.runners.git.bounded import Completed
from orchestrator.runners.git.command import GitInterruptedError, RepositoryError, call_git
from orchestrator.runners.git.parts import leading_on
from orchestrator.runners.git.view import View, open_view, shown

SETTING = "COUNTERSIGN_REPO_ROOTS"
_OBJECT_ID = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")
_FORMATS = frozenset({"sha1", "sha256"})


class RefMovedError(RepositoryError):
    """A compare-and-swap on a branch was lost, so certainly nothing was changed."""


@dataclass(frozen=True, slots=True)
class Repository:
    """Where an existing repository's parts lie. `path` is the work tree, or a bare one itself.

    No work tree outside of `roots` is touched.
    """

    path: Path
    common_dir: Path
    object_format: str
    roots: tuple[Path, ...] = ()

    @property
    def name(self) -> str:
        """Return what people call it: the last part of its path, without `.git`."""
        return self.path.name.removesuffix(".git") or self.path.name

    @contextmanager
    def reading(self) -> Iterator[View]:
        """Look at objects without writing any into the repository."""
        with open_view(self.common_dir / "objects", self.object_format, write=False) as view:
            yield view

    @contextmanager
    def writing(self) -> Iterator[View]:
        """Look at objects, and add new ones to the repository."""
        with open_view(self.common_dir / "objects", self.object_format, write=True) as view:
            yield view

    def run(self, *arguments: str, stdin: bytes = b"") -> Completed:
        """Call git on the repository itself, for its refs and its list of work trees."""
        where = f"--git-dir={self.common_dir}"
        return call_git(where, *arguments, cwd=self.common_dir, stdin=stdin)

    def head_of(self, branch: str) -> str:
        """Return the object id at the tip of `refs/heads/<branch>`."""
        return self.heads_of(branch)[0]

    def heads_of(self, *branches: str) -> list[str]:
        """Return the object ids at the tips of branches.

        A branch that is a symbolic ref is refused: it would be judged under one name and
        written under another.
        """
        refs = [self._ref(branch) for branch in branches]
        listed = self.run(
            "for-each-ref", "--format=%(refname)%00%(objectname)%00%(symref)", "--", *refs
        )
        rows = (line.split("\0") for line in listed.out.decode(errors="replace").splitlines())
        found = {name: (oid, alias) for name, oid, alias in rows}
        return [
            self._tip(branch, found.get(ref)) for branch, ref in zip(branches, refs, strict=True)
        ]

    def swap(self, branch: str, new: str, old: str, message: str) -> None:
        """Move the branch from `old` to `new`, or raise RefMovedError and change nothing."""
        ref = self._ref(branch)
        if self.run("check-ref-format", ref).code:
            raise RepositoryError(f"{branch!r} cannot be the name of a branch.")
        done = self.run(
            "update-ref", "--no-deref", "-m", message, ref, object_id(new), object_id(old)
        )
        if done.code < 0:
            raise GitInterruptedError("git was killed while it moved the branch.")
        if done.code:
            raise RefMovedError(f"Branch {branch} of {self.name} was not moved: {done.err}")

    def setting(self, key: str) -> str:
        """Return one value of the repository's configuration, empty when it is not set."""
        done = self.run("config", "--local", "--no-includes", "--get", key)
        return shown(done.out).strip() if done.code == 0 else ""

    def _tip(self, branch: str, found: tuple[str, str] | None) -> str:
        if found is None:
            raise RepositoryError(f"{self.name} has no branch {branch!r}.")
        oid, alias = found
        if alias:
            raise RepositoryError(f"Branch {branch!r} of {self.name} is only an alias; name it.")
        return object_id(oid)

    def _ref(self, branch: str) -> str:
        # Only a ref that git lists under exactly this name is ever used; here falls what would
        # not even reach git, or mean something else to it.
        if branch.startswith("-") or branch == "HEAD" or not branch.isprintable():
            raise RepositoryError(f"{branch!r} cannot be the name of a branch.")
        return f"refs/heads/{branch}"


def object_id(text: str) -> str:
    """Return `text` if it is a full object id; raises RepositoryError, so no option passes."""
    if not _OBJECT_ID.match(text):
        raise RepositoryError(f"{text!r} is not a full object id.")
    return text


def commit_in(view: View, oid: str) -> str:
    """Return `oid` if the repository has it as a commit."""
    wanted = f"{object_id(oid)}^{{commit}}"
    done = view.run("rev-parse", "--verify", "--quiet", "--end-of-options", wanted, ok=(0, 1, 128))
    if done.code:
        raise RepositoryError(f"Commit {oid} is not in the repository any more.")
    return object_id(done.out.decode().strip())


def open_repository(path: str, allowed: Sequence[Path]) -> Repository:
    """Find the repository that lies exactly at `path`, an absolute path inside one of `allowed`.

    Neither a parent directory's repository nor one to which the configuration points counts, and
    no link in its folder and no alternate leads out of the roots.
    """
    place = _existing_directory(path)
    roots.require_inside(place, allowed, SETTING)
    if not (place / ".git").exists() and not (place / "HEAD").exists():
        raise RepositoryError(f"{path} is not a git repository; give the path of its top folder.")
    top, common, object_format = _discovered(place)
    if top != place:
        raise RepositoryError(f"{path} is not the top folder of its repository, {top} is.")
    for part in (common, *leading_on(common)):
        roots.require_inside(part, allowed, SETTING)
    resolved = tuple(root.resolve() for root in allowed)
    return Repository(place, common, object_format, resolved)


def _existing_directory(path: str) -> Path:
    if not path.isprintable():
        raise RepositoryError(f"The path {path!r} contains control characters.")
    place = Path(path)
    if not place.is_absolute():
        raise RepositoryError(f"{path!r} is not an absolute path; give the full path.")
    try:
        place = place.resolve(strict=True)
    except (OSError, RuntimeError):
        raise RepositoryError(f"There is no folder {path}.") from None
    if not place.is_dir():
        raise RepositoryError(f"{path} is not a folder.")
    return place


def _discovered(place: Path) -> tuple[Path, Path, str]:
    safe = (f"safe.directory={place}",)
    asked = ("--show-object-format", "--path-format=absolute", "--git-common-dir")
    done = call_git("rev-parse", *asked, "--show-toplevel", cwd=place, settings=safe)
    if done.code:
        # A bare repository has no work tree, and is then its own top.
        bare = call_git("rev-parse", "--is-bare-repository", *asked, cwd=place, settings=safe)
        kind, *lines = shown(bare.out).splitlines() or [""]
        lines += lines[-1:] if kind == "true" else []
    else:
        lines = shown(done.out).splitlines()
    match lines:
        case [object_format, common_dir, top] if object_format in _FORMATS:
            return Path(top).resolve(), Path(common_dir).resolve(), object_format
    raise RepositoryError(f"{place} is not a usable git repository: {done.err or lines}")
