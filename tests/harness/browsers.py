"""The Chromium that the browser tests drive, wherever the machine has one."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MACOS = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
# A container has no sandbox of its own to offer, and a test needs nothing from the world.
OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
# Nothing is measured with a browser, and a machine that builds is a busy one.
MILLISECONDS = 60_000
expect.set_options(timeout=MILLISECONDS)


def executable() -> str:
    """Return the path of a Chromium, or an empty string."""
    found = (path for name in NAMES if (path := shutil.which(name)))
    return next(found, str(MACOS) if MACOS.exists() else "")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the browser; every test opens a context of its own in it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=list(OPTIONS))
        yield browser
        browser.close()
