"""Takes a picture of every screen and lets axe look at it.

`python -m tests.acceptance.screenshots`: desktop and phone, light and dark, full and empty, into
the git-ignored folder screenshots/. The exit code is 1 when axe finds anything or a page is wider
than its screen. Names of screens after the command take only those.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, StorageState, expect

from tests.harness import browsers
from tests.harness.instances import ROOT, Instance, environment

OUT = ROOT / "screenshots"
SIZES = {"desktop": (1440, 900), "phone": (390, 844)}
THEMES = ("light", "dark")
RULES = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]
CROWD = 120
HIGHEST = 16_000
ADVISED = "agents=several&oversight=yes&coordination=known&work=handoff&control=decentralized"


@dataclass(frozen=True, slots=True)
class Screen:
    """One screen: the name of its picture and its address; `stranger` sees it signed out."""

    name: str
    path: str
    stranger: bool = False


EMPTY = (
    Screen("inbox-empty", "/"),
    Screen("history-empty", "/history/"),
    Screen("runs-empty", "/runs/"),
    Screen("workflows-empty", "/workflows/"),
    Screen("agents-empty", "/agents/"),
    Screen("notices-empty", "/notices/"),
)
STILL = (
    Screen("signin", "/signin/", stranger=True),
    Screen("link-unknown", "/enrol/nothing/", stranger=True),
    Screen("not-found", "/nowhere/"),
    Screen("inbox", "/"),
    Screen("history", "/history/"),
    Screen("runs", "/runs/"),
    Screen("workflows", "/workflows/"),
    Screen("workflow-advice-empty", "/workflows/advise/"),
    Screen("workflow-advice", f"/workflows/advise/?{ADVISED}"),
    Screen("workflow-advice-single", "/workflows/advise/?agents=one&oversight=no"),
    Screen("budgets-empty", "/budgets/"),
    Screen("contracts-empty", "/contracts/"),
    Screen("contract-draft", "/contracts/new/"),
    Screen("agents", "/agents/"),
    Screen("agents-filtered-empty", "/agents/?lifecycle=retired"),
    Screen("agent-register", "/agents/register/"),
    Screen("audit", "/audit/"),
    Screen("notices", "/notices/"),
    Screen("settings", "/settings/"),
    Screen("styleguide", "/styleguide/"),
)


@dataclass(slots=True)
class Camera:
    """Takes the pictures of one running product as one person, and remembers what was wrong."""

    browser: Browser
    instance: Instance
    state: StorageState
    wanted: Sequence[str]
    wrong: list[str]

    @property
    def base_url(self) -> str:
        """Where the product answers."""
        return self.instance.base_url

    def take(self, screen: Screen) -> None:
        """Take one screen in every size and theme."""
        if self.wanted and screen.name not in self.wanted:
            return
        for size, theme in product(SIZES, THEMES):
            with self._context(size, theme, signed_in=not screen.stranger) as context:
                page = context.new_page()
                page.goto(self.base_url + screen.path)
                page.wait_for_load_state("networkidle")
                name = f"{screen.name}-{size}-{theme}"
                _stretch(page)
                page.screenshot(path=OUT / f"{name}.png")
                self.wrong += [f"{name}: {problem}" for problem in problems(page)]

    @contextmanager
    def _context(self, size: str, theme: str, *, signed_in: bool) -> Iterator[BrowserContext]:
        width, height = SIZES[size]
        phone = size == "phone"
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if theme == "dark" else "light",
            storage_state=self.state if signed_in else None,
            is_mobile=phone,
            has_touch=phone,
        )
        yield context
        context.close()


def _stretch(page: Page) -> None:
    """Make the screen as high as the page.

    A picture of more than the screen forgets that a finger touches it, and what stays in place at
    the bottom covers the middle.
    """
    width, height = page.evaluate("[innerWidth, document.documentElement.scrollHeight]")
    page.set_viewport_size({"width": width, "height": min(height, HIGHEST)})


def problems(page: Page) -> Iterator[str]:
    """Say what axe finds, and whether the page scrolls sideways."""
    inner, whole = page.evaluate("[innerWidth, document.documentElement.scrollWidth]")
    if whole > inner:
        yield f"is {whole} px wide on a screen of {inner}"
    found = Axe().run(page, options={"runOnly": RULES, "resultTypes": ["violations"]})
    for violation in found.response["violations"]:
        places = [node["target"] for node in violation["nodes"]]
        yield f"{violation['id']}: {violation['help']} {places[:3]}"


def sign_in(browser: Browser, instance: Instance, name: str) -> StorageState:
    """Open the printed link as the first person and return their cookies."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(instance.signin_url)
    page.get_by_label("Your name").fill(name)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Approvals", level=1)).to_be_visible()
    state = context.storage_state()
    context.close()
    return state


def linked(camera: Camera) -> list[Screen]:
    """Find the pages that lists lead to: the first gate, run, agent and workflow."""
    context = camera.browser.new_context(storage_state=camera.state)
    page = context.new_page()
    page.goto(camera.base_url)
    expect(page.locator("[data-gate]").first).to_be_visible(timeout=60_000)
    screens = []
    for name, list_path, pattern in (
        ("gate", "/", r"^/gates/[0-9a-f-]+/$"),
        ("run", "/runs/", r"^/runs/[0-9a-f-]+/$"),
        ("agent", "/agents/", r"^/agents/[0-9a-f-]+/$"),
        ("workflow", "/workflows/", r"^/workflows/[0-9a-f-]+/$"),
    ):
        page.goto(camera.base_url + list_path)
        hrefs = page.locator("main a").evaluate_all("all => all.map(a => a.getAttribute('href'))")
        found = next((href for href in hrefs if href and re.match(pattern, href)), "")
        if found:
            screens.append(Screen(name, found))
    context.close()
    return screens


def beside(screens: Sequence[Screen]) -> Iterator[Screen]:
    """Return the forms that stand one step behind a page."""
    onward = {
        "agent": [Screen("agent-suspend", "suspend/"), Screen("agent-limit", "limit/")],
        "workflow": [Screen("workflow-start", "start/")],
        "gate": [Screen("gate-split", "?diff=split")],
    }
    for screen in screens:
        yield screen
        for more in onward.get(screen.name, []):
            yield Screen(more.name, screen.path + more.path)


def decide(camera: Camera, gate: Screen) -> None:
    """Approve one gate, so that the decided states have something to show."""
    context = camera.browser.new_context(storage_state=camera.state)
    page = context.new_page()
    page.goto(camera.base_url + gate.path)
    page.get_by_label("Comment").fill("Read the whole diff; the limits are what was agreed.")
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.get_by_text("You approved this.")).to_be_visible()
    page.wait_for_timeout(3_000)
    context.close()


def crowd(instance: Instance) -> None:
    """Let many more runs wait at their gates."""
    subprocess.run(
        [sys.executable, "manage.py", "demo", "--many", str(CROWD)],
        cwd=ROOT,
        env=environment({"COUNTERSIGN_DATA_DIR": str(instance.data_dir)}),
        check=True,
    )


@contextmanager
def running(browser: Browser, wanted: Sequence[str], *options: str) -> Iterator[Camera]:
    """Start the product in a place of its own, signed in as its first person."""
    with tempfile.TemporaryDirectory(prefix="cs-shots-") as place:
        instance = Instance(Path(place) / "data", *options)
        try:
            instance.wait_until_ready()
            state = sign_in(browser, instance, "Grace Hopper")
            camera = Camera(browser, instance, state, wanted, [])
            yield camera
        finally:
            instance.close()


def main(wanted: Sequence[str]) -> int:
    """Take everything, then say what was wrong."""
    OUT.mkdir(exist_ok=True)
    wrong: list[str] = []
    with browsers.chromium() as browser:
        with running(browser, wanted, "--no-demo") as camera:
            for screen in EMPTY:
                camera.take(screen)
            wrong += camera.wrong
        with running(browser, wanted) as camera:
            screens = linked(camera)
            for screen in (*STILL, *beside(screens)):
                camera.take(screen)
            gate, run = (next(s for s in screens if s.name == name) for name in ("gate", "run"))
            decide(camera, gate)
            camera.take(Screen("gate-approved", gate.path))
            camera.take(Screen("run-succeeded", run.path))
            crowd(camera.instance)
            camera.take(Screen("inbox-many", "/"))
            wrong += camera.wrong
    taken = len(list(OUT.glob("*.png")))
    sys.stdout.write("\n".join([*wrong, f"{taken} pictures in {OUT}", ""]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
