from pathlib import Path

import pytest

from tests.factories.governance import House, house


@pytest.fixture
def home(tmp_path: Path) -> House:
    return house(tmp_path)
