"""Whatever a repository is configured to run does not run, through the whole life of a merge."""

from collections.abc import Callable
from pathlib import Path

import pytest

from governance.adapters import EffectRefusedError, FactUnavailableError
from orchestrator.runners.git.merge import GitMerge
from tests.factories.git import branch, commit, git, merge_arguments, repository, signing_key

KEY = "e" * 64


def planted(folder: Path) -> tuple[Path, Path]:
    """Return a script that leaves a trace when it is run, and the trace."""
    folder.mkdir()
    script, trace = folder / "evil.sh", folder / "ran"
    script.write_text(f'#!/bin/sh\necho "$0 $@" >> {trace}\ncat\n')
    script.chmod(0o755)
    return script, trace


def live_through_a_merge(shop: Path) -> None:
    tool, arguments = GitMerge(["/"]), merge_arguments(shop)
    pins = tool.collect(arguments).pins
    tool.sentence(arguments, pins)
    tool.preview(arguments, pins)
    tool.delta(arguments, pins, pins)
    response = tool.perform(arguments, pins, effect_key=KEY, fence=1)
    assert tool.probe(arguments, pins, effect_key=KEY) == response
    tool.compensate(arguments, response, effect_key=KEY, fence=2)


def hostile(tmp_path: Path) -> Path:
    """Return a repository with signed commits, attributes for everything, and main checked out."""
    key = signing_key(tmp_path / "keys")
    attributes = "* filter=evil diff=evil merge=evil\n"
    shop = repository(
        tmp_path / "shop",
        {
            "a.txt": "1\n2\n3\n4\n5\n6\n7\n8\n",
            ".gitattributes": attributes,
            ".countersign/allowed_signers": key.allowed,
        },
    )
    branch(shop, {"a.txt": "one\n2\n3\n4\n5\n6\n7\n8\n"}, key=key, back_to="main")
    commit(shop, "Both sides move (#3)", {"a.txt": "1\n2\n3\n4\n5\n6\n7\neight\n"})
    (shop / ".git" / "info" / "attributes").write_text(attributes)
    return shop


SETTINGS: dict[str, Callable[[str], list[tuple[str, str]]]] = {
    "gpg programs": lambda evil: [
        ("gpg.program", evil),
        ("gpg.ssh.program", evil),
        ("gpg.openpgp.program", evil),
        ("gpg.x509.program", evil),
        ("gpg.ssh.defaultKeyCommand", evil),
        ("gpg.format", "ssh"),
        ("commit.gpgSign", "true"),
        ("user.signingKey", "x"),
        ("log.showSignature", "true"),
    ],
    "transport": lambda evil: [
        ("core.sshCommand", evil),
        ("core.gitProxy", evil),
        ("core.askPass", evil),
        ("credential.helper", f"!{evil}"),
        ("protocol.allow", "always"),
        ("protocol.ext.allow", "always"),
        ("remote.origin.url", f"ext::{evil}"),
        ("remote.origin.promisor", "true"),
        ("remote.origin.uploadpack", evil),
        ("remote.origin.partialCloneFilter", "blob:none"),
        ("extensions.partialClone", "origin"),
    ],
    "filters": lambda evil: [
        ("filter.evil.clean", evil),
        ("filter.evil.smudge", evil),
        ("filter.evil.process", evil),
        ("filter.evil.required", "true"),
    ],
    "diff drivers": lambda evil: [
        ("diff.external", evil),
        ("diff.evil.command", evil),
        ("diff.evil.textconv", evil),
        ("diff.evil.cachetextconv", "true"),
    ],
    "merge drivers": lambda evil: [
        ("merge.evil.driver", f"{evil} %A"),
        ("merge.default", "evil"),
        ("mergetool.x.cmd", evil),
    ],
    "aliases": lambda evil: [
        (f"alias.{name}", f"!{evil}")
        for name in ("log", "diff-tree", "merge-tree", "rev-parse", "update-ref", "evil")
    ],
    "monitors, editors, pagers": lambda evil: [
        ("core.fsmonitor", evil),
        ("core.editor", evil),
        ("core.pager", evil),
        ("pager.log", evil),
        ("sequence.editor", evil),
        ("core.alternateRefsCommand", evil),
        ("uploadpack.packObjectsHook", evil),
        ("interactive.diffFilter", evil),
    ],
    "hooks elsewhere": lambda evil: [("core.hooksPath", str(Path(evil).parent / "hooks"))],
}


@pytest.mark.parametrize("kind", SETTINGS)
def test_configuration_of_the_repository_runs_nothing(tmp_path: Path, kind: str) -> None:
    shop = hostile(tmp_path)
    script, trace = planted(tmp_path / "evil")
    hooks = script.parent / "hooks"
    hooks.mkdir()
    for name in ("reference-transaction", "post-index-change", "post-checkout"):
        (hooks / name).symlink_to(script)
    for name, value in SETTINGS[kind](str(script)):
        git(shop, "config", "--local", name, value)
    live_through_a_merge(shop)
    assert not trace.exists()


