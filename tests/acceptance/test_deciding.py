"""What a reviewer's hands do: keys, fingers, a page that changes under them, no JavaScript."""

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.acceptance.screenshots import problems
from tests.harness.instances import ROOT, Instance, environment

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("browser")]

FIRST_LOAD = 120_000


def manage(instance: Instance, *arguments: str) -> str:
    """Run a command beside the running product."""
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment({"COUNTERSIGN_DATA_DIR": str(instance.data_dir)}),
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


@pytest.fixture(scope="module")
def state(instance: Instance, chromium: Browser) -> Iterator[BrowserContext]:
    """The first person, enrolled by whichever test came first."""
    context = chromium.new_context()
    page = context.new_page()
    link = re.search(r"/enrol/\S+", manage(instance, "signin_link"))
    assert link
    page.goto(instance.base_url + link[0])
    if page.get_by_label("Your name").count():
        page.get_by_label("Your name").fill("Grace")
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("[data-gate]").first).to_be_visible(timeout=60_000)
    page.close()
    yield context
    context.close()


@pytest.fixture
def page(state: BrowserContext, instance: Instance) -> Iterator[Page]:
    """A fresh tab of the inbox, wired and live."""
    tab = state.new_page()
    tab.goto(instance.base_url)
    expect(tab.locator("[data-live-status]")).to_have_text("Live")
    yield tab
    tab.close()


def newest_gate(page: Page, instance: Instance) -> None:
    """Open a gate nobody has decided yet."""
    manage(instance, "demo", "--many", "1")
    page.reload()
    page.locator("[data-gate] a").first.click()
    expect(page.locator("[data-decide]")).to_be_visible()
    expect(page.locator("[data-acts]")).not_to_have_attribute("inert", "")


def test_keys_move_and_open_and_none_of_them_decides(page: Page, instance: Instance) -> None:
    manage(instance, "demo", "--many", "2")
    page.reload()
    expect(page.locator("[data-live-status]")).to_have_text("Live")
    rows = page.locator("[data-row]")
    page.keyboard.press("j")
    expect(rows.nth(0)).to_be_focused()
    page.keyboard.press("j")
    expect(rows.nth(1)).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("o")
    expect(page.locator("[data-decide]")).to_be_visible()
    for key in ("a", "r", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("[data-gate-state]")).to_have_attribute("data-gate-state", "pending")


def test_a_opens_the_form_and_ctrl_enter_sends_it(page: Page, instance: Instance) -> None:
    newest_gate(page, instance)
    page.keyboard.press("a")
    expect(page.get_by_label("Comment")).to_be_focused()
    page.keyboard.type("ar?j Read it.")
    expect(page.get_by_label("Comment")).to_have_value("ar?j Read it.")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("You approved this.")).to_be_visible()


def test_ctrl_enter_without_a_verb_in_mind_sends_nothing(page: Page, instance: Instance) -> None:
    newest_gate(page, instance)
    page.get_by_label("Comment").fill("Hm.")
    page.keyboard.press("Control+Enter")
    page.wait_for_timeout(500)
    expect(page.locator("[data-gate-state]")).to_have_attribute("data-gate-state", "pending")


def test_single_keys_rest_when_they_are_switched_off(
    page: Page, state: BrowserContext, instance: Instance
) -> None:
    page.goto(f"{instance.base_url}/settings/")
    page.get_by_role("button", name="Switch off").click()
    page.goto(instance.base_url)
    page.keyboard.press("j")
    expect(page.locator("[data-row]").first).not_to_be_focused()
    page.goto(f"{instance.base_url}/settings/")
    page.get_by_role("button", name="Switch on").click()


def test_an_arriving_gate_moves_neither_focus_nor_rows(page: Page, instance: Instance) -> None:
    manage(instance, "demo", "--many", "1")
    page.reload()
    expect(page.locator("[data-live-status]")).to_have_text("Live")
    row = page.locator("[data-row]").first
    row.focus()
    before = row.bounding_box()
    manage(instance, "demo", "--many", "1")
    news = page.get_by_role("link", name=re.compile("Show [0-9]+ new"))
    expect(news).to_be_visible()
    expect(row).to_be_focused()
    assert row.bounding_box() == before
    expect(page).to_have_title(re.compile(r"^\(\d+\+?\) Approvals"))


def test_what_just_changed_cannot_be_pressed(page: Page, instance: Instance) -> None:
    newest_gate(page, instance)
    inert = page.evaluate(
        """async () => {
          const strip = document.getElementById("strip");
          strip.append(document.createElement("p"));
          await new Promise((done) => setTimeout(done, 50));
          return document.querySelector("[data-acts]").inert;
        }"""
    )
    assert inert is True
    expect(page.locator("[data-acts]")).not_to_have_attribute("inert", "", timeout=2_000)


def test_a_gate_is_decided_without_javascript(
    page: Page, state: BrowserContext, instance: Instance, chromium: Browser
) -> None:
    newest_gate(page, instance)
    plain = chromium.new_context(java_script_enabled=False, storage_state=state.storage_state())
    tab = plain.new_page()
    tab.goto(page.url)
    tab.get_by_label("Comment").fill("No script needed.")
    tab.get_by_role("button", name="Reject", exact=True).click()
    expect(tab.get_by_text("You rejected this.")).to_be_visible()
    expect(tab.locator("[data-gate-state]")).to_have_attribute("data-gate-state", "rejected")
    plain.close()


def test_on_a_phone_the_bar_leads_to_the_form_and_targets_are_large(
    page: Page, state: BrowserContext, instance: Instance, chromium: Browser
) -> None:
    newest_gate(page, instance)
    phone = chromium.new_context(
        viewport={"width": 360, "height": 740},
        is_mobile=True,
        has_touch=True,
        storage_state=state.storage_state(),
    )
    tab = phone.new_page()
    tab.goto(page.url)
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
    phone.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_the_way_of_a_reviewer(
    page: Page, instance: Instance, theme: str
) -> None:
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    newest_gate(page, instance)
    for address in (page.url, instance.base_url, f"{instance.base_url}/agents/"):
        page.goto(address)
        assert list(problems(page)) == []


def test_the_first_load_is_small(page: Page, instance: Instance) -> None:
    newest_gate(page, instance)
    sizes: dict[str, int] = {}
    tab = page.context.new_page()
    tab.on(
        "response",
        lambda r: sizes.update({r.url: len(r.body())}) if "/static/" in r.url else None,
    )
    tab.goto(page.url)
    tab.wait_for_load_state("networkidle")
    tab.close()
    assert 0 < sum(sizes.values()) <= FIRST_LOAD, sizes
