"""Each planted fault has its own outcome, told by the agent that looks for it."""

import json
import subprocess
from pathlib import Path

import pytest

from orchestrator.runners.base import AgentFailedError
from tests.examples.agents import (
    REVIEWERS,
    checkpoint,
    findings,
    inputs_for,
    manifest,
    rules,
    turn,
)
from tests.factories.git import (
    Key,
    branch,
    commit,
    git,
    merge_arguments,
    repository,
    signing_key,
)

CLEAN = 'def total(prices: list[int]) -> int:\n    """Add prices up."""\n    return sum(prices)\n'
AWS = "AKIA" + "IOSFODNN7" + "EXAMPLE"
SECRETS = {
    "aws-access-key-id": AWS,
    "aws-secret-access-key": "aws_secret_access_key = '" + "a1B2" * 10 + "'",
    "github-token": "ghp_" + "a1B2" * 9,
    "slack-token": "xoxb-" + "1234567890-abcdefghij",
    "anthropic-key": "sk-ant-" + "api03-" + "a1B2" * 10,
    "openai-key": "sk-proj-" + "a1B2" * 10,
    "json-web-token": "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0In0" + ".c2lnbmF0dXJlMTIz",
    "private-key": "-----BEGIN OPENSSH " + "PRIVATE KEY-----",
}


@pytest.fixture(scope="module")
def ada(tmp_path_factory: pytest.TempPathFactory) -> Key:
    return signing_key(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def shop(tmp_path: Path, ada: Key) -> Path:
    return repository(tmp_path / "shop", {".countersign/allowed_signers": ada.allowed})


def test_a_clean_signed_branch_passes_every_checkpoint_and_is_proposed(
    shop: Path, ada: Key
) -> None:
    head = branch(shop, {"total.py": CLEAN}, key=ada)
    results = {step: turn(step, inputs_for(shop)) for step in REVIEWERS}
    outputs = {step: dict(result.output) for step, result in results.items()}
    assert [checkpoint(step, outputs[step]).route for step in REVIEWERS] == ["", "", ""]
    assert all(findings(result) == [] for result in results.values())
    assert {result.exhibits[0].subject for result in results.values()} == {head}
    proposed = turn("merge", inputs_for(shop), **outputs)
    (proposal,) = proposed.proposals
    assert proposal.tool == "git.merge"
    assert proposal.arguments == merge_arguments(shop)
    assert "style: nothing found" in proposal.rationale
    assert git(shop, "log", "-1", "--format=%s", "main") == "Begin the shop (#1)"


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        ("def total(:\n", "invalid-syntax"),
        ("print(undefined)\n", "F821"),
        ("__all__ = ['nothing']\n", "F822"),
    ],
)
def test_broken_code_postpones_the_security_scan(shop: Path, code: str, rule: str) -> None:
    branch(shop, {"bad.py": code})
    result = turn("style", inputs_for(shop))
    assert rule in rules(result)
    assert findings(result)[0]["severity"] == "major"
    assert findings(result)[0]["file"] == "bad.py"
    assert checkpoint("style", result.output).route == "postpone"


def test_untidy_code_is_told_and_the_run_goes_on(shop: Path) -> None:
    branch(shop, {"untidy.py": "import os\n"})
    result = turn("style", inputs_for(shop))
    assert (rules(result), result.output["minor"]) == (["F401"], 1)
    assert checkpoint("style", result.output).route == ""


def test_only_files_that_the_branch_changes_are_looked_at(tmp_path: Path) -> None:
    shop = repository(tmp_path / "shop", {"old.py": "print(undefined)\n", "gone.py": ""})
    branch(shop, {"total.py": CLEAN, "gone.py": None})
    result = turn("style", inputs_for(shop))
    assert (findings(result), result.output["files"]) == ([], 1)


def test_files_are_looked_at_as_they_are_at_the_head_of_the_branch(shop: Path) -> None:
    branch(shop, {"total.py": "print(undefined)\n"})
    branch(shop, {"total.py": CLEAN}, message="Repair (#3)")
    (shop / "total.py").write_text("print(undefined)\n")
    assert findings(turn("style", inputs_for(shop))) == []


