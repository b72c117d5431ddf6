"""The commits a merge would bring, and what git itself says about their signatures."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator.runners.git.command import NO_PROGRAM, RepositoryError, program
from orchestrator.runners.git.view import View, shown

MAX_COMMITS = 2_000
SIGNATURE_SECONDS = 300.0

# git's %G? letters. Only G is a good signature of a signer the target branch knows.
_STATES = {"G": "verified", "U": "unknown_signer", "B": "bad", "N": "unsigned"}
_FIELDS = "%H%x00%an%x00%ae%x00%cI%x00%G?%x00%GS%x00%GF%x00%s%x00%B"
_WIDTH = _FIELDS.count("%x00") + 1
_ISSUE = re.compile(r"(?<![\w#/-])(#\d{1,9}|[A-Z][A-Z0-9]{1,9}-\d{1,9})(?![\w-])")
# Names of standards look like issue keys ("UTF-8", "SHA-256") and are none.
_STANDARDS = frozenset(
    {"AES", "CVE", "CWE", "HTTP", "IEC", "IEEE", "ISO", "MD", "PEP", "RFC", "SHA", "TLS", "UTF"}
)


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit. `signature` is verified, unknown_signer, bad, unsigned or unchecked."""

    sha: str
    author: str
    email: str
    date: str
    signature: str
    signer: str
    key: str
    subject: str
    issues: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it as an exhibit shows it."""
        return asdict(self) | {"issues": list(self.issues)}


def issues_in(message: str) -> tuple[str, ...]:
    """Return the issues a message names, `#12` or `ABC-12`, sorted, each once."""
    found = set(_ISSUE.findall(message))
    return tuple(sorted(i for i in found if i.partition("-")[0] not in _STANDARDS))


def commits_between(
    view: View, base: str, head: str, signers: str, *, but_not: str = ""
) -> list[Commit]:
    """Return commits reachable from `head` and not from `base` (or `but_not`), newest first.

    Signatures are checked by git and ssh-keygen against `signers`, the text of an
    allowed-signers file (ssh-keygen(1)); only SSH signatures can be verified.
    """
    without = [f"^{commit}" for commit in (base, but_not) if commit]
    counted = int(view.text("rev-list", "--count", head, *without))
    if counted > MAX_COMMITS:
        raise RepositoryError(f"{counted} commits are more than the {MAX_COMMITS} examined.")
    if not counted:
        return []
    done = view.run(
        "log",
        "-z",
        "--no-show-signature",
        "--no-notes",
        "--no-mailmap",
        "--encoding=UTF-8",
        f"--format=tformat:{_FIELDS}",
        head,
        *without,
        settings=_verification(view, signers),
        seconds=SIGNATURE_SECONDS,
    )
    if done.truncated:
        raise RepositoryError("The commit messages are longer than can be examined.")
    commits = list(_parsed(done.out))
    if len(commits) != counted:
        raise RepositoryError("git listed other commits than it counted.")
    return commits


def signature_facts(commits: Sequence[Commit]) -> dict[str, list[str]]:
    """Return what policy is told of signatures: those that are missing, and of strangers."""
    unsigned = [commit.sha for commit in commits if commit.signature == "unsigned"]
    unverified = {
        commit.key or commit.sha
        for commit in commits
        if commit.signature not in ("verified", "unsigned")
    }
    return {"unsigned_commits": sorted(unsigned), "unverified_signers": sorted(unverified)}


def count_between(view: View, base: str, head: str) -> int:
    """Return how many commits `head` has that `base` lacks."""
    return int(view.text("rev-list", "--count", head, f"^{base}"))


def _verification(view: View, signers: str) -> tuple[str, ...]:
    allowed = view.scratch / "allowed_signers"
    allowed.write_text(signers, encoding="utf-8")
    return (
        f"gpg.ssh.allowedSignersFile={allowed}",
        f"gpg.ssh.program={program('ssh-keygen')}",
        f"gpg.program={NO_PROGRAM}",
    )


def _parsed(out: bytes) -> Iterator[Commit]:
    fields = [shown(field) for field in out.split(b"\0")]
    for start in range(0, len(fields) - _WIDTH + 1, _WIDTH):
        sha, author, email, date, state, signer, key, subject, body = fields[start:][:_WIDTH]
        known = _STATES.get(state, "unchecked")
        yield Commit(sha, author, email, date, known, signer, key, subject, issues_in(body))
