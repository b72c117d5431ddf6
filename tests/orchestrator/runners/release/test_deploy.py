"""Deploying into real folders, from real commits: once, undoable, and never half."""

import io
import json
import os
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from governance.adapters import EffectRefusedError, FactUnavailableError
from orchestrator.runners.git.repository import open_repository
from orchestrator.runners.release.deploy import Deploy
from orchestrator.runners.release.packing import packed
from orchestrator.runners.release.target import Release, Target, open_target
from tests.factories.git import commit, git, repository, signing_key
from tests.orchestrator.services.broken_ledger import WorkerDiedError

tool = Deploy(["/"], ["/"])
KEY, OTHER = "a1" * 32, "b2" * 32


def project(version: str) -> dict[str, str | bytes | None]:
    text = f'[project]\nname = "shop"\nversion = "{version}"\n'
    return {"pyproject.toml": text, "shop/__init__.py": f'VERSION = "{version}"\n'}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return repository(tmp_path / "shop", project("1.0.0"))


@pytest.fixture
def target(tmp_path: Path) -> Path:
    place = tmp_path / "staging"
    place.mkdir()
    (place / "target.json").write_text('{"environment": "staging"}')
    return place


def artifact_of(shop: Path, oid: str) -> str:
    with open_repository(str(shop), [Path("/")]).reading() as view:
        return packed(view, oid).digest


def arguments(shop: Path, target: Path) -> dict[str, Any]:
    head = git(shop, "rev-parse", "HEAD")
    digest = artifact_of(shop, head)
    return {
        "repository": str(shop),
        "commit": head,
        "artifact": digest,
        "target": str(target),
    }


def deployed(shop: Path, target: Path, key: str = KEY, fence: int = 1) -> dict[str, Any]:
    wanted = arguments(shop, target)
    pins = tool.collect(wanted).pins
    return dict(tool.perform(wanted, pins, effect_key=key, fence=fence))


def served(target: Path) -> str:
    return (target / "current" / "shop" / "__init__.py").read_text()


def test_a_release_becomes_current_and_says_what_it_took_the_place_of(
    shop: Path, target: Path
) -> None:
    first = deployed(shop, target)
    assert served(target) == 'VERSION = "1.0.0"\n'
    assert (first["version"], first["previous"]) == ("1.0.0", "none")
    commit(shop, "Raise (#2)", project("1.1.0"))
    facts = tool.collect(arguments(shop, target))
    said = tool.sentence(arguments(shop, target), facts.pins)
    assert said == "Deploy 1.1.0 to staging (staging), in place of 1.0.0"
    assert facts.pins["current"] == first["release"]
    assert facts.facts["commit_count"] == 1
    second = deployed(shop, target, OTHER)
    assert second["previous"] == first["release"]
    assert served(target) == 'VERSION = "1.1.0"\n'


def test_the_preview_shows_what_changes_against_the_current_release(
    shop: Path, target: Path
) -> None:
    wanted = arguments(shop, target)
    diff, commits = tool.preview(wanted, tool.collect(wanted).pins)
    assert [file["status"] for file in diff.content["files"]] == ["added", "added"]
    deployed(shop, target)
    commit(shop, "Raise (#2)", project("1.1.0"))
    wanted = arguments(shop, target)
    diff, commits = tool.preview(wanted, tool.collect(wanted).pins)
    assert [file["status"] for file in diff.content["files"]] == ["modified", "modified"]
    assert [each["subject"] for each in commits.content["commits"]] == ["Raise (#2)"]


def test_the_same_effect_twice_is_one_release(shop: Path, target: Path) -> None:
    wanted = arguments(shop, target)
    pins = tool.collect(wanted).pins
    assert tool.probe(wanted, pins, effect_key=KEY) is None
    first = tool.perform(wanted, pins, effect_key=KEY, fence=1)
    assert tool.probe(wanted, pins, effect_key=KEY) == first
    assert tool.perform(wanted, pins, effect_key=KEY, fence=2) == first
    assert len([each for each in (target / "releases").iterdir() if each.is_dir()]) == 1


def test_a_try_that_was_replaced_changes_nothing(shop: Path, target: Path) -> None:
    wanted = arguments(shop, target)
    pins = tool.collect(wanted).pins
    deployed(shop, target, fence=3)
    (target / "current").unlink()
    with pytest.raises(EffectRefusedError, match="was replaced"):
        tool.perform(wanted, pins, effect_key=KEY, fence=2)
    assert not (target / "current").exists()


def test_a_release_that_was_only_half_laid_down_is_laid_down_anew(
    shop: Path, target: Path
) -> None:
    draft = target / "releases" / f".{KEY[:24]}"
    draft.mkdir(parents=True)
    (draft / "junk").write_text("left behind")
    deployed(shop, target)
    assert not draft.exists()
    assert not (target / "current" / "junk").exists()


