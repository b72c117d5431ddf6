from importlib.metadata import EntryPoint
from typing import Any

import pytest

from orchestrator.runners import registry
from orchestrator.runners.base import AgentFailedError


class Plugin:
    name, version = "plugin", "3"

    def run(self, request: Any, heartbeat: Any) -> Any:
        raise NotImplementedError


class Impostor(Plugin):
    name = "process"


class Shapeless:
    pass


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> Any:
    def install(*names: str) -> None:
        points = [EntryPoint(n, f"{__name__}:{n}", registry.GROUP) for n in names]
        monkeypatch.setattr(registry, "entry_points", lambda **_: points)
        registry.runners.cache_clear()

    yield install
    monkeypatch.undo()
    registry.runners.cache_clear()


def test_the_built_in_runners_are_there() -> None:
    runner, described = registry.runner_for("process")
    assert runner.name == "process"
    assert described.startswith("process 1")
    assert registry.runner_for("echo")


def test_a_plugin_is_found_by_its_entry_point(plugins: Any) -> None:
    plugins("Plugin")
    runner, described = registry.runner_for("plugin")
    assert isinstance(runner, Plugin)
    assert described == "plugin 3 (unknown distribution)"


def test_a_broken_plugin_is_skipped_and_logged(
    plugins: Any, caplog: pytest.LogCaptureFixture
) -> None:
    plugins("Missing", "Shapeless", "Plugin")
    assert set(registry.runners()) == {"echo", "http", "openai", "plugin", "process"}
    assert "Missing" in caplog.text
    assert "not a runner" in caplog.text


def test_a_plugin_cannot_take_the_name_of_another_runner(
    plugins: Any, caplog: pytest.LogCaptureFixture
) -> None:
    plugins("Impostor")
    assert not isinstance(registry.runner_for("process")[0], Impostor)
    assert "the name is taken" in caplog.text


def test_an_unknown_runner_is_refused() -> None:
    with pytest.raises(AgentFailedError) as caught:
        registry.runner_for("nobody")
    assert (caught.value.code, caught.value.retryable) == ("unknown_runner", False)
