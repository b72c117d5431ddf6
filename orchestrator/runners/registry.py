"""Which runners there are: our own, then plugins of the entry-point group countersign.runners."""

import logging
from collections.abc import Iterator
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from orchestrator.runners.base import AgentFailedError, Runner
from orchestrator.runners.echo import EchoRunner
from orchestrator.runners.http import HttpRunner
from orchestrator.runners.model.runner import ModelRunner
from orchestrator.runners.process import ProcessRunner

GROUP = "countersign.runners"
BUILT_IN: tuple[type[Runner], ...] = (EchoRunner, HttpRunner, ModelRunner, ProcessRunner)

logger = logging.getLogger(__name__)


@cache
def runners() -> dict[str, tuple[Runner, str]]:
    """Return every runner by name, with `name version (distribution version)` to record."""
    known = {kind().name: (kind(), _described(kind(), "built in")) for kind in BUILT_IN}
    for plugin, origin in _plugins():
        if plugin.name in known:
            logger.error("runner %r of %s is refused: the name is taken", plugin.name, origin)
        else:
            known[plugin.name] = (plugin, _described(plugin, origin))
    return known


def runner_for(name: str) -> tuple[Runner, str]:
    """Return the runner and its description; raises AgentFailedError when none has the name."""
    try:
        return runners()[name]
    except KeyError:
        detail = f"No runner named {name!r} is installed."
        raise AgentFailedError("unknown_runner", detail, retryable=False) from None


def description_of(name: str) -> str:
    """Return what to record of the runner; nothing when none has the name."""
    return runners()[name][1] if name in runners() else ""


def _plugins() -> Iterator[tuple[Runner, str]]:
    for point in entry_points(group=GROUP):
        plugin = _loaded(point)
        if plugin is not None and type(plugin) not in BUILT_IN:
            yield plugin, _origin(point)


def _loaded(point: EntryPoint) -> Runner | None:
    try:
        plugin = point.load()()
    except Exception:  # a plugin's import may fail in any way; the others must still work
        logger.exception("runner plugin %s of %s is skipped", point.name, _origin(point))
        return None
    if isinstance(plugin, Runner):
        return plugin
    logger.error("runner plugin %s of %s is skipped: not a runner", point.name, _origin(point))
    return None


def _origin(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "unknown distribution"


def _described(runner: Runner, origin: str) -> str:
    return f"{runner.name} {runner.version} ({origin})"[:64]