@pytest.mark.parametrize("rule", SECRETS)
def test_a_secret_stops_the_run_and_is_not_repeated(shop: Path, rule: str) -> None:
    secret = SECRETS[rule]
    branch(shop, {"notes.txt": f"first\n{secret}\n"})
    result = turn("security", inputs_for(shop))
    judged = checkpoint("security", result.output)
    (found,) = findings(result)
    assert (found["rule"], found["severity"]) == (rule, "critical")
    assert (found["file"], found["line"]) == ("notes.txt", 2)
    assert judged.route == "stop"
    assert "secret" in judged.message
    assert secret not in json.dumps(found)
    assert ("a1B2" * 9) not in json.dumps(found)


def test_a_secret_that_was_removed_again_is_still_found_in_the_history(shop: Path) -> None:
    planted = branch(shop, {"config.py": f"KEY = '{AWS}'\n"})
    branch(shop, {"config.py": "KEY = ''\n"}, message="Remove it (#3)")
    result = turn("security", inputs_for(shop))
    (found,) = findings(result)
    assert found["rule"] == "aws-access-key-id"
    assert planted[:12] in found["message"]
    assert checkpoint("security", result.output).route == "stop"


def test_a_secret_that_the_branch_removes_or_only_stands_beside_is_no_finding(
    tmp_path: Path,
) -> None:
    shop = repository(tmp_path / "shop", {"a.txt": f"{AWS}\n", "b.txt": f"{AWS}\nx\n"})
    branch(shop, {"a.txt": "gone\n", "b.txt": f"{AWS}\ny\n"})
    assert findings(turn("security", inputs_for(shop))) == []


@pytest.mark.parametrize(
    "text",
    [
        "deploy version 1.2.3 to staging",
        "a3f5c9e2-9d1b-4c57-8f0e-2b6d1c9a7e44",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "task-force sk-learn AKIA-no eyJub3QiOjF9.eyJub3QiOjF9",
        "-----BEGIN PUBLIC KEY-----",
    ],
)
def test_what_only_looks_random_is_no_secret(shop: Path, text: str) -> None:
    branch(shop, {"notes.txt": f"{text}\n"})
    assert findings(turn("security", inputs_for(shop))) == []


def test_a_serious_hole_stops_the_run_even_where_the_code_asks_to_be_ignored(shop: Path) -> None:
    hole = "import subprocess\nsubprocess.call('ls ' + input(), shell=True)  # nosec\n"
    branch(shop, {"run.py": hole})
    result = turn("security", inputs_for(shop))
    assert "B602" in rules(result)
    assert (result.output["critical"], result.output["secrets"]) == (1, 0)
    judged = checkpoint("security", result.output)
    assert (judged.route, judged.message) == ("stop", "bandit is certain of a serious hole.")


def test_a_password_in_code_is_found_and_not_shown(shop: Path) -> None:
    branch(shop, {"settings.py": "password = 'correct horse'\n"})
    result = turn("security", inputs_for(shop))
    assert rules(result) == ["B105"]
    assert "correct horse" not in json.dumps(findings(result))
    assert checkpoint("security", result.output).route == ""


def test_code_that_bandit_cannot_read_is_said_to_be_unchecked(shop: Path) -> None:
    branch(shop, {"bad.py": "def total(:\n"})
    result = turn("security", inputs_for(shop))
    assert (rules(result), result.output["major"]) == (["not-checked"], 1)


def test_an_unsigned_commit_is_told_and_left_to_policy(shop: Path) -> None:
    head = branch(shop, {"total.py": CLEAN})
    result = turn("compliance", inputs_for(shop))
    (found,) = findings(result)
    assert (found["rule"], found["severity"]) == ("unsigned", "major")
    assert head[:12] in found["message"]
    assert result.output["unsigned"] == 1
    assert checkpoint("compliance", result.output).route == ""


