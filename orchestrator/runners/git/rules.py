"""What a repository asks of those who merge into it, read at the head of the target branch.

A branch can therefore not relax the rules for its own merge.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import yaml

from orchestrator.runners.git.command import RepositoryError
from orchestrator.runners.git.view import View, shown

RULES = ".countersign/repository.yaml"
SIGNERS = ".countersign/allowed_signers"
LIMIT = 262_144
_KEYS = frozenset({"require_signed_commits", "unprotected_branches"})


@dataclass(frozen=True, slots=True)
class Rules:
    """No file means: every branch is protected, signatures are not demanded."""

    require_signed_commits: bool = False
    unprotected_branches: tuple[str, ...] = ()

    def protects(self, branch: str) -> bool:
        """Whether merging into `branch` changes a protected branch."""
        return not any(fnmatchcase(branch, glob) for glob in self.unprotected_branches)


def rules_at(view: View, commit: str) -> Rules:
    """Read the rules at `commit`; raises RepositoryError for a file that is not exactly right."""
    text = text_at(view, commit, RULES)
    if text is None:
        return Rules()
    try:
        return _checked(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise RepositoryError(f"{RULES} on the target branch is not YAML: {error}") from None


def signers_at(view: View, commit: str) -> str:
    """Return the allowed-signers file at `commit`; without one nobody's signature is known."""
    return text_at(view, commit, SIGNERS) or ""


def text_at(view: View, commit: str, path: str) -> str | None:
    """Return the regular file `path` at `commit`, None if it is not there."""
    listed = view.run("ls-tree", "-z", "--full-tree", commit, "--", path).out
    if not listed:
        return None
    mode, kind, oid = listed.split(b"\t", 1)[0].decode().split(" ")
    if kind != "blob" or mode == "120000":
        raise RepositoryError(f"{path} on the target branch is not a regular file.")
    done = view.run("cat-file", "blob", oid, limit=LIMIT)
    if done.truncated:
        raise RepositoryError(f"{path} on the target branch is larger than {LIMIT} bytes.")
    return shown(done.out)


def _checked(data: Any) -> Rules:
    if data is None:
        return Rules()
    if not isinstance(data, Mapping) or not set(data) <= _KEYS:
        raise RepositoryError(f"{RULES} may only contain the keys {', '.join(sorted(_KEYS))}.")
    signed = data.get("require_signed_commits", False)
    globs = data.get("unprotected_branches", [])
    if not isinstance(signed, bool):
        raise RepositoryError(f"{RULES}: require_signed_commits must be true or false.")
    if not isinstance(globs, list) or not all(isinstance(glob, str) for glob in globs):
        raise RepositoryError(f"{RULES}: unprotected_branches must be a list of patterns.")
    return Rules(signed, tuple(globs))
