"""What a page must never do behind its reader's back."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import BrowserContext, ConsoleMessage, Page

# The browser says this by itself: of every answer that refuses, whose reason the page shows, and
# of a socket that a busy machine was late to open, which the page shows and tries again.
SAID_ANYHOW = (
    "Failed to load resource: the server responded with a status of 4",
    "WebSocket connection to ",
)


@contextmanager
def same_document(page: Page) -> Iterator[None]:
    """See that the page is still the document it was: changed by itself, and never reloaded."""
    page.evaluate("document.documentElement.acceptance = 'same'")
    yield
    assert page.evaluate("document.documentElement.acceptance") == "same"


@contextmanager
def no_complaints(context: BrowserContext) -> Iterator[None]:
    """See that no page logs an error, throws, or tries what the content policy forbids."""
    heard: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(SAID_ANYHOW):
            heard.append(f"{message.location.get('url')}: {message.text}")

    context.on("console", listen)
    context.on("weberror", lambda error: heard.append(str(error.error)))
    yield
    assert not heard, heard
