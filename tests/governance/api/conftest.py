import pytest
from rest_framework.test import APIClient

from governance.models import Domain, Person
from tests.factories import identity


@pytest.fixture
def domain(db: None) -> Domain:
    return identity.domain()


@pytest.fixture
def grace(domain: Domain) -> Person:
    return identity.first_person()


@pytest.fixture
def api(grace: Person) -> APIClient:
    """Grace, by session; CSRF is not looked at unless a test makes its own client."""
    client = APIClient()
    client.force_login(grace)
    return client
