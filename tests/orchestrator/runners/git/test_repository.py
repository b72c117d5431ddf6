import os
import shutil
from pathlib import Path

import pytest
from django.conf import settings

from orchestrator.demo.shop import NAME as DEMO
from orchestrator.runners.faults import PlaceError
from orchestrator.runners.git.command import RepositoryError
from orchestrator.runners.git.repository import RefMovedError, object_id, open_repository
from orchestrator.runners.reach import STAGES
from tests.factories.git import branch, commit, git, repository


def refused(path: object, roots: tuple[Path, ...] = (Path("/"),)) -> str:
    with pytest.raises(PlaceError) as error:
        open_repository(str(path), roots)
    return str(error.value)


def test_a_repository_is_found_by_the_path_of_its_top_folder(tmp_path: Path) -> None:
    shop = repository(tmp_path / "shop")
    found = open_repository(str(shop), [Path("/")])
    assert (found.path, found.common_dir, found.name) == (shop, shop / ".git", "shop")


def test_a_bare_repository_and_a_linked_work_tree_are_found(tmp_path: Path) -> None:
    shop = repository(tmp_path / "shop")
    git(tmp_path, "clone", "-q", "--bare", str(shop), "shop.git")
    git(shop, "worktree", "add", "-q", "-b", "other", str(tmp_path / "linked"))
    assert open_repository(str(tmp_path / "shop.git"), [Path("/")]).name == "shop"
    assert open_repository(str(tmp_path / "linked"), [Path("/")]).common_dir == shop / ".git"


def test_a_folder_inside_a_repository_is_not_taken_for_it(tmp_path: Path) -> None:
    shop = repository(tmp_path / "shop", {"src/shop.py": ""})
    assert "is not a git repository" in refused(shop / "src")
    assert "not" in refused(shop / ".git")


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("shop", "not an absolute path"),
        ("-C", "not an absolute path"),
        ("/nowhere/at/all", "no folder"),
        ("/etc/passwd", "not a folder"),
        ("/srv/a\nb", "control characters"),
        ("/srv/\0", "control characters"),
        ("", "not an absolute path"),
    ],
)
def test_a_path_that_is_no_repository_is_refused_with_the_reason(path: str, why: str) -> None:
    assert why in refused(path)


def test_a_repository_outside_the_allowed_roots_is_refused(tmp_path: Path) -> None:
    shop = repository(tmp_path / "inside" / "shop")
    (tmp_path / "elsewhere").mkdir()
    assert open_repository(str(shop), (tmp_path / "inside",)).path == shop
    assert "to COUNTERSIGN_REPO_ROOTS" in refused(shop, (tmp_path / "elsewhere",))


def test_where_no_root_is_named_no_repository_is_allowed(tmp_path: Path) -> None:
    shop = repository(tmp_path / "shop")
    assert "adds a folder around it to COUNTERSIGN_REPO_ROOTS" in refused(shop, ())


def test_unless_it_says_otherwise_an_installation_allows_what_it_made_itself() -> None:
    # Settings cannot import these names, so they stand there once more.
    assert {Path(root).name for root in settings.REPOSITORY_ROOTS} == {STAGES, DEMO}
    assert len({Path(root).parent for root in settings.REPOSITORY_ROOTS}) == 1


def test_neither_a_link_nor_a_git_file_leads_out_of_the_roots(tmp_path: Path) -> None:
    shop = repository(tmp_path / "secret" / "shop")
    inside = tmp_path / "inside"
    (inside / "fake").mkdir(parents=True)
    (inside / "link").symlink_to(shop)
    (inside / "fake" / ".git").write_text(f"gitdir: {shop / '.git'}\n")
    assert "COUNTERSIGN_REPO_ROOTS" in refused(inside / "link", (inside,))
    assert "COUNTERSIGN_REPO_ROOTS" in refused(inside / "fake", (inside,))


