from pathlib import Path

import pytest
from django.test import Client

from governance.models import Gate, Person
from tests.factories import governance as make


@pytest.fixture
def home(db: None, tmp_path: Path) -> make.House:
    return make.house(tmp_path)


@pytest.fixture
def gate(home: make.House) -> Gate:
    return make.open_gate(home)


def signed_in(person: Person) -> Client:
    """A browser of this person."""
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client
