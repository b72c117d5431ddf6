"""Compliance reviewer: every commit is signed by somebody known and names an issue, or not.

git itself verifies the signatures, against the allowed signers at the head of the target branch.
Whether a missing signature forbids the merge is for policy to say; a signature that does not fit
its commit is critical wherever it is.
"""

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from answer import review
from findings import Finding
from repository import Branch, Unusable, readable

SIGNERS = ".countersign/allowed_signers"
FIELDS = "%H%x00%G?%x00%GF%x00%s%x00%B"
WIDTH = 5
ISSUE = re.compile(r"(?<![\w#/-])(#\d{1,9}|[A-Z][A-Z0-9]{1,9}-\d{1,9})(?![\w-])")
# Names of standards look like issue keys ("UTF-8", "SHA-256") and are none.
STANDARDS = {"AES", "CVE", "CWE", "HTTP", "IEC", "IEEE", "ISO", "MD", "PEP", "RFC", "SHA"}
STANDARDS |= {"TLS", "UTF"}


def check(branch: Branch) -> tuple[Sequence[Finding], dict[str, Any]]:
    """Return a finding for each missing or wrong signature and each missing issue."""
    commits = list(_commits(branch))
    findings = [finding for commit in commits for finding in _findings(commit)]
    rules = [finding.rule for finding in findings]
    return findings, {
        "commits": len(commits),
        "unsigned": rules.count("unsigned"),
        "unknown_signers": rules.count("unknown-signer"),
        "bad_signatures": rules.count("bad-signature"),
        "without_issue": rules.count("no-issue"),
    }


@dataclass(frozen=True)
class Commit:
    """`state` is git's %G? letter; G alone means a good signature of a known signer."""

    sha: str
    state: str
    key: str
    subject: str
    body: str

    def __str__(self) -> str:
        return f'Commit {self.sha[:12]} "{self.subject}"'


def _findings(commit: Commit) -> Iterator[Finding]:
    if commit.state == "N":
        yield Finding("", 0, "unsigned", "major", f"{commit} is not signed")
    elif commit.state == "B":
        wrong = f"{commit} carries a signature that does not fit it"
        yield Finding("", 0, "bad-signature", "critical", wrong)
    elif commit.state != "G":
        signer = commit.key or "not an SSH key"
        unknown = f"{commit} is signed by nobody the target branch knows ({signer})"
        yield Finding("", 0, "unknown-signer", "major", unknown)
    if not _issues(commit.body):
        yield Finding("", 0, "no-issue", "minor", f"{commit} names no issue")


def _commits(branch: Branch) -> Iterator[Commit]:
    keygen = shutil.which("ssh-keygen")
    if keygen is None:
        raise Unusable("ssh-keygen is not installed.")
    allowed = branch.git_dir / "allowed_signers"
    allowed.write_text(branch.text_at_target(SIGNERS), encoding="utf-8")
    settings = (f"gpg.ssh.allowedSignersFile={allowed}", f"gpg.ssh.program={keygen}")
    said = branch.git(
        *(part for setting in settings for part in ("-c", setting)),
        *("log", "-z", "--encoding=UTF-8", "--no-mailmap", f"--format=tformat:{FIELDS}"),
        *(branch.head, f"^{branch.target}"),
    )
    fields = [readable(field) for field in said.split(b"\0")]
    for start in range(0, len(fields) - WIDTH + 1, WIDTH):
        yield Commit(*fields[start : start + WIDTH])


def _issues(message: str) -> set[str]:
    return {i for i in ISSUE.findall(message) if i.partition("-")[0] not in STANDARDS}


if __name__ == "__main__":
    review("Compliance", check)
