"""Compliance: the commit is signed by somebody production knows, and its licence is declared.

That is told early, so that nobody waits for a deployment that policy forbids anyway: there the
signatures of everything new are verified once more, by the control plane itself.
"""

import shutil
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from baton import Result, Work, findings, hold
from repository import Snapshot, Unusable

# How the texts of well-known licences begin.
KNOWN = {"Apache-2.0": "Apache License", "MIT": "MIT License", "BSD-3-Clause": "BSD 3-Clause"}
LICENCES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE")


def check(work: Work) -> Result:
    """Hand on what is in order."""
    snapshot = work.snapshot()
    signers = Path(work.inputs["production"]) / "allowed_signers"
    found = [*signature(snapshot, signers), *licence(snapshot)]
    output = {"in_order": not found, "problems": [each["rule"] for each in found]}
    exhibit = findings("Compliance", found, in_order=not found)
    to = "" if found else "staging"
    return Result(output, to, "Signed, and under a declared licence", exhibits=[exhibit])


def signature(snapshot: Snapshot, signers: Path) -> Iterator[dict[str, object]]:
    """Yield what is wrong with the commit's signature; git and ssh-keygen say."""
    keygen = shutil.which("ssh-keygen")
    if keygen is None:
        raise Unusable("ssh-keygen is not installed.")
    said = snapshot.git(
        *("-c", f"gpg.ssh.allowedSignersFile={signers}", "-c", f"gpg.ssh.program={keygen}"),
        *("log", "-1", "--format=%G?", snapshot.head),
    )
    state = said.decode().strip()
    if state != "G":
        rule = {"N": "unsigned", "B": "bad-signature"}.get(state, "unknown-signer")
        yield _problem(rule, f"Commit {snapshot.head[:12]} is not signed by anybody known")


def licence(snapshot: Snapshot) -> Iterator[dict[str, object]]:
    """Yield what is missing between the licence that is declared and the text that is there."""
    named = {file.name: file for file in snapshot.files()}
    declared = _declared(snapshot.content(named["pyproject.toml"]).decode())
    text = next((snapshot.content(named[n]).decode() for n in LICENCES if n in named), "")
    if not declared or not text.strip():
        yield _problem("no-licence", "pyproject.toml or the licence file does not say the licence")
    elif KNOWN.get(declared, "") not in text:
        yield _problem("other-licence", f"The licence file is not the text of {declared}")


def _declared(text: str) -> str:
    project: Mapping[str, object] = tomllib.loads(text).get("project", {})
    return str(project.get("license", ""))


def _problem(rule: str, message: str) -> dict[str, object]:
    return {"severity": "critical", "rule": rule, "message": message}


if __name__ == "__main__":
    hold(check)
