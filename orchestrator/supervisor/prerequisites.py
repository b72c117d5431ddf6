"""What must be on the machine because no wheel can bring it."""

import re
import shutil
import subprocess

from orchestrator.supervisor.refusals import CannotStartError

# `git merge-tree --write-tree`, with which merges are prepared, is that old.
GIT_OLDEST = (2, 38)
INSTALL_GIT = "`apt install git` on Debian and Ubuntu, `brew install git` on macOS"
INSTALL_SSH = "`apt install openssh-client` on Debian and Ubuntu, `brew install openssh` on macOS"


def check() -> None:
    """Raise CannotStartError with the remedy when a program is missing or too old."""
    git_version()
    if shutil.which("ssh-keygen") is None:
        raise CannotStartError(
            "Countersign verifies signed commits with ssh-keygen, which is not on the PATH: "
            f"install it ({INSTALL_SSH})."
        )


def git_version() -> tuple[int, ...]:
    """Return the version of git; raises CannotStartError when it cannot do what is needed."""
    remedy = f"install git 2.38 or newer ({INSTALL_GIT})."
    if shutil.which("git") is None:
        raise CannotStartError(f"Countersign works on git repositories and found no git: {remedy}")
    done = subprocess.run(["git", "--version"], capture_output=True, text=True, check=False)
    numbers = re.findall(r"\d+", done.stdout)
    version = tuple(map(int, numbers[:3]))
    if version < GIT_OLDEST:
        found = done.stdout.strip() or "a git that does not answer"
        raise CannotStartError(f"Countersign needs git 2.38 and found {found}: {remedy}")
    return version
