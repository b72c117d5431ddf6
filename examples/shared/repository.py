"""Reads a local git repository without running anything the repository configures.

git works in a directory of its own that borrows the repository's objects, so configuration,
hooks, attributes, filters and replacement objects of the repository are out of its sight.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

SECONDS = 120
AT_ONCE = 50
COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?\Z")
REGULAR = {"100644", "100755"}
COMMON = "--git-common-dir"
OVERRIDES = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.commitGraph=false",
    "gpg.program=/nonexistent",
    "gpg.x509.program=/nonexistent",
    "protocol.allow=never",
)


PATCH = ("--no-ext-diff", "--no-textconv", "--no-color", "--no-renames", "--text", "--unified=0")


class TooLarge(Exception):  # noqa: N818 - what the branch is, not what went wrong here
    """There is more than is looked at."""


class Unusable(Exception):  # noqa: N818 - what the repository is, not what went wrong here
    """The repository or one of the branches cannot be used; the message is for a person."""


@dataclass(frozen=True)
class File:
    """A regular file of a commit."""

    path: bytes
    oid: str
    size: int

    @property
    def name(self) -> str:
        return readable(self.path)


@dataclass(frozen=True)
class Snapshot:
    """A repository as one commit, `head`, has it."""

    git_dir: Path
    objects: Path
    head: str

    def git(self, *arguments: str, stdin: bytes = b"", ok: tuple[int, ...] = (0,)) -> bytes:
        """Call git on the repository's objects."""
        env = {"GIT_DIR": str(self.git_dir), "GIT_OBJECT_DIRECTORY": str(self.objects)}
        return _git(*arguments, cwd=self.git_dir, env=env, stdin=stdin, ok=ok)

    def files(self) -> list[File]:
        """Return every regular file."""
        listed = self.git("ls-tree", "-r", "-z", "--full-tree", self.head)
        found = []
        for entry in filter(None, listed.split(b"\0")):
            head, _, path = entry.partition(b"\t")
            mode, _, oid = head.decode().split(" ")
            if mode in REGULAR:
                found.append((path, oid))
        return self.sized(found)

    def sized(self, found: list[tuple[bytes, str]]) -> list[File]:
        """Return files, given as path and object id, with their sizes."""
        asked = "\n".join(oid for _, oid in found).encode()
        sizes = self.git("cat-file", "--batch-check=%(objectsize)", stdin=asked).split()
        return [File(*file, int(size)) for file, size in zip(found, sizes, strict=True)]

    def content(self, file: File) -> bytes:
        """Return a file's bytes."""
        return self.git("cat-file", "blob", file.oid)

    def contents(self, files: list[File]) -> Iterator[tuple[File, bytes]]:
        """Yield files with their bytes, asking git for many at a time."""
        for start in range(0, len(files), AT_ONCE):
            some = files[start : start + AT_ONCE]
            asked = "\n".join(file.oid for file in some).encode()
            rest = self.git("cat-file", "--batch", stdin=asked)
            for file in some:
                _, _, rest = rest.partition(b"\n")
                yield file, rest[: file.size]
                rest = rest[file.size + 1 :]


@dataclass(frozen=True)
class Branch(Snapshot):
    """What one branch adds to another: `base` is where they part, `head` where it ends."""

    target: str
    base: str

    def patch(self, *arguments: str, most: int) -> bytes:
        """Return a patch; raises TooLarge when it is longer than `most` bytes."""
        command = [*_command("diff-tree", "-r", "-p", *PATCH, *arguments)]
        env = _environment() | {
            "GIT_DIR": str(self.git_dir),
            "GIT_OBJECT_DIRECTORY": str(self.objects),
        }
        with subprocess.Popen(command, cwd=self.git_dir, env=env, stdout=subprocess.PIPE) as git:
            patch = git.stdout.read(most + 1) if git.stdout else b""
            if len(patch) > most:
                git.kill()
                raise TooLarge
        if git.returncode:
            raise Unusable("git diff-tree failed.")
        return patch

    def changed_files(self) -> list[File]:
        """Return the regular files the branch adds or changes."""
        raw = self.git("diff-tree", "-r", "-z", "--raw", "--no-renames", self.base, self.head)
        *parts, _ = raw.split(b"\0")
        changed = []
        for head, path in zip(parts[::2], parts[1::2], strict=True):
            _, mode, _, oid, _ = head.decode().split(" ")
            if mode in REGULAR:
                changed.append((path, oid))
        return self.sized(changed)

    def text_at_target(self, path: str) -> str:
        """Return a file at the head of the target branch, empty when it is not there."""
        listed = self.git("ls-tree", "-z", self.target, "--", path)
        if not listed:
            return ""
        mode, _, oid = listed.split(b"\t", 1)[0].decode().split(" ")
        return self.git("cat-file", "blob", oid).decode() if mode in REGULAR else ""


