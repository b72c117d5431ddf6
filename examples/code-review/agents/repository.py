"""Reads a branch of a local git repository without running anything the repository configures.

git works in a directory of its own that borrows the repository's objects, so configuration,
hooks, attributes, filters and replacement objects of the repository are out of its sight.
"""

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

SECONDS = 120
COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?\Z")
REGULAR = {"100644", "100755"}
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
class ChangedFile:
    """A regular file as it is at the branch's head."""

    path: bytes
    oid: str
    size: int

    @property
    def name(self) -> str:
        return readable(self.path)


@dataclass(frozen=True)
class Branch:
    """What one branch adds to another: `base` is where they part, `head` where it ends."""

    git_dir: Path
    objects: Path
    target: str
    base: str
    head: str

    def git(self, *arguments: str, stdin: bytes = b"", ok: tuple[int, ...] = (0,)) -> bytes:
        """Call git on the repository's objects."""
        env = {"GIT_DIR": str(self.git_dir), "GIT_OBJECT_DIRECTORY": str(self.objects)}
        return _git(*arguments, cwd=self.git_dir, env=env, stdin=stdin, ok=ok)

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

    def changed_files(self) -> list[ChangedFile]:
        """Return the regular files the branch adds or changes."""
        raw = self.git("diff-tree", "-r", "-z", "--raw", "--no-renames", self.base, self.head)
        *parts, _ = raw.split(b"\0")
        changed = []
        for head, path in zip(parts[::2], parts[1::2], strict=True):
            _, mode, _, oid, _ = head.decode().split(" ")
            if mode in REGULAR:
                changed.append((path, oid))
        asked = "\n".join(oid for _, oid in changed).encode()
        sizes = self.git("cat-file", "--batch-check=%(objectsize)", stdin=asked).split()
        return [ChangedFile(*file, int(size)) for file, size in zip(changed, sizes, strict=True)]

    def content(self, file: ChangedFile) -> bytes:
        """Return a file's bytes."""
        return self.git("cat-file", "blob", file.oid)

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
    place = Path(repository)
    if not place.is_absolute() or not ((place / ".git").exists() or (place / "HEAD").exists()):
        raise Unusable(f"{repository} is not the absolute path of a git repository.")
    found = _git(
        *("-c", f"safe.directory={place.resolve()}", "rev-parse", "--path-format=absolute"),
        *("--show-object-format", "--git-common-dir"),
        cwd=place,
    )
    object_format, common = found.decode().splitlines()
    heads = [_head(Path(common), branch) for branch in (source, target)]
    git_dir = _own_git_dir(object_format)
    objects = Path(common) / "objects"
    unborn = Branch(git_dir, objects, heads[1], "", heads[0])
    base = unborn.git("merge-base", heads[1], heads[0], ok=(0, 1)).decode().strip()
    if not base:
        raise Unusable(f"{source} and {target} have no common past.")
    return Branch(git_dir, objects, heads[1], base, heads[0])


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
