from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from orchestrator.demo.scripted.script import script_of
from orchestrator.demo.scripted.server import ScriptedModel, serving
from tests.factories.models import Play


@pytest.fixture
def play() -> Iterator[Play]:
    """Serves scripts until the test ends."""
    with ExitStack() as stack:

        def serve(*turns: dict[str, Any]) -> ScriptedModel:
            return stack.enter_context(serving(script_of(list(turns))))

        yield serve
