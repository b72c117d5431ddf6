"""A real `up` for the session, a real browser for each file of tests, and people who use it.

Playwright keeps an event loop running in this process for as long as its browser lives, and the
ORM refuses to work beside one. So these tests look at pages, call the API or run a command, and
the browser ends with the file, before other tests come.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.acceptance.company import Company
from tests.harness import browsers
from tests.harness.instances import Instance


@pytest.fixture(scope="session")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """The product with its demo, which all files share; none may rely on what others left."""
    place = tmp_path_factory.mktemp("acceptance")
    roots = str(place.parent)
    instance = Instance(place / "data", COUNTERSIGN_REPO_ROOTS=roots)
    try:
        yield instance.wait_until_ready()
    finally:
        instance.close()
    assert "Traceback" not in instance.output


@pytest.fixture(scope="session")
def company(instance: Instance) -> Iterator[Company]:
    """The people of the shared product; Grace is the first."""
    company = Company(instance)
    yield company
    company.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser without pages; `company.at_desk(chromium, "Grace")` is one person's."""
    with browsers.chromium() as browser:
        yield browser


@pytest.fixture
def page(company: Company, chromium: Browser) -> Iterator[Page]:
    """A page of Grace's, in a window of its own."""
    with company.at_desk(chromium, "Grace") as context:
        yield context.new_page()