def test_a_signer_the_target_does_not_know_is_told(shop: Path, tmp_path: Path) -> None:
    mallory = signing_key(tmp_path / "keys", "mallory@example.org")
    signers = {".countersign/allowed_signers": mallory.allowed}
    branch(shop, signers, key=mallory)
    result = turn("compliance", inputs_for(shop))
    assert rules(result) == ["unknown-signer"]
    assert "SHA256:" in findings(result)[0]["message"]


def test_a_signature_that_does_not_fit_its_commit_stops_the_run(shop: Path, ada: Key) -> None:
    signed = branch(shop, {"total.py": CLEAN}, key=ada)
    forged = git(shop, "cat-file", "commit", signed).replace("Raise", "Lower") + "\n"
    changed = git(shop, "hash-object", "-t", "commit", "-w", "--stdin", stdin=forged.encode())
    git(shop, "update-ref", "refs/heads/feature", changed)
    result = turn("compliance", inputs_for(shop))
    assert rules(result) == ["bad-signature"]
    assert checkpoint("compliance", result.output).route == "stop"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Raise the price", ["no-issue"]),
        ("Read UTF-8 and SHA-256", ["no-issue"]),
        ("Raise the price\n\nSee #12", []),
        ("SHOP-7: raise the price", []),
    ],
)
def test_a_commit_that_names_no_issue_is_told(
    shop: Path, ada: Key, message: str, expected: list[str]
) -> None:
    branch(shop, {"total.py": CLEAN}, key=ada, message=message)
    result = turn("compliance", inputs_for(shop))
    assert rules(result) == expected
    assert checkpoint("compliance", result.output).route == ""


def test_renames_binaries_and_other_encodings_are_read(tmp_path: Path) -> None:
    shop = repository(tmp_path / "shop", {"old.py": CLEAN * 3})
    branch(
        shop,
        {
            "old.py": None,
            "new.py": CLEAN * 3 + "print(undefined)\n",
            "latin.py": b"# -*- coding: latin-1 -*-\nNAME = 'caf\xe9'\n",
            "logo.png": b"\x89PNG\0" + AWS.encode() + b"\0",
        },
    )
    style, security = (turn(step, inputs_for(shop)) for step in ("style", "security"))
    assert ("new.py", "F821") in {(f["file"], f["rule"]) for f in findings(style)}
    assert ("logo.png", "aws-access-key-id") in {
        (f["file"], f["rule"]) for f in findings(security)
    }


def test_a_huge_file_is_said_to_be_unchecked(shop: Path) -> None:
    branch(shop, {"huge.py": "x = 1\n" * 400_000, "small.py": "print(undefined)\n"})
    result = turn("style", inputs_for(shop))
    found = {(f["file"], f["rule"]) for f in findings(result)}
    assert {("huge.py", "not-checked"), ("small.py", "F821")} <= found
    assert checkpoint("style", result.output).route == "postpone"


def test_a_branch_too_large_to_search_is_said_to_be_unchecked(shop: Path) -> None:
    branch(shop, {"huge.txt": b"0123456789\n" * 6_500_000})
    assert rules(turn("security", inputs_for(shop))) == ["not-checked"]


@pytest.mark.parametrize(
    "name", ["a file.py", "new\nline.py", "-rf.py", 'quo"te.py', "caf\u00e9.py"]
)
def test_files_with_odd_names_are_looked_at_and_named_right(shop: Path, name: str) -> None:
    branch(shop, {name: f"print(undefined)\nKEY = '{AWS}'\n"})
    style, security = (turn(step, inputs_for(shop)) for step in ("style", "security"))
    assert {f["file"] for f in findings(style)} == {name}
    secret = next(f for f in findings(security) if f["rule"] == "aws-access-key-id")
    assert (secret["file"], secret["line"]) == (name, 2)


