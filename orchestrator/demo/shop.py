"""The demo's repository: really signed commits, made without touching a work tree."""

import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from orchestrator.demo.history import AUTHORS, MAIN, SIGNERS, Change
from orchestrator.demo.improvements import Improvement
from orchestrator.runners.git.command import RepositoryError, call_git, program

NAME = "demo-shop"
KEYS = "demo-shop-keys"
BRANCH = "main"


class Shop:
    """The repository below `data_dir`, and the keys of the people who commit to it."""

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir.resolve() / NAME
        self.keys = data_dir.resolve() / KEYS

    def ensure(self) -> None:
        """Make the repository if it is not there; a half-made one never appears."""
        if self.path.exists():
            return
        self._ensure_keys()
        draft = self.path.with_name(f".{NAME}-draft")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        _git(draft, "init", "--quiet", f"--initial-branch={BRANCH}")
        for number, change in enumerate(MAIN):
            more = {} if number else {SIGNERS: self._signers()}
            self._commit(draft, BRANCH, change, more)
        _git(draft, "reset", "--hard", "--quiet", BRANCH)
        draft.rename(self.path)

    def add(self, improvement: Improvement) -> bool:
        """Add a branch from where main is now; False if there is one of this name already."""
        if self.has(improvement.branch):
            return False
        _git(self.path, "branch", improvement.branch, BRANCH)
        for change in improvement.changes:
            self._commit(self.path, improvement.branch, change, {})
        return True

    def has(self, branch: str) -> bool:
        """Whether the repository has this branch."""
        return bool(_git(self.path, "branch", "--list", branch))

    def _commit(
        self, repository: Path, branch: str, change: Change, more: Mapping[str, str]
    ) -> None:
        ref = f"refs/heads/{branch}"
        parent = _git(repository, "for-each-ref", "--format=%(objectname)", ref)
        tree = _tree(repository, parent, {**change.files, **more})
        new = _git(
            repository,
            *("commit-tree", "-S", tree, *(("-p", parent) if parent else ())),
            stdin=f"{change.message}\n".encode(),
            settings=self._signing(change.author[1]),
            extra=_identity(change),
        )
        _git(repository, "update-ref", ref, new, parent)

    def _signing(self, email: str) -> tuple[str, ...]:
        return (
            "gpg.format=ssh",
            f"gpg.ssh.program={program('ssh-keygen')}",
            f"user.signingKey={self.keys / email}",
        )

    def _signers(self) -> str:
        public = [(email, (self.keys / f"{email}.pub").read_text()) for _, email in AUTHORS]
        return "".join(f"{email} {' '.join(key.split()[:2])}\n" for email, key in public)

    def _ensure_keys(self) -> None:
        self.keys.mkdir(mode=0o700, parents=True, exist_ok=True)
        for _, email in AUTHORS:
            place = self.keys / email
            if not place.exists():
                command = [program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", email]
                subprocess.run([*command, "-f", place], check=True, capture_output=True)  # noqa: S603 - fixed argv


def _tree(repository: Path, parent: str, files: Mapping[str, str]) -> str:
    with TemporaryDirectory() as made:
        index = {"GIT_INDEX_FILE": str(Path(made) / "index")}
        if parent:
            _git(repository, "read-tree", parent, extra=index)
        for name, text in files.items():
            blob = _git(repository, "hash-object", "-w", "--stdin", stdin=text.encode())
            entry = f"100644,{blob},{name}"
            _git(repository, "update-index", "--add", "--cacheinfo", entry, extra=index)
        return _git(repository, "write-tree", extra=index)


def _identity(change: Change) -> dict[str, str]:
    name, email = change.author
    when = datetime.now(UTC) - timedelta(hours=change.hours_ago)
    date = when.strftime("%Y-%m-%dT%H:%M:%S+00:00")
    return {
        f"GIT_{role}_{part}": value
        for role in ("AUTHOR", "COMMITTER")
        for part, value in (("NAME", name), ("EMAIL", email), ("DATE", date))
    }


def _git(
    repository: Path,
    *arguments: str,
    stdin: bytes = b"",
    settings: tuple[str, ...] = (),
    extra: Mapping[str, str] | None = None,
) -> str:
    done = call_git(*arguments, cwd=repository, stdin=stdin, settings=settings, extra=extra)
    if done.code:
        raise RepositoryError(f"git {arguments[0]} failed: {done.err}")
    return done.out.decode().strip()
