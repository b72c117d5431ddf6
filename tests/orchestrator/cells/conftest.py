from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.factories.governance import House, house
from tests.orchestrator.cells.driving import cast, player_installed


@pytest.fixture
def home(db: None, tmp_path: Path) -> Iterator[House]:
    with player_installed():
        home = house(tmp_path)
        cast(home)
        yield home
