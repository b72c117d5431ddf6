"""Real repositories for tests: small, signed when asked, and hostile when asked."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ADA = ("Ada Owner", "ada@example.org")


def git(repository: Path, *arguments: str, stdin: bytes = b"", **env: str) -> str:
    """Run the tester's own git in `repository`, free of this machine's configuration."""
    clean = {
        "PATH": os.environ["PATH"],
        "HOME": str(repository),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": ADA[0],
        "GIT_AUTHOR_EMAIL": ADA[1],
        "GIT_COMMITTER_NAME": ADA[0],
        "GIT_COMMITTER_EMAIL": ADA[1],
        **env,
    }
    done = subprocess.run(
        ["git", *arguments],
        cwd=repository,
        input=stdin,
        capture_output=True,
        env=clean,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode("utf-8", "surrogateescape").strip()


@dataclass(frozen=True)
class Key:
    """An SSH signing key and the line that makes its holder known."""

    path: Path
    principal: str

    @property
    def allowed(self) -> str:
        public = Path(f"{self.path}.pub").read_text().split()
        return f"{self.principal} {public[0]} {public[1]}\n"


def signing_key(folder: Path, principal: str = ADA[1]) -> Key:
    """Generate a key that needs no passphrase."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"key-{principal}"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", principal, "-f", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return Key(path, principal)


def write(repository: Path, files: Mapping[str, str | bytes | None]) -> None:
    """Write files; None removes one."""
    for name, content in files.items():
        place = repository / name
        if content is None:
            place.unlink()
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        place.write_bytes(data)


def commit(
    repository: Path,
    message: str,
    files: Mapping[str, str | bytes | None] | None = None,
    key: Key | None = None,
) -> str:
    """Commit everything in the work tree and return the commit's id."""
    write(repository, files or {})
    git(repository, "add", "-A")
    signed = ["-c", "gpg.format=ssh", "-c", f"user.signingkey={key.path}"] if key else []
    git(
        repository,
        *signed,
        "commit",
        "-q",
        "--allow-empty",
        *(["-S"] if key else []),
        "-m",
        message,
    )
    return git(repository, "rev-parse", "HEAD")


def repository(folder: Path, files: Mapping[str, str | bytes | None] | None = None) -> Path:
    """Make a repository whose branch main has one commit."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "-q", "-b", "main")
    commit(folder, "Begin the shop (#1)", files or {"shop.py": "PRICE = 1\n", "README": "Shop\n"})
    return folder


def branch(
    folder: Path,
    files: Mapping[str, str | bytes | None],
    *,
    name: str = "feature",
    message: str = "Raise the price (#2)",
    key: Key | None = None,
    back_to: str = "parking",
) -> str:
    """Add one commit on branch `name` and leave the work tree on `back_to`."""
    known = git(folder, "branch", "--list", name)
    git(folder, "checkout", "-q", *([] if known else ["-b"]), name)
    made = commit(folder, message, files, key)
    there = git(folder, "branch", "--list", back_to)
    git(folder, "checkout", "-q", *([back_to] if there else ["-b", back_to, "main"]))
    return made


def merge_arguments(folder: Path, source: str = "feature", target: str = "main") -> dict[str, Any]:
    """Return the arguments of `git.merge`."""
    return {"repository": str(folder), "source": source, "target": target}
