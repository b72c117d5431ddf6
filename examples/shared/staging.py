"""What stages of examples have in common: how they are called, and real git repositories."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

IDENTITY = ("Olga Petrova", "olga@shop.example")


def asked_for(*known: str) -> tuple[Path, set[str]]:
    """Return the folder and the faults that the command line names; `known` are all there are."""
    folder, *faults = sys.argv[1:] or [""]
    if not folder or not set(faults) <= set(known):
        sys.exit(f"Name an empty folder, and faults of: {', '.join(known)}.")
    return Path(folder).resolve(), set(faults)


def git(repository: Path, *arguments: str) -> str:
    """Run git in a repository, free of this machine's configuration, and return what it says."""
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(repository),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        **{f"GIT_{role}_NAME": IDENTITY[0] for role in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{role}_EMAIL": IDENTITY[1] for role in ("AUTHOR", "COMMITTER")},
    }
    done = subprocess.run(
        ["git", *arguments], cwd=repository, env=environment, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


def commit(repository: Path, message: str, files: Mapping[str, str], *settings: str) -> str:
    """Write files, commit everything and return the commit; `settings` are git's `-c`."""
    for name, text in files.items():
        place = repository / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    git(repository, "add", "--all")
    options = [part for setting in settings for part in ("-c", setting)]
    git(repository, *options, "commit", "--quiet", "--message", message)
    return git(repository, "rev-parse", "HEAD")


def repository(place: Path, files: Mapping[str, str]) -> Path:
    """Make a repository whose branch main has one commit with these files."""
    place.mkdir(parents=True)
    git(place, "init", "--quiet", "--initial-branch=main")
    commit(place, "Begin (#1)", files)
    return place