@pytest.mark.parametrize(
    "part",
    ["refs", "refs/heads/team", "objects", "objects/pack", "logs/HEAD", "packed-refs", "index"],
)
def test_no_part_of_a_repository_is_a_link_out_of_the_roots(tmp_path: Path, part: str) -> None:
    precious = repository(tmp_path / "elsewhere" / "precious") / ".git"
    shop = repository(tmp_path / "inside" / "shop")
    place = shop / ".git" / part
    if place.is_dir():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    target = precious / ("refs/heads" if part == "refs/heads/team" else part)
    place.symlink_to(target)
    assert "outside the folders" in refused(shop, (tmp_path / "inside",))
    assert open_repository(str(shop), (tmp_path,)).path == shop


def test_no_objects_are_borrowed_from_outside_of_the_roots(tmp_path: Path) -> None:
    inside, precious = tmp_path / "inside", repository(tmp_path / "elsewhere" / "precious")
    first, second = repository(inside / "first"), repository(inside / "second")

    def lend(borrower: Path, listed: str) -> None:
        (borrower / ".git/objects/info/alternates").write_text(f"{listed}\n")

    lend(first, "../../../second/.git/objects")
    assert open_repository(str(first), (inside,)).path == first
    lend(second, str(precious / ".git/objects"))
    for borrower in (first, second):
        assert "outside the folders" in refused(borrower, (inside,))
    lend(second, f'"{precious}/.git/objects"')
    assert "outside the folders" in refused(first, (inside,))


def test_a_work_tree_that_the_configuration_moved_elsewhere_is_refused(tmp_path: Path) -> None:
    shop, victim = repository(tmp_path / "shop"), tmp_path / "victim"
    victim.mkdir()
    git(shop, "config", "core.worktree", str(victim))
    assert "is not the top folder" in refused(shop)


@pytest.mark.parametrize(
    "name",
    ["-rf", "--upload-pack=x", "a..b", "a b", "a~1", "@{-1}", "HEAD", "", "a\0b", "x^{tree}", "*"],
)
def test_a_name_that_cannot_be_a_branch_is_refused(tmp_path: Path, name: str) -> None:
    found = open_repository(str(repository(tmp_path / "shop")), [Path("/")])
    with pytest.raises(RepositoryError):
        found.head_of(name)


def test_a_tag_or_a_commit_id_is_not_taken_for_a_branch(tmp_path: Path) -> None:
    shop = repository(tmp_path / "shop")
    git(shop, "tag", "v1")
    found = open_repository(str(shop), [Path("/")])
    for name in ("v1", git(shop, "rev-parse", "HEAD"), "refs/heads/main"):
        with pytest.raises(RepositoryError, match="has no branch"):
            found.head_of(name)


def test_a_branch_that_is_only_an_alias_of_another_is_refused(tmp_path: Path) -> None:
    shop = repository(tmp_path / "shop")
    git(shop, "symbolic-ref", "refs/heads/harmless", "refs/heads/main")
    with pytest.raises(RepositoryError, match="alias"):
        open_repository(str(shop), [Path("/")]).head_of("harmless")


def test_a_branch_moves_only_from_the_commit_it_was_seen_at(tmp_path: Path) -> None:
    shop = repository(tmp_path / "shop")
    old = git(shop, "rev-parse", "main")
    new = branch(shop, {"shop.py": "PRICE = 2\n"})
    found = open_repository(str(shop), [Path("/")])
    with pytest.raises(RefMovedError):
        found.swap("main", new, new, "wrong")
    assert found.head_of("main") == old
    found.swap("main", new, old, "right")
    assert found.head_of("main") == new


def test_reading_writes_nothing_into_the_repository(tmp_path: Path) -> None:
    shop = repository(tmp_path / "shop")
    branch(shop, {"shop.py": "PRICE = 2\n"})
    commit(shop, "Move on (#3)", {"other.py": ""})
    before = sorted(os.walk(shop / ".git" / "objects"))
    with open_repository(str(shop), [Path("/")]).reading() as view:
        view.run("hash-object", "-w", "--stdin", stdin=b"new content")
    assert sorted(os.walk(shop / ".git" / "objects")) == before


def test_an_object_id_is_whole_and_lower_case() -> None:
    assert object_id("a" * 40)
    for text in ("a" * 39, "A" * 40, "-" * 40, "a" * 40 + "\n", ""):
        with pytest.raises(RepositoryError):
            object_id(text)
