"""What a reviewer's hands do: keys, fingers, and a page that changes under them."""

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.acceptance import stage
from tests.acceptance.company import Company

pytestmark = pytest.mark.e2e

FIRST_LOAD = 120_000


@pytest.fixture
def page(page: Page, company: Company) -> Page:
    """An inbox with a few gates that wait, wired and live."""
    company.waiting_gate()
    page.goto("/")
    expect(page.locator("[data-live-status]")).to_have_text("Live")
    return page


def open_gate(page: Page, company: Company) -> None:
    """Open a gate nobody has decided yet, and wait until it can be pressed."""
    page.goto(company.waiting_gate())
    expect(page.locator("[data-acts]")).not_to_have_attribute("inert", "")


def state_of(page: Page) -> Locator:
    """Return the state that the open gate shows."""
    return page.locator("[data-gate-state]")


def test_a_gate_is_decided_with_nothing_but_a_keyboard(page: Page) -> None:
    rows = page.locator("[data-row]")
    page.keyboard.press("j")
    expect(rows.nth(0)).to_be_focused()
    page.keyboard.press("j")
    expect(rows.nth(1)).to_be_focused()
    page.keyboard.press("k")
    expect(rows.nth(0)).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/gates/*/")
    expect(page.locator("[data-live-status]")).to_have_text("Live")
    expect(page.locator("[data-acts]")).not_to_have_attribute("inert", "")
    page.keyboard.press("a")
    expect(page.get_by_label("Comment")).to_be_focused()
    page.keyboard.type("ar?j Read it.")
    expect(page.get_by_label("Comment")).to_have_value("ar?j Read it.")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("You approved this.")).to_be_visible()


@pytest.mark.parametrize("key", ["a", "r", "j", "o", "Enter", "Control+Enter", "y", "Space"])
def test_no_single_key_decides(page: Page, company: Company, key: str) -> None:
    open_gate(page, company)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    page.keyboard.press(key)
    page.keyboard.press(key)
    page.wait_for_timeout(300)
    assert "POST" not in sent
    expect(state_of(page)).to_have_attribute("data-gate-state", "pending")


def test_o_opens_the_row_that_has_the_focus(page: Page) -> None:
    page.keyboard.press("j")
    page.keyboard.press("o")
    expect(page.locator("[data-decide]")).to_be_visible()


def test_ctrl_enter_without_a_verb_in_mind_sends_nothing(page: Page, company: Company) -> None:
    open_gate(page, company)
    page.get_by_label("Comment").fill("Hm.")
    page.keyboard.press("Control+Enter")
    page.wait_for_timeout(500)
    expect(state_of(page)).to_have_attribute("data-gate-state", "pending")


def test_single_keys_rest_when_they_are_switched_off(page: Page) -> None:
    page.goto("/settings/")
    page.get_by_role("button", name="Switch off").click()
    page.goto("/")
    page.keyboard.press("j")
    expect(page.locator("[data-row]").first).not_to_be_focused()
    page.goto("/settings/")
    page.get_by_role("button", name="Switch on").click()


def test_an_arriving_gate_moves_neither_focus_nor_rows(page: Page, company: Company) -> None:
    row = page.locator("[data-row]").first
    row.focus()
    page.wait_for_load_state("networkidle")
    before = row.bounding_box()
    company.backstage.call(stage.gates, 1)
    news = page.get_by_role("link", name=re.compile("Show [0-9]+ new"))
    expect(news).to_be_visible()
    expect(row).to_be_focused()
    assert row.bounding_box() == before
    expect(page).to_have_title(re.compile(r"^\(\d+\+?\) Approvals"))


def test_what_just_changed_cannot_be_pressed(page: Page, company: Company) -> None:
    open_gate(page, company)
    inert = page.evaluate(
        """async () => {
          const strip = document.getElementById("strip");
          strip.append(document.createElement("p"));
          await new Promise((done) => setTimeout(done, 50));
          return document.querySelector("[data-acts]").inert;
        }"""
    )
    assert inert is True
    expect(page.locator("[data-acts]")).not_to_have_attribute("inert", "")


def test_on_a_phone_the_bar_leads_to_the_form_and_targets_are_large(
    company: Company, chromium: Browser
) -> None:
    size = {"width": 360, "height": 740}
    with company.at_desk(
        chromium, "Grace", viewport=size, is_mobile=True, has_touch=True
    ) as phone:
        tab = phone.new_page()
        tab.goto(company.waiting_gate())
        approve = tab.get_by_role("link", name="Approve…")
        expect(approve).to_be_in_viewport()
        box = approve.bounding_box()
        assert box
        assert box["height"] >= 44
        assert tab.evaluate("document.documentElement.scrollWidth") <= 360
        tab.wait_for_timeout(500)
        approve.tap()
        expect(tab.get_by_label("Comment")).to_be_focused()
        expect(tab.get_by_role("button", name="Approve", exact=True)).to_be_in_viewport()


def test_the_first_load_is_small(company: Company, chromium: Browser) -> None:
    sizes: dict[str, int] = {}
    with company.at_desk(chromium, "Grace") as context:
        tab = context.new_page()
        tab.on(
            "response",
            lambda r: sizes.update({r.url: len(r.body())}) if "/static/" in r.url else None,
        )
        tab.goto(company.waiting_gate())
        tab.wait_for_load_state("networkidle")
    assert 0 < sum(sizes.values()) <= FIRST_LOAD, sizes
