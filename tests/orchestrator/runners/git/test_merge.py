from pathlib import Path
from typing import Any

import pytest

from governance.adapters import EffectRefusedError, FactUnavailableError, ToolAdapter
from orchestrator.runners.git.merge import GitMerge
from tests.factories.git import (
    branch,
    commit,
    git,
    merge_arguments,
    repository,
    signing_key,
    write,
)

KEY = "e" * 64
tool = GitMerge(["/"])


def perform(shop: Path, pins: Any, key: str = KEY, fence: int = 1) -> Any:
    return tool.perform(merge_arguments(shop), pins, effect_key=key, fence=fence)


def pins_of(shop: Path) -> Any:
    return tool.collect(merge_arguments(shop)).pins


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A repository with main checked out and a branch `feature` one commit ahead."""
    made = repository(tmp_path / "demo-shop")
    branch(made, {"shop.py": "PRICE = 2\n", "new.py": "NEW = 1\n"}, back_to="main")
    return made


def test_the_adapter_fits_the_seam() -> None:
    assert isinstance(tool, ToolAdapter)


def test_the_facts_name_every_commit_issue_and_signer(tmp_path: Path) -> None:
    ada, mallory = signing_key(tmp_path / "keys"), signing_key(tmp_path / "keys", "m@example.org")
    signers = {".countersign/allowed_signers": ada.allowed}
    made = repository(tmp_path / "demo-shop", signers)
    branch(made, {"a.py": ""}, key=ada, message="Signed for SHOP-7 in UTF-8")
    unsigned = branch(made, {"b.py": ""}, message="Unsigned (#8)")
    head = branch(made, {"c.py": ""}, key=mallory, message="By a stranger")
    facts = tool.collect(merge_arguments(made))
    assert facts.pins["source_sha"] == head
    assert facts.pins["target_sha"] == git(made, "rev-parse", "main")
    assert facts.facts["commit_count"] == 3
    assert facts.facts["unsigned_commits"] == [unsigned]
    assert [signer[:7] for signer in facts.facts["unverified_signers"]] == ["SHA256:"]
    assert facts.facts["linked_issues"] == ["#8", "SHOP-7"]
    assert facts.facts["head_sha"] == head
    assert facts.facts["target_protected"]
    assert not facts.facts["signatures_required"]
    assert (facts.resource_type, facts.resource_id) == ("Branch", "demo-shop/main")


def test_a_commit_whose_content_was_changed_after_signing_is_not_verified(tmp_path: Path) -> None:
    ada = signing_key(tmp_path / "keys")
    made = repository(tmp_path / "shop", {".countersign/allowed_signers": ada.allowed})
    signed = branch(made, {"a.py": ""}, key=ada)
    forged = git(made, "cat-file", "commit", signed).replace("Raise", "Lower") + "\n"
    changed = git(made, "hash-object", "-t", "commit", "-w", "--stdin", stdin=forged.encode())
    git(made, "update-ref", "refs/heads/feature", changed)
    facts = tool.collect(merge_arguments(made)).facts
    assert facts["unsigned_commits"] == []
    assert len(facts["unverified_signers"]) == 1


def test_the_rules_of_the_target_say_which_branches_are_protected(tmp_path: Path) -> None:
    rules = "require_signed_commits: true\nunprotected_branches: ['try/*']\n"
    made = repository(tmp_path / "shop", {".countersign/repository.yaml": rules})
    branch(made, {"a.py": ""})
    git(made, "branch", "try/it", "main")
    protected = tool.collect(merge_arguments(made))
    free = tool.collect(merge_arguments(made, target="try/it"))
    assert protected.facts["target_protected"]
    assert not free.facts["target_protected"]
    assert free.facts["signatures_required"]


def test_the_sentence_counts_commits_and_files(shop: Path) -> None:
    arguments = merge_arguments(shop)
    pins = tool.collect(arguments).pins
    said = tool.sentence(arguments, pins)
    assert said == "Merge branch feature into main of demo-shop (1 commit, 2 files)"


def test_the_sentence_speaks_of_the_pins_even_when_the_branch_moved_since(shop: Path) -> None:
    arguments = merge_arguments(shop)
    pins = tool.collect(arguments).pins
    said = tool.sentence(arguments, pins)
    git(shop, "checkout", "-q", "feature")
    commit(shop, "One more (#4)", {"more.py": "MORE = 1\n"})
    assert tool.sentence(arguments, pins) == said


def test_a_conflict_is_refused_with_the_files(shop: Path) -> None:
    commit(shop, "Another price (#3)", {"shop.py": "PRICE = 3\n"})
    with pytest.raises(FactUnavailableError, match=r"conflict in shop\.py"):
        tool.collect(merge_arguments(shop))


def test_a_branch_without_anything_new_is_refused(shop: Path) -> None:
    git(shop, "branch", "stale", "main")
    for arguments in (merge_arguments(shop, "stale"), merge_arguments(shop, "main")):
        with pytest.raises(FactUnavailableError):
            tool.collect(arguments)


def test_branches_without_a_common_past_are_refused(shop: Path) -> None:
    git(shop, "checkout", "-q", "--orphan", "alien")
    commit(shop, "From elsewhere", {"alien.py": ""})
    with pytest.raises(FactUnavailableError):
        tool.collect(merge_arguments(shop, "alien"))


def test_the_merge_is_what_git_would_make_and_says_which_effect_it_is(shop: Path) -> None:
    pins = pins_of(shop)
    response = perform(shop, pins)
    merged = git(shop, "rev-parse", "main")
    assert response["commit"] == merged
    assert git(shop, "rev-parse", "main^{tree}") == pins["merged_tree"]
    assert git(shop, "log", "-1", "--format=%P") == f"{pins['target_sha']} {pins['source_sha']}"
    message = git(shop, "log", "-1", "--format=%B")
    assert message.splitlines() == [
        "Merge branch feature into main",
        "",
        f"Countersign-Effect: {KEY}",
        "Countersign-Fence: 1",
    ]
    assert git(shop, "fsck", "--strict", "--no-dangling") == ""


def test_a_work_tree_on_the_target_follows_the_merge(shop: Path) -> None:
    response = perform(shop, pins_of(shop))
    assert response["warnings"] == []
    assert git(shop, "status", "--porcelain") == ""
    assert (shop / "new.py").read_text() == "NEW = 1\n"


def test_a_linked_work_tree_on_the_target_follows_too(tmp_path: Path, shop: Path) -> None:
    git(shop, "checkout", "-q", "-b", "parking")
    linked = tmp_path / "linked tree"
    git(shop, "worktree", "add", "-q", str(linked), "main")
    perform(shop, pins_of(shop))
    assert git(linked, "status", "--porcelain") == ""
    assert (linked / "new.py").exists()
    assert not (shop / "new.py").exists()


def test_a_merge_in_a_bare_repository_needs_no_work_tree(tmp_path: Path, shop: Path) -> None:
    git(tmp_path, "clone", "-q", "--bare", str(shop), "shop.git")
    bare = tmp_path / "shop.git"
    response = perform(bare, pins_of(bare))
    assert git(bare, "rev-parse", "main") == response["commit"]


@pytest.mark.parametrize(
    "dirt",
    [
        {"shop.py": "PRICE = 99\n"},
        {"README": None},
        {"new.py": "mine, and not yet tracked\n"},
        {".git/MERGE_HEAD": "0" * 40 + "\n"},
    ],
)
def test_a_dirty_work_tree_refuses_before_anything_happens(
    shop: Path, dirt: dict[str, str | bytes | None]
) -> None:
    pins = pins_of(shop)
    write(shop, dirt)
    with pytest.raises(EffectRefusedError, match="commit or stash") as refused:
        perform(shop, pins)
    assert str(shop) in str(refused.value)
    assert git(shop, "rev-parse", "main") == pins["target_sha"]
    assert tool.probe(merge_arguments(shop), pins, effect_key=KEY) is None


def test_staged_changes_refuse_too(shop: Path) -> None:
    pins = pins_of(shop)
    write(shop, {"README": "Mine\n"})
    git(shop, "add", "README")
    with pytest.raises(EffectRefusedError, match="not committed"):
        perform(shop, pins)


def test_untracked_files_out_of_the_way_do_not_matter(shop: Path) -> None:
    write(shop, {"notes.txt": "mine\n"})
    assert perform(shop, pins_of(shop))["warnings"] == []
    assert (shop / "notes.txt").read_text() == "mine\n"


def test_a_sparse_work_tree_is_left_alone(shop: Path) -> None:
    pins = pins_of(shop)
    git(shop, "sparse-checkout", "set", "--no-cone", "README")
    with pytest.raises(EffectRefusedError, match="sparse"):
        perform(shop, pins)
    assert git(shop, "rev-parse", "main") == pins["target_sha"]


def test_a_work_tree_with_windows_line_ends_keeps_them(shop: Path) -> None:
    git(shop, "config", "core.autocrlf", "true")
    perform(shop, pins_of(shop))
    assert (shop / "new.py").read_bytes() == b"NEW = 1\r\n"
    assert git(shop, "status", "--porcelain") == ""


def test_a_target_that_moved_is_left_alone(shop: Path) -> None:
    pins = pins_of(shop)
    moved = commit(shop, "Move on (#4)", {"other.py": ""})
    with pytest.raises(EffectRefusedError):
        perform(shop, pins)
    assert git(shop, "rev-parse", "main") == moved


def test_a_source_that_moved_does_not_change_what_is_merged(shop: Path) -> None:
    pins = pins_of(shop)
    branch(shop, {"evil.py": "EVIL = 1\n"}, back_to="main")
    perform(shop, pins)
    assert not (shop / "evil.py").exists()
    assert git(shop, "rev-parse", "main^2") == pins["source_sha"]


def test_performing_twice_merges_once(shop: Path) -> None:
    pins = pins_of(shop)
    first, second = perform(shop, pins), perform(shop, pins, fence=2)
    assert first == second
    assert git(shop, "rev-list", "--count", "--merges", "main") == "1"


def test_the_probe_finds_the_merge_below_later_work(shop: Path) -> None:
    pins = pins_of(shop)
    arguments = merge_arguments(shop)
    assert tool.probe(arguments, pins, effect_key=KEY) is None
    merged = perform(shop, pins)["commit"]
    commit(shop, "Later (#5)", {"later.py": ""})
    found = tool.probe(arguments, pins, effect_key=KEY)
    assert found is not None
    assert found["commit"] == merged
    assert tool.probe(arguments, pins, effect_key="f" * 64) is None


def test_a_forged_trailer_is_not_taken_for_the_effect(shop: Path) -> None:
    pins = pins_of(shop)
    commit(shop, f"Innocent\n\nCountersign-Effect: {KEY}", {"other.py": ""})
    assert tool.probe(merge_arguments(shop), pins, effect_key=KEY) is None


def test_the_undo_reverts_the_merge_once(shop: Path) -> None:
    pins, arguments = pins_of(shop), merge_arguments(shop)
    assert tool.compensation(arguments, pins)["action"] == "revert"
    response = perform(shop, pins)
    undone = tool.compensate(arguments, response, effect_key=KEY, fence=2)
    again = tool.compensate(arguments, response, effect_key=KEY, fence=3)
    assert undone == again
    assert git(shop, "rev-list", "--count", "--first-parent", "main") == "3"
    assert git(shop, "rev-parse", "main^{tree}") == git(shop, "rev-parse", "main~2^{tree}")
    assert f"Countersign-Undo: {KEY}" in git(shop, "log", "-1", "--format=%B")
    assert git(shop, "status", "--porcelain") == ""
    assert not (shop / "new.py").exists()


def test_the_undo_keeps_what_came_after_the_merge(shop: Path) -> None:
    response = perform(shop, pins_of(shop))
    commit(shop, "Later (#5)", {"later.py": "LATER = 1\n"})
    tool.compensate(merge_arguments(shop), response, effect_key=KEY, fence=2)
    assert (shop / "later.py").exists()
    assert (shop / "shop.py").read_text() == "PRICE = 1\n"
    assert git(shop, "fsck", "--strict") == ""


def test_an_undo_that_conflicts_is_refused_with_the_files(shop: Path) -> None:
    response = perform(shop, pins_of(shop))
    head = commit(shop, "Later (#5)", {"shop.py": "PRICE = 4\n"})
    with pytest.raises(EffectRefusedError, match=r"shop\.py"):
        tool.compensate(merge_arguments(shop), response, effect_key=KEY, fence=2)
    assert git(shop, "rev-parse", "main") == head


def test_the_commits_are_shown_with_their_signatures(shop: Path) -> None:
    shown = tool.preview(merge_arguments(shop), pins_of(shop))[1]
    assert (shown.kind, shown.trust, shown.content["count"]) == ("commits", "tool", 1)
    (only,) = shown.content["commits"]
    assert only["subject"] == "Raise the price (#2)"
    assert only["signature"] == "unsigned"
    assert only["issues"] == ["#2"]
    assert shown.subject == only["sha"]


def test_the_delta_shows_only_what_is_new(shop: Path) -> None:
    before = pins_of(shop)
    added = branch(shop, {"later.py": "LATER = 1\n"}, message="More (#6)", back_to="main")
    diff, commits = tool.delta(merge_arguments(shop), before, pins_of(shop))
    assert [file["path"] for file in diff.content["files"]] == ["later.py"]
    assert [c["sha"] for c in commits.content["commits"]] == [added]


def test_the_delta_shows_what_the_target_brought(shop: Path) -> None:
    before = pins_of(shop)
    commit(shop, "Move on (#4)", {"other.py": "OTHER = 1\n"})
    diff, commits = tool.delta(merge_arguments(shop), before, pins_of(shop))
    assert [file["path"] for file in diff.content["files"]] == ["other.py"]
    assert commits.content["commits"] == []


def test_sha256_repositories_work(tmp_path: Path) -> None:
    made = tmp_path / "long"
    made.mkdir()
    git(made, "init", "-q", "-b", "main", "--object-format=sha256")
    commit(made, "Begin (#1)", {"a.py": "A = 1\n"})
    branch(made, {"b.py": "B = 1\n"}, back_to="main")
    assert len(perform(made, pins_of(made))["commit"]) == 64
    assert git(made, "status", "--porcelain") == ""


@pytest.mark.parametrize(
    "pins",
    [
        {"source_sha": "--all", "target_sha": "a" * 40, "merged_tree": "b" * 40},
        {"source_sha": "a" * 40, "target_sha": "HEAD", "merged_tree": "b" * 40},
        {"source_sha": "a" * 40, "target_sha": "b" * 40, "merged_tree": "c" * 40},
    ],
)
def test_pins_that_are_no_commits_here_are_refused(shop: Path, pins: dict[str, str]) -> None:
    head = git(shop, "rev-parse", "main")
    with pytest.raises(EffectRefusedError):
        perform(shop, pins)
    assert git(shop, "rev-parse", "main") == head
