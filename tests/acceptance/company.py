"""The people of one running product, each with a browser of their own."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, StorageState, expect

from tests.acceptance import stage
from tests.acceptance.watching import no_complaints
from tests.harness.backstage import Backstage
from tests.harness.instances import ROOT, Instance, environment

GOING = ("pending", "running", "waiting")
RUN_SECONDS = 180


class Company:
    """Who works with one product. Nobody shares a browser, and nobody signs in twice."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.backstage = Backstage(instance.data_dir, instance.extra)
        self._states: dict[str, StorageState] = {}
        self._gates: list[str] = []

    @contextmanager
    def at_desk(self, browser: Browser, name: str, **options: Any) -> Iterator[BrowserContext]:
        """Open a browser signed in as `name`, whose pages must not complain.

        `options` are Playwright's of a context.
        """
        state = self.signed_in(browser, name)
        context = browser.new_context(
            base_url=self.instance.base_url, storage_state=state, **options
        )
        with no_complaints(context):
            yield context
        context.close()

    def signed_in(self, browser: Browser, name: str) -> StorageState:
        """Return the cookies of somebody, who enrols the first time they are asked for."""
        if name not in self._states:
            if name != "Grace":
                self.signed_in(browser, "Grace")
            context = browser.new_context()
            page = context.new_page()
            page.goto(self.backstage.call(stage.signin_link, name))
            page.get_by_role("button", name="Sign in").click()
            expect(page.get_by_role("heading", name="Approvals", level=1)).to_be_visible()
            self._states[name] = context.storage_state()
            context.close()
        return self._states[name]

    def waiting_gate(self) -> str:
        """Return the address of a gate that nobody has touched; to look at or to reject."""
        if not self._gates:
            self._gates = self.backstage.call(stage.gates, 12)
        return f"/gates/{self._gates.pop()}/"

    def command(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a command of the product beside it, as on its console."""
        return subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=environment({"COUNTERSIGN_DATA_DIR": str(self.instance.data_dir)}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def close(self) -> None:
        """End what runs beside the product."""
        self.backstage.close()


def ask(page: Page, path: str) -> Any:
    """Return what the API answers to whoever has this page open."""
    answer = page.request.get(path)
    assert answer.ok, answer.text()
    return answer.json()


def story_of(page: Page, run_id: str) -> list[str]:
    """Return the types of everything that happened in a run, oldest first."""
    events = ask(page, f"/api/v1/events/?stream=run:{run_id}&limit=200")["events"]
    return [event["type"] for event in events]


def end_of(page: Page, run_id: str) -> str:
    """Wait until a run is over, and return how it ended."""
    deadline = time.monotonic() + RUN_SECONDS
    while (state := str(ask(page, f"/api/v1/runs/{run_id}/")["state"])) in GOING:
        assert time.monotonic() < deadline, story_of(page, run_id)
        page.wait_for_timeout(100)
    return state


def with_token(
    instance: Instance, token: str, path: str, body: dict[str, str] | None = None, **headers: str
) -> tuple[int, Any]:
    """Call the API as a program does that holds a token; returns status and answer."""
    request = urllib.request.Request(  # noqa: S310 - always our own address
        instance.base_url + path,
        data=json.dumps(body).encode() if body is not None else None,
        headers={
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310 - as above
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)
