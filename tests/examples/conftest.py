from pathlib import Path

import pytest

from governance.adapters import adapter_for


@pytest.fixture(autouse=True)
def stages_are_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the tools act on what a test sets up."""
    monkeypatch.setattr(adapter_for("release.deploy"), "targets", (tmp_path,))
    monkeypatch.setattr(adapter_for("release.deploy"), "repositories", (tmp_path,))
    for slug in (
        "git.merge",
        "git.commit",
        "service.isolate",
        "credential.rotate",
        "evidence.preserve",
    ):
        monkeypatch.setattr(adapter_for(slug), "roots", (tmp_path,))
