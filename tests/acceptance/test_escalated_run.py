"""Somebody takes a run into their hands that needs a person, on a phone and while it goes on."""

import pytest
from playwright.sync_api import Browser, expect

from tests.acceptance import stage
from tests.acceptance.company import Company

pytestmark = pytest.mark.e2e


def test_what_is_typed_stays_in_hand_when_news_of_the_run_arrive(
    company: Company, chromium: Browser
) -> None:
    run = company.backstage.call(stage.escalated)
    with company.at_desk(
        chromium, "Grace", viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True
    ) as context:
        page = context.new_page()
        page.goto(f"/runs/{run}/")
        expect(page.get_by_text("It's out of memory.").first).to_be_visible()
        form = page.locator("details[id^=do-retry]")
        form.locator("summary").tap()
        reason = form.get_by_label("Reason")
        reason.press_sequentially("There is ")
        company.backstage.call(stage.resume_in_vain, run, "Grace")
        expect(page.locator("#events")).to_contain_text("refused")
        page.keyboard.type("memory again.")
        expect(reason).to_have_value("There is memory again.")
        form.get_by_role("button", name="Try again").tap()
        expect(page.get_by_text("Recorded. The run follows from there.")).to_be_visible()
