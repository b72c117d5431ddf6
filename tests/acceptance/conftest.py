"""A real `up` for the session and a real browser for each file of tests.

Playwright keeps an event loop running in this process for as long as its browser lives, and the
ORM refuses to work beside one. So these tests look at pages, call the API or run a command, and
the browser ends with the file, before other tests come.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.harness import browsers
from tests.harness.instances import Instance


@pytest.fixture(scope="session")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """The product with its demo, as somebody meets it who has just cloned it."""
    instance = Instance(tmp_path_factory.mktemp("acceptance") / "data").wait_until_ready()
    yield instance
    instance.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser without pages; `chromium.new_context()` is one person's."""
    with browsers.chromium() as browser:
        yield browser