def test_a_name_that_climbs_out_of_the_tree_is_only_a_name(shop: Path, tmp_path: Path) -> None:
    blob = git(shop, "hash-object", "-w", "--stdin", stdin=b"print(undefined)\n")
    inner = git(shop, "mktree", "-z", stdin=f"100644 blob {blob}\tout.py\0".encode())
    git_dir = shop / ".git"
    tree = b"40000 ..\0" + bytes.fromhex(inner)
    outer = git(shop, "hash-object", "-t", "tree", "-w", "--stdin", "--literally", stdin=tree)
    climbing = git(shop, "commit-tree", outer, "-p", "main", "-m", "Climb (#9)")
    git(shop, "update-ref", "refs/heads/feature", climbing)
    result = turn("style", inputs_for(shop))
    assert ("../out.py", "F821") in {(f["file"], f["rule"]) for f in findings(result)}
    assert not (git_dir.parent.parent / "out.py").exists()


def test_modules_of_the_branch_are_never_imported(shop: Path, tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    evil = f"open({str(trace)!r}, 'w')\n"
    names = ("bandit.py", "ruff.py", "yaml.py", "ast.py", "sitecustomize.py", "repository.py")
    branch(shop, dict.fromkeys((*names, "bandit/__init__.py"), evil))
    for step in REVIEWERS:
        turn(step, inputs_for(shop))
    assert not trace.exists()


def test_what_the_repository_configures_does_not_run(shop: Path, tmp_path: Path) -> None:
    trace, script = tmp_path / "ran", tmp_path / "evil.sh"
    script.write_text(f"#!/bin/sh\necho ran >> {trace}\n")
    script.chmod(0o755)
    branch(shop, {"total.py": CLEAN, ".gitattributes": "* diff=evil filter=evil\n"})
    for key in (
        "core.fsmonitor",
        "core.pager",
        "diff.external",
        "diff.evil.textconv",
        "diff.evil.command",
        "gpg.program",
        "gpg.ssh.program",
    ):
        git(shop, "config", key, str(script))
    for step in REVIEWERS:
        turn(step, inputs_for(shop))
    assert not trace.exists()


def test_a_branch_that_moved_after_the_review_is_not_proposed(shop: Path, ada: Key) -> None:
    branch(shop, {"total.py": CLEAN}, key=ada)
    outputs = {step: dict(turn(step, inputs_for(shop)).output) for step in REVIEWERS}
    branch(shop, {"evil.py": "EVIL = 1\n"}, key=ada)
    with pytest.raises(AgentFailedError) as moved:
        turn("merge", inputs_for(shop), **outputs)
    assert (moved.value.code, moved.value.retryable) == ("branch_moved", False)


def test_the_integrator_proposes_nothing_that_nobody_reviewed(shop: Path) -> None:
    branch(shop, {"total.py": CLEAN})
    with pytest.raises(AgentFailedError):
        turn("merge", inputs_for(shop))


@pytest.mark.parametrize(
    ("repo", "source"),
    [("/nowhere", "feature"), ("relative", "feature"), ("", "-rf"), ("", "none")],
)
def test_a_repository_or_branch_that_is_not_there_is_told(
    shop: Path, repo: str, source: str
) -> None:
    branch(shop, {"total.py": CLEAN})
    for step in REVIEWERS:
        with pytest.raises(AgentFailedError) as failed:
            turn(step, inputs_for(shop) | {"repo": repo or str(shop), "branch": source})
        assert failed.value.code == "repository_unusable"


def test_an_agent_stands_alone(shop: Path) -> None:
    """It needs nothing but this Python, the folders it names, and JSON on standard input."""
    commit(shop, "Park (#1)")
    branch(shop, {"total.py": CLEAN})
    program = manifest()["style-reviewer"]["runner_config"]["argv"][1:]
    assert not [file for file in program if "import orchestrator" in Path(file).read_text()]
    given = json.dumps({"inputs": inputs_for(shop), "context": {}}).encode()
    python = Path(__file__).parents[2] / ".venv" / "bin" / "python"
    done = subprocess.run(
        [python, *program], input=given, capture_output=True, check=True, cwd="/"
    )
    assert json.loads(done.stdout)["output"]["files"] == 1