@pytest.mark.parametrize("dies_in", ["symlink_to", "replace"])
def test_a_worker_that_died_between_laying_down_and_switching_is_followed_by_one_that_switches(
    shop: Path, target: Path, monkeypatch: pytest.MonkeyPatch, dies_in: str
) -> None:
    wanted = arguments(shop, target)
    pins = tool.collect(wanted).pins
    with monkeypatch.context() as dying:
        dying.setattr(Path, dies_in, dying_at_the_link(getattr(Path, dies_in)))
        with pytest.raises(WorkerDiedError):
            tool.perform(wanted, pins, effect_key=KEY, fence=1)
    assert tool.probe(wanted, pins, effect_key=KEY) is None
    assert not os.path.lexists(target / "current")
    tool.perform(wanted, pins, effect_key=KEY, fence=2)
    assert tool.probe(wanted, pins, effect_key=KEY) is not None
    assert served(target) == 'VERSION = "1.0.0"\n'


def dying_at_the_link(does: Callable[..., object]) -> Callable[..., object]:
    def dies(place: Path, *args: object) -> object:
        if place.name.startswith(".current"):
            raise WorkerDiedError
        return does(place, *args)

    return dies


def test_a_release_that_was_switched_back_by_hand_has_happened_and_is_not_deployed_again(
    shop: Path, target: Path
) -> None:
    before = deployed(shop, target)["release"]
    commit(shop, "Raise (#2)", project("1.1.0"))
    wanted = arguments(shop, target)
    pins = tool.collect(wanted).pins
    done = tool.perform(wanted, pins, effect_key=OTHER, fence=1)
    (target / "current").unlink()
    (target / "current").symlink_to(Path("releases") / before)
    assert tool.probe(wanted, pins, effect_key=OTHER) == done
    assert tool.perform(wanted, pins, effect_key=OTHER, fence=2) == done
    assert served(target) == 'VERSION = "1.0.0"\n'
    tool.compensate(wanted, done, effect_key=OTHER, fence=3)
    assert served(target) == 'VERSION = "1.0.0"\n'


def test_a_release_that_another_took_the_place_of_has_happened_and_does_not_come_back(
    shop: Path, target: Path
) -> None:
    wanted = arguments(shop, target)
    pins = tool.collect(wanted).pins
    first = tool.perform(wanted, pins, effect_key=KEY, fence=1)
    commit(shop, "Raise (#2)", project("1.1.0"))
    deployed(shop, target, OTHER)
    assert tool.probe(wanted, pins, effect_key=KEY) == first
    assert tool.perform(wanted, pins, effect_key=KEY, fence=2) == first
    assert served(target) == 'VERSION = "1.1.0"\n'


def test_the_undo_brings_the_release_before_back_and_repeating_it_changes_nothing(
    shop: Path, target: Path
) -> None:
    deployed(shop, target)
    commit(shop, "Raise (#2)", project("1.1.0"))
    wanted = arguments(shop, target)
    response = deployed(shop, target, OTHER)
    for fence in (1, 2):
        tool.compensate(wanted, response, effect_key=OTHER, fence=fence)
        assert served(target) == 'VERSION = "1.0.0"\n'


def test_the_undo_of_what_never_happened_changes_nothing(shop: Path, target: Path) -> None:
    deployed(shop, target)
    tool.compensate(arguments(shop, target), {}, effect_key=OTHER, fence=1)
    assert served(target) == 'VERSION = "1.0.0"\n'


def test_the_undo_of_the_first_release_leaves_none(shop: Path, target: Path) -> None:
    response = deployed(shop, target)
    tool.compensate(arguments(shop, target), response, effect_key=KEY, fence=1)
    assert not os.path.lexists(target / "current")


def test_a_target_that_moved_since_refuses_and_its_new_release_stays(
    shop: Path, target: Path
) -> None:
    wanted = arguments(shop, target)
    pins = tool.collect(wanted).pins
    commit(shop, "Raise (#2)", project("1.1.0"))
    deployed(shop, target, OTHER)
    with pytest.raises(EffectRefusedError, match="Another release"):
        tool.perform(wanted, pins, effect_key=KEY, fence=1)
    assert served(target) == 'VERSION = "1.1.0"\n'
    moved, *_ = tool.delta(wanted, pins, tool.collect(wanted).pins)
    assert str(moved.content["now_in_place_of"]).startswith("1.1.0")


def test_another_artifact_than_the_one_that_was_built_is_refused(shop: Path, target: Path) -> None:
    wanted = {**arguments(shop, target), "artifact": "0" * 64}
    with pytest.raises(FactUnavailableError, match="built and tested"):
        tool.collect(wanted)


def test_signatures_of_everything_new_are_facts(shop: Path, target: Path, tmp_path: Path) -> None:
    key = signing_key(tmp_path / "keys")
    first = tool.collect(arguments(shop, target))
    assert len(first.facts["unsigned_commits"]) == 1
    deployed(shop, target)
    commit(shop, "Raise (#2)", project("1.1.0"), key)
    assert len(tool.collect(arguments(shop, target)).facts["unverified_signers"]) == 1
    (target / "allowed_signers").write_text(key.allowed)
    facts = tool.collect(arguments(shop, target)).facts
    assert facts["unsigned_commits"] == facts["unverified_signers"] == []


