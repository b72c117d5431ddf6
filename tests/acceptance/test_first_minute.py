import re

import pytest
from playwright.sync_api import Browser, expect

from tests.harness.instances import Instance

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("browser")]


def test_the_printed_link_leads_to_an_inbox_with_the_demos_gate(
    instance: Instance, chromium: Browser
) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(instance.signin_url)
    page.get_by_role("textbox").fill("Grace")
    page.get_by_role("button", name=re.compile("sign in|continue|enrol", re.IGNORECASE)).click()
    gate = page.get_by_role("link", name=re.compile("Merge branch"))
    expect(gate.first).to_be_visible(timeout=10_000)
    context.close()
