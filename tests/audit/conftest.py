"""Who may see what, for tests of reading."""

from dataclasses import dataclass, field

import pytest

from audit import registry
from governance.models import Person


@dataclass(slots=True)
class Sight:
    """What Ada may see and which domains' logs she may read; nobody else sees anything."""

    names: set[str] = field(default_factory=set)
    domains: set[str] = field(default_factory=set)


@pytest.fixture
def sight(monkeypatch: pytest.MonkeyPatch) -> Sight:
    """Let the test decide, in the place of the apps above."""
    given = Sight()

    def ada(person: object) -> bool:
        return isinstance(person, Person) and person.username == "ada"

    monkeypatch.setitem(
        registry._stream_viewers, "note", lambda p, id_: ada(p) and f"note:{id_}" in given.names
    )
    monkeypatch.setitem(
        registry._list_viewers, "notes", lambda p, d: ada(p) and f"list:notes:{d}" in given.names
    )
    monkeypatch.setattr(registry, "_readers", [lambda p: given.domains if ada(p) else set()])
    return given