@pytest.mark.parametrize("rules", ["", "{}", "[]", '{"environment": "moon"}', "{"])
def test_a_folder_that_does_not_say_what_it_is_is_no_target(
    shop: Path, target: Path, rules: str
) -> None:
    (target / "target.json").write_text(rules)
    with pytest.raises(FactUnavailableError, match=r"target\.json"):
        tool.collect(arguments(shop, target))


@pytest.mark.parametrize("allowed", [[], ["/srv"]])
def test_targets_lie_in_the_folders_that_are_allowed_and_without_any_in_none(
    shop: Path, target: Path, allowed: list[str]
) -> None:
    elsewhere = Deploy(["/"], targets=allowed)
    with pytest.raises(FactUnavailableError, match="COUNTERSIGN_TARGET_ROOTS"):
        elsewhere.collect(arguments(shop, target))
    assert not (target / "releases").exists()


@pytest.mark.parametrize("link", ["target.json", "releases"])
def test_a_link_that_leads_out_of_a_target_is_refused(
    shop: Path, target: Path, tmp_path: Path, link: str
) -> None:
    wanted = arguments(shop, target)
    pins = tool.collect(wanted).pins
    outside = tmp_path / "outside"
    outside.mkdir()
    (target / "target.json").rename(outside / "target.json")
    (target / link).symlink_to(outside / link if link == "target.json" else outside)
    if link == "releases":
        (outside / "target.json").rename(target / "target.json")
    with pytest.raises(EffectRefusedError):
        tool.perform(wanted, pins, effect_key=KEY, fence=1)
    assert not os.path.lexists(target / "current")
    assert [each.name for each in outside.iterdir()] in ([], ["target.json"])


def test_links_and_names_that_climb_are_not_packed(shop: Path, target: Path) -> None:
    (shop / "link").symlink_to("/etc/passwd")
    linked = commit(shop, "Link (#3)")
    with pytest.raises(FactUnavailableError, match="no regular file"):
        tool.collect({**arguments_at(shop, target, linked)})
    blob = git(shop, "hash-object", "-w", "--stdin", stdin=b"x")
    inner = git(shop, "mktree", "-z", stdin=f"100644 blob {blob}\tout.py\0".encode())
    tree = b"40000 ..\0" + bytes.fromhex(inner)
    outer = git(shop, "hash-object", "-t", "tree", "-w", "--stdin", "--literally", stdin=tree)
    climbing = git(shop, "commit-tree", outer, "-m", "Climb (#9)")
    with pytest.raises(FactUnavailableError):
        tool.collect(arguments_at(shop, target, climbing))


def arguments_at(shop: Path, target: Path, oid: str) -> dict[str, Any]:
    return {
        "repository": str(shop),
        "commit": oid,
        "artifact": "0" * 64,
        "target": str(target),
    }


def test_the_archive_is_a_plain_zip_anybody_can_make_again(shop: Path) -> None:
    head = git(shop, "rev-parse", "HEAD")
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as into:
        for name in sorted(git(shop, "ls-files").splitlines()):
            entry = zipfile.ZipInfo(name)
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            into.writestr(entry, (shop / name).read_bytes())
    assert sha256(made.getvalue()).hexdigest() == artifact_of(shop, head)


def test_a_release_without_its_record_is_none(target: Path) -> None:
    place: Target = open_target(str(target), [target])
    release = Release("r1", "c" * 40, "1", "d", "none")
    place.lay_down(release, {"a/b": (0o755, b"x")})
    assert place.release("r1") == release
    assert os.access(target / "releases/r1/a/b", os.X_OK)
    (target / "releases" / "r1.json").unlink()
    assert place.release("r1") is None
    assert json.loads((target / "target.json").read_text())["environment"] == "staging"


@pytest.mark.parametrize(
    "record",
    ["", "[]", "{}", "\xff", '{"name": "x"}', "[" * 100_000, {"previous": "../.."}, {"commit": 1}],
)
def test_a_record_that_says_nothing_is_named_and_nothing_is_switched(
    shop: Path, target: Path, record: str | dict[str, Any]
) -> None:
    release = deployed(shop, target)["release"]
    file = target / "releases" / f"{release}.json"
    whole = json.loads(file.read_text())
    file.write_text(record if isinstance(record, str) else json.dumps(whole | record))
    wanted = arguments(shop, target)
    with pytest.raises(FactUnavailableError, match=f"{release}.json is no record of a release"):
        tool.collect(wanted)
    with pytest.raises(EffectRefusedError, match="remove the release's folder"):
        tool.compensate(wanted, {}, effect_key=KEY, fence=2)
    assert served(target) == 'VERSION = "1.0.0"\n'