def test_hooks_of_the_repository_do_not_run(tmp_path: Path) -> None:
    shop = hostile(tmp_path)
    script, trace = planted(tmp_path / "evil")
    for name in [
        "commit-msg",
        "post-checkout",
        "post-commit",
        "post-index-change",
        "post-merge",
        "post-rewrite",
        "pre-commit",
        "pre-merge-commit",
        "prepare-commit-msg",
        "reference-transaction",
        "update",
        "fsmonitor-watchman",
        "sendemail-validate",
    ]:
        (shop / ".git" / "hooks").mkdir(exist_ok=True)
        (shop / ".git" / "hooks" / name).symlink_to(script)
    live_through_a_merge(shop)
    assert not trace.exists()


def test_the_planted_script_would_have_run_under_plain_git(tmp_path: Path) -> None:
    shop = hostile(tmp_path)
    script, trace = planted(tmp_path / "evil")
    git(shop, "config", "--local", "diff.evil.textconv", str(script))
    git(shop, "diff", "main", "feature")
    assert trace.exists()


def test_replacement_objects_do_not_change_what_is_shown(tmp_path: Path) -> None:
    shop = repository(tmp_path / "shop")
    real = branch(shop, {"shop.py": "PRICE = 666\n"})
    decoy = branch(shop, {"shop.py": "PRICE = 1\n# harmless\n"}, name="decoy")
    git(shop, "replace", real, decoy)
    tool, arguments = GitMerge(["/"]), merge_arguments(shop)
    pins = tool.collect(arguments).pins
    diff = tool.preview(arguments, pins)[0].content
    assert "PRICE = 666" in [line["text"] for line in diff["files"][0]["hunks"][0]["lines"]]


def test_attributes_of_the_branch_cannot_hide_a_file_from_the_diff(tmp_path: Path) -> None:
    shop = repository(tmp_path / "shop")
    branch(shop, {".gitattributes": "*.py binary -diff\n", "shop.py": "PRICE = 666\n"})
    tool, arguments = GitMerge(["/"]), merge_arguments(shop)
    diff = tool.preview(arguments, tool.collect(arguments).pins)[0].content
    assert {file["path"]: file["binary"] for file in diff["files"]} == {
        ".gitattributes": False,
        "shop.py": False,
    }


def test_a_branch_cannot_relax_the_rules_for_its_own_merge(tmp_path: Path) -> None:
    rules = ".countersign/repository.yaml"
    shop = repository(tmp_path / "shop", {rules: "require_signed_commits: true\n"})
    branch(shop, {rules: "require_signed_commits: false\nunprotected_branches: ['*']\n"})
    facts = GitMerge(["/"]).collect(merge_arguments(shop)).facts
    assert facts["signatures_required"]
    assert facts["target_protected"]


def test_a_branch_cannot_make_its_own_signer_known(tmp_path: Path) -> None:
    mallory = signing_key(tmp_path / "keys", "mallory@example.org")
    shop = repository(tmp_path / "shop")
    branch(shop, {".countersign/allowed_signers": mallory.allowed}, key=mallory)
    facts = GitMerge(["/"]).collect(merge_arguments(shop)).facts
    assert facts["unsigned_commits"] == []
    assert len(facts["unverified_signers"]) == 1


@pytest.mark.parametrize(
    "content",
    [
        "- a\n",
        "require_signed_commits: 'yes please'\n",
        "unprotected_branches: main\n",
        "unprotected_branches: [1]\n",
        "require_signatures: true\n",
        "a: [\n",
        "!!python/object/apply:os.system ['true']\n",
        "x" * 300_000,
        "[" * 100_000,
        "a: &a {}\n" + "".join(f"b{n}: &b{n} {{<<: [*a, *a]}}\n" for n in range(40)),
    ],
)
def test_broken_rules_of_a_repository_are_no_rules_but_a_refusal(
    tmp_path: Path, content: str
) -> None:
    shop = repository(tmp_path / "shop", {".countersign/repository.yaml": content})
    branch(shop, {"shop.py": "PRICE = 2\n"})
    with pytest.raises(FactUnavailableError, match=r"repository\.yaml"):
        GitMerge(["/"]).collect(merge_arguments(shop))


def test_rules_that_are_a_link_are_refused(tmp_path: Path) -> None:
    shop = repository(tmp_path / "shop")
    (shop / ".countersign").mkdir()
    (shop / ".countersign" / "repository.yaml").symlink_to("/etc/hostname")
    commit(shop, "Point elsewhere (#4)")
    branch(shop, {"shop.py": "PRICE = 2\n"})
    with pytest.raises(FactUnavailableError, match="regular file"):
        GitMerge(["/"]).collect(merge_arguments(shop))


def test_a_work_tree_that_only_claims_to_belong_here_is_never_written(tmp_path: Path) -> None:
    shop = repository(tmp_path / "shop")
    branch(shop, {"shop.py": "PRICE = 2\n"})
    victim = repository(tmp_path / "victim", {"shop.py": "PRICE = 1\n"})
    claim = shop / ".git" / "worktrees" / "claim"
    claim.mkdir(parents=True)
    (claim / "gitdir").write_text(f"{victim / '.git'}\n")
    (claim / "HEAD").write_text("ref: refs/heads/main\n")
    (claim / "commondir").write_text("../..\n")
    tool, arguments = GitMerge(["/"]), merge_arguments(shop)
    pins = tool.collect(arguments).pins
    with pytest.raises(EffectRefusedError, match="cannot be updated from here"):
        tool.perform(arguments, pins, effect_key=KEY, fence=1)
    assert git(shop, "rev-parse", "main") == pins["target_sha"]
    assert (victim / "shop.py").read_text() == "PRICE = 1\n"
