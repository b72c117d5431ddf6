from uuid import uuid4

import pytest

from orchestrator.selectors.sealed import veil


@pytest.mark.django_db
@pytest.mark.parametrize("place", ["ship/turn#6", "undo/ship/turn", "undo/ship/turn#6#2"])
def test_what_a_turn_or_its_undo_came_to_is_no_sealed_paper(place: str) -> None:
    told = {"step": place, "output": {"current": "first"}}
    assert veil(str(uuid4()), told) == told
