"""The one way to call git: nothing a repository, a user or a machine configured may run.

Repositories are hostile. Their own configuration is not read at all where `View` is used; where
git must work on the repository itself (refs, list of work trees), everything that could start a
program is overridden here, because `-c` wins over every file.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from orchestrator.runners.faults import PlaceError, UnansweredError
from orchestrator.runners.git.bounded import Completed, RanTooLongError, run_bounded

SECONDS = 60.0
OUT_LIMIT = 16 * 1024 * 1024
NO_PROGRAM = "/nonexistent"

_OVERRIDES = (
    "core.alternateRefsCommand=/bin/false",
    "core.askPass=/bin/false",
    "core.attributesFile=/dev/null",
    "core.commitGraph=false",
    "core.editor=/bin/false",
    "core.fsmonitor=false",
    "core.fsync=all",
    "core.gitProxy=",
    "core.hooksPath=/dev/null",
    "core.pager=cat",
    "core.sshCommand=/bin/false",
    "credential.helper=",
    "diff.external=",
    "diff.ignoreSubmodules=all",
    "gc.auto=0",
    f"gpg.openpgp.program={NO_PROGRAM}",
    f"gpg.program={NO_PROGRAM}",
    f"gpg.ssh.program={NO_PROGRAM}",
    f"gpg.x509.program={NO_PROGRAM}",
    "log.showSignature=false",
    "maintenance.auto=false",
    "protocol.allow=never",
    "submodule.recurse=false",
)

IDENTITY = {
    "GIT_AUTHOR_NAME": "Countersign",
    "GIT_AUTHOR_EMAIL": "countersign@localhost",
    "GIT_COMMITTER_NAME": "Countersign",
    "GIT_COMMITTER_EMAIL": "countersign@localhost",
}


class RepositoryError(PlaceError):
    """The repository cannot be used as asked; the message is a sentence for a person."""


class GitInterruptedError(RepositoryError, UnansweredError):
    """git was stopped before it could say how it ended, so what it did is not known."""


def environment() -> dict[str, str]:
    """Return the whole environment git gets; nothing else of ours reaches it."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": NO_PROGRAM,
        "LC_ALL": "C",
        "TZ": "UTC",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "/bin/false",
        "GIT_PAGER": "cat",
        # An allow-list in the environment wins over protocol.<name>.allow in a hostile config.
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_LITERAL_PATHSPECS": "1",
        **IDENTITY,
    }


def program(name: str) -> str:
    """Return the absolute path of an installed program."""
    found = shutil.which(name)
    if found is None:
        raise RepositoryError(f"{name} is not installed on this machine; install it.")
    return str(Path(found).absolute())


def call_git(
    *arguments: str,
    cwd: Path,
    settings: Sequence[str] = (),
    extra: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    seconds: float = SECONDS,
    limit: int = OUT_LIMIT,
) -> Completed:
    """Call git with everything dangerous switched off; the caller judges the exit code."""
    options = [part for item in (*_OVERRIDES, *settings) for part in ("-c", item)]
    argv = [program("git"), "--no-pager", *options, *arguments]
    env = environment() | dict(extra or {})
    try:
        return run_bounded(argv, env=env, cwd=cwd, stdin=stdin, seconds=seconds, limit=limit)
    except RanTooLongError:
        raise GitInterruptedError(f"git took longer than {seconds:.0f} seconds.") from None
