"""Which process of a parallel run gets which tests, and when."""

from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# All of its files look at one running product, and starting it takes longer than they do.
TOGETHER = "tests/acceptance/"
LONGEST_FIRST = (TOGETHER, "slow", "e2e", "kill")


class ByFile(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """Keeps a file together, whose fixtures are made once, in the order of the collection."""

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        place = nodeid.partition("::")[0]
        return TOGETHER if place.startswith(TOGETHER) else place


def put_longest_first(items: list[pytest.Item]) -> None:
    """Begin with what takes minutes, so that none of it is alone at the end."""
    files: dict[Path, int] = {}
    for item in items:
        files[item.path] = min(files.get(item.path, len(LONGEST_FIRST)), _rank(item))
    items.sort(key=lambda item: files[item.path])


def _rank(item: pytest.Item) -> int:
    names = {mark.name for mark in item.iter_markers()}
    if item.nodeid.startswith(TOGETHER):
        names.add(TOGETHER)
    places = [place for place, name in enumerate(LONGEST_FIRST) if name in names]
    return min(places, default=len(LONGEST_FIRST))
