"""Turns at a folder in which an agent may write: nothing there is believed, no link followed."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.runners.faults import PlaceError
from orchestrator.runners.git.turn import FENCE_DAYS, FENCES, turn

KEY = "a1" * 32


def refused(folder: Path, fence: int = 1) -> str:
    with pytest.raises(PlaceError) as error, turn(folder, KEY, fence):
        raise AssertionError("it was let in")
    return str(error.value)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "target"
    place.mkdir()
    return place


def test_a_try_that_was_replaced_is_turned_away_and_the_fence_stays(folder: Path) -> None:
    for fence in (1, 1, 3):
        with turn(folder, KEY, fence):
            assert (folder / FENCES / KEY).read_text() == str(fence)
    assert "replaced by try 3" in refused(folder, 2)
    assert (folder / FENCES / KEY).read_text() == "3"


def test_a_link_instead_of_the_fences_is_refused_and_nothing_behind_it_is_touched(
    folder: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    old = elsewhere / "old"
    old.write_text("precious")
    os.utime(old, (0, 0))
    (folder / FENCES).symlink_to(elsewhere)
    assert "no folder of its own" in refused(folder)
    assert [place.name for place in elsewhere.iterdir()] == ["old"]


def test_a_link_instead_of_the_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(folder)
    assert "no folder of its own" in refused(link)
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    "plant",
    [
        lambda place: place.write_text("many"),
        lambda place: place.write_text(""),
        lambda place: place.symlink_to("/etc/hostname"),
        lambda place: place.mkdir(),
        os.mkfifo,
    ],
)
def test_a_fence_that_is_no_number_turns_everybody_away(
    folder: Path, plant: Callable[[Path], None]
) -> None:
    (folder / FENCES).mkdir()
    plant(folder / FENCES / KEY)
    assert f"{FENCES}/{KEY} is no number" in refused(folder)


def test_a_draft_that_is_a_link_is_written_through_by_nobody(folder: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (folder / FENCES).mkdir()
    (folder / FENCES / f".{KEY}").symlink_to(precious)
    with turn(folder, KEY, 1):
        assert precious.read_text() == "precious"
    assert (folder / FENCES / KEY).read_text() == "1"


def test_a_folder_where_a_fence_is_written_is_refused(folder: Path) -> None:
    (folder / FENCES / f".{KEY}").mkdir(parents=True)
    assert "cannot be written" in refused(folder)


def test_old_fences_are_forgotten_and_what_a_link_leads_to_is_not(
    folder: Path, tmp_path: Path
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (folder / FENCES).mkdir()
    (folder / FENCES / "gone").write_text("1")
    (folder / FENCES / "away").symlink_to(precious)
    long_ago = time.time() - (FENCE_DAYS + 1) * 86_400
    for name in ("gone", "away"):
        os.utime(folder / FENCES / name, (long_ago, long_ago), follow_symlinks=False)
    with turn(folder, KEY, 1):
        assert [place.name for place in (folder / FENCES).iterdir()] == [KEY]
    assert precious.read_text() == "precious"
