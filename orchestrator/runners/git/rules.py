"""What a repository asks of those who merge into it, read at the head of the target branch.

A branch can therefore not relax the rules for its own merge.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import yaml

from orchestrator.runners.git.command import RepositoryError
from orchestrator.runners.git.view import View, shown

RULES = ".countersign/repository.yaml"
SIGNERS = ".countersign/allowed_signers"
LIMIT = 262_144
MOST_DEEP = 10
_KEYS = frozenset({"require_signed_commits", "unprotected_branches"})


@dataclass(frozen=True, slots=True)
class Rules:
    """No file means: every branch is protected, signatures are not demanded."""

    require_signed_commits: bool = False
    unprotected_branches: tuple[str, ...] = ()

    def protects(self, branch: str) -> bool:
        """Whether merging into `branch` changes a protected branch."""
        return not any(fnmatchcase(branch, glob) for glob in self.unprotected_branches)


def demands_at(view: View, commit: str) -> tuple[Rules, str]:
    """Return the rules at `commit`, and the text of its allowed-signers file.

    Without that file nobody's signature is known. Raises RepositoryError for rules that are not
    exactly right.
    """
    found = _texts_at(view, commit)
    try:
        return _checked(_loaded(found.get(RULES, ""))), found.get(SIGNERS, "")
    except yaml.YAMLError as error:
        raise RepositoryError(f"{RULES} on the target branch is not YAML: {error}") from None


def _loaded(text: str) -> Any:
    """Read YAML without aliases, with which a few lines could stand for billions.

    Nor may it be nested deeply: for every word the reader looks at all that is open around it.
    """
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise RepositoryError(f"{RULES} may not contain aliases; write the values out.")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_DEEP:
            raise RepositoryError(f"{RULES} on the target branch is nested too deeply.")
    return yaml.safe_load(text)


def _texts_at(view: View, commit: str) -> dict[str, str]:
    listed = view.run("ls-tree", "-z", "-l", "--full-tree", commit, "--", RULES, SIGNERS).out
    oids = {}
    for entry in filter(None, listed.split(b"\0")):
        fields, _, path = shown(entry).partition("\t")
        mode, kind, oid, size = fields.split()
        if kind != "blob" or mode == "120000":
            raise RepositoryError(f"{path} on the target branch is not a regular file.")
        if int(size) > LIMIT:
            raise RepositoryError(f"{path} on the target branch is larger than {LIMIT} bytes.")
        oids[path] = oid
    return dict(zip(oids, _blobs(view, list(oids.values())), strict=True))


def _blobs(view: View, oids: Sequence[str]) -> Iterator[str]:
    if not oids:
        return
    rest = view.run("cat-file", "--batch", stdin="\n".join(oids).encode()).out
    for _ in oids:
        head, _, rest = rest.partition(b"\n")
        size = int(head.split()[2])
        yield shown(rest[:size])
        rest = rest[size + 1 :]


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