def readable(data: bytes) -> str:
    """Return text for people; bytes that are not UTF-8, and NUL, stay visible."""
    return data.decode("utf-8", "backslashreplace").replace("\0", "\\x00")


def open_branch(repository: str, source: str, target: str) -> Branch:
    """Find both branches of the repository at exactly this path and where they part."""
    git_dir, common = _opened(repository)
    heads = [_head(common, branch) for branch in (source, target)]
    unborn = Branch(git_dir, common / "objects", heads[0], heads[1], "")
    base = unborn.git("merge-base", heads[1], heads[0], ok=(0, 1)).decode().strip()
    if not base:
        raise Unusable(f"{source} and {target} have no common past.")
    return replace(unborn, base=base)


def open_snapshot(repository: str, *, branch: str = "", commit: str = "") -> Snapshot:
    """Find the repository at exactly this path: at a commit, a branch's head, or what is out."""
    git_dir, common = _opened(repository)
    head = commit or (_head(common, branch) if branch else _checked_out(repository))
    snapshot = Snapshot(git_dir, common / "objects", head)
    if not COMMIT.match(head) or snapshot.git("cat-file", "-t", head).strip() != b"commit":
        raise Unusable(f"The repository has no commit {head!r}.")
    return snapshot


def _opened(repository: str) -> tuple[Path, Path]:
    """Return a git directory of our own, and the one that the repository keeps."""
    place = Path(repository)
    if not place.is_absolute() or not ((place / ".git").exists() or (place / "HEAD").exists()):
        raise Unusable(f"{repository} is not the absolute path of a git repository.")
    found = _at(place, "rev-parse", "--path-format=absolute", "--show-object-format", COMMON)
    object_format, common = found.decode().splitlines()
    return _own_git_dir(object_format), Path(common)


def _checked_out(repository: str) -> str:
    found = _at(Path(repository), "rev-parse", "--verify", "--quiet", "HEAD^{commit}", ok=(0, 1))
    head = found.decode().strip()
    if not COMMIT.match(head):
        raise Unusable("The repository has no commit.")
    return head


def _at(place: Path, *arguments: str, ok: tuple[int, ...] = (0,)) -> bytes:
    return _git("-c", f"safe.directory={place.resolve()}", *arguments, cwd=place, ok=ok)


def _head(common: Path, branch: str) -> str:
    ref = f"refs/heads/{branch}"
    _git("check-ref-format", ref, cwd=common)
    where = f"--git-dir={common}"
    said = _git(where, "for-each-ref", "--format=%(refname) %(objectname)", "--", ref, cwd=common)
    for line in said.decode().splitlines():
        name, _, oid = line.rpartition(" ")
        if name == ref and COMMIT.match(oid):
            return oid
    raise Unusable(f"The repository has no branch {branch!r}.")


def _own_git_dir(object_format: str) -> Path:
    made = Path(tempfile.mkdtemp(prefix="view-"))
    (made / "refs").mkdir()
    (made / "HEAD").write_text("ref: refs/heads/nothing\n")
    (made / "config").write_text(
        "[core]\n\trepositoryformatversion = 1\n\tbare = true\n"
        f"[extensions]\n\tobjectformat = {object_format}\n"
    )
    return made


def _git(
    *arguments: str,
    cwd: Path,
    env: dict[str, str] | None = None,
    stdin: bytes = b"",
    ok: tuple[int, ...] = (0,),
) -> bytes:
    done = subprocess.run(
        _command(*arguments),
        cwd=cwd,
        env=_environment() | (env or {}),
        input=stdin,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode not in ok:
        raise Unusable(f"git {arguments[0]}: {readable(done.stderr).strip() or 'failed'}")
    return done.stdout


def _command(*arguments: str) -> list[str]:
    program = shutil.which("git")
    if program is None:
        raise Unusable("git is not installed.")
    options = [part for setting in OVERRIDES for part in ("-c", setting)]
    return [program, "--no-pager", *options, *arguments]


def _environment() -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": "/nonexistent",
        # git puts a signature that it verifies into a file; nothing else here may be written.
        "TMPDIR": tempfile.gettempdir(),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }
