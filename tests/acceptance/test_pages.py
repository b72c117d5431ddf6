"""Every page, in both themes, on a desk and on a phone: accessible, quiet, never too wide."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.acceptance import stage
from tests.acceptance.company import Company, ask
from tests.acceptance.screenshots import ADVISED, SIZES, THEMES, problems
from tests.acceptance.watching import no_complaints

pytestmark = pytest.mark.e2e

NARROWEST = 360
# A change of theme reaches what has transitions with the next frames.
SETTLED = """async () => {
  for (const _ of [1, 2]) await new Promise(requestAnimationFrame);
  await Promise.allSettled(document.getAnimations().map((one) => one.finished));
}"""
UNFOLDED = "document.querySelectorAll('main details').forEach((one) => { one.open = true; })"
STRANGERS = {"signin": "/signin/", "closed-link": "/enrol/nothing/", "unknown": "/nowhere/"}
LISTS = {
    "inbox": "/",
    "history": "/history/",
    "runs": "/runs/",
    "workflows": "/workflows/",
    "advice": "/workflows/advise/",
    "advice-single": "/workflows/advise/?agents=one&oversight=no",
    "advice-several": f"/workflows/advise/?{ADVISED}",
    "agents": "/agents/",
    "agents-none": "/agents/?lifecycle=retired",
    "agent-register": "/agents/register/",
    "budgets": "/budgets/",
    "contracts": "/contracts/",
    "contract-draft": "/contracts/new/",
    "audit": "/audit/",
    "audit-narrowed": "/audit/?since=2026-01-01",
    "notices": "/notices/",
    "settings": "/settings/",
    "styleguide": "/styleguide/",
    "unknown": "/nowhere/",
}
# The first address on a list that fits, and what follows it.
DETAILS = {
    "gate": ("/", r"/gates/[0-9a-f-]+/", ""),
    "gate-split": ("/", r"/gates/[0-9a-f-]+/", "?diff=split"),
    "gate-decided": ("/history/", r"/gates/[0-9a-f-]+/", ""),
    "run-waiting": ("/runs/?state=waiting", r"/runs/[0-9a-f-]+/", ""),
    "run-escalated": ("/runs/?state=escalated", r"/runs/[0-9a-f-]+/", ""),
    "run-over": ("/runs/?state=rejected", r"/runs/[0-9a-f-]+/", ""),
    "workflow": ("/workflows/", r"/workflows/[0-9a-f-]+/", ""),
    "workflow-start": ("/workflows/", r"/workflows/[0-9a-f-]+/start/", ""),
    "agent": ("/agents/", r"/agents/[0-9a-f-]+/", ""),
    "agent-suspend": ("/agents/", r"/agents/[0-9a-f-]+/", "suspend/"),
    "agent-limit": ("/agents/", r"/agents/[0-9a-f-]+/", "limit/"),
    "contract": ("/contracts/", r"/contracts/[0-9a-f-]+/", ""),
    "contract-suspend": ("/contracts/", r"/contracts/[0-9a-f-]+/", "suspend/"),
    "contract-revoke": ("/contracts/", r"/contracts/[0-9a-f-]+/", "revoke/"),
    "event": ("/audit/", r"/audit/[0-9]+/", ""),
}


@pytest.fixture(scope="module")
def desk(company: Company, chromium: Browser) -> Iterator[BrowserContext]:
    """Grace's browser, with one gate waiting and one decided."""
    company.waiting_gate()
    with company.at_desk(chromium, "Grace", reduced_motion="reduce") as context:
        page = context.new_page()
        page.goto(company.waiting_gate())
        page.get_by_role("button", name="Reject", exact=True).click()
        expect(page.get_by_text("You rejected this.")).to_be_visible()
        page.close()
        company.backstage.call(stage.budget, "Grace")
        company.backstage.call(stage.contract, "Grace")
        company.backstage.call(stage.escalated)
        yield context


@pytest.fixture
def tab(desk: BrowserContext) -> Iterator[Page]:
    """A page that must not complain, so that a complaint names the page."""
    with no_complaints(desk):
        page = desk.new_page()
        yield page
        page.close()


def look_at(page: Page) -> None:
    """See a page on every screen and in every theme, and on the narrowest screen."""
    found = []
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        for theme in THEMES:
            page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
            page.evaluate(SETTLED)
            found += [f"{size}, {theme}: {problem}" for problem in problems(page)]
    page.set_viewport_size({"width": NARROWEST, "height": 740})
    page.evaluate("scrollTo(1000, 0)")
    assert page.evaluate("[scrollX, document.documentElement.scrollWidth]") == [0, NARROWEST]
    assert found == []


@pytest.mark.parametrize("name", STRANGERS)
def test_a_page_for_strangers_suits_everybody(
    company: Company, chromium: Browser, name: str
) -> None:
    context = chromium.new_context(base_url=company.instance.base_url, reduced_motion="reduce")
    with no_complaints(context):
        page = context.new_page()
        page.goto(STRANGERS[name])
        look_at(page)
    context.close()


@pytest.mark.parametrize("name", LISTS)
def test_a_list_or_form_suits_everybody(tab: Page, name: str) -> None:
    tab.goto(LISTS[name])
    look_at(tab)


@pytest.mark.parametrize("name", DETAILS)
def test_a_page_behind_a_list_suits_everybody(tab: Page, name: str) -> None:
    path, pattern, more = DETAILS[name]
    tab.goto(path)
    hrefs = tab.locator("main a").evaluate_all("all => all.map(a => a.getAttribute('href'))")
    found = next(href for href in hrefs if re.fullmatch(pattern, str(href)))
    tab.goto(f"{found}{more}")
    tab.evaluate(UNFOLDED)
    look_at(tab)


def test_the_documents_of_the_api_can_be_read(tab: Page) -> None:
    schema = tab.request.get("/api/v1/schema/?format=json").json()
    assert schema["openapi"].startswith("3.1")
    assert ask(tab, "/api/v1/me/")["username"] == "grace"
