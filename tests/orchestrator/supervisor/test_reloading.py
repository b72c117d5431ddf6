from pathlib import Path

import pytest

from orchestrator.supervisor import reloading


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(reloading, "ROOT", tmp_path)
    monkeypatch.setattr(reloading, "PAUSE_SECONDS", 0)
    (tmp_path / "governance").mkdir()
    module = tmp_path / "governance" / "gates.py"
    module.write_text("before")
    return module


def test_what_stays_the_same_is_no_news(source: Path) -> None:
    assert not reloading.Changes().have_come()


def test_a_new_file_is_news_once(source: Path) -> None:
    changes = reloading.Changes()
    source.with_name("seats.py").write_text("new")
    assert changes.have_come()
    assert not changes.have_come()


def test_what_is_no_source_is_no_news(source: Path) -> None:
    changes = reloading.Changes()
    source.with_suffix(".pyc").write_text("compiled")
    assert not changes.have_come()
