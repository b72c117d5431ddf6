"""Every page reads without JavaScript, and a plain POST decides."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.acceptance import stage
from tests.acceptance.company import Company, ask, end_of
from tests.factories.git import git

pytestmark = pytest.mark.e2e


@pytest.fixture
def plain(company: Company, chromium: Browser) -> Iterator[Page]:
    """Grace's page in a browser that runs no script."""
    with company.at_desk(chromium, "Grace", java_script_enabled=False) as context:
        yield context.new_page()


def test_a_branch_is_merged_by_somebody_who_runs_no_script(
    company: Company, plain: Page, tmp_path: Path
) -> None:
    shop = Path(company.backstage.call(stage.repository_in, str(tmp_path)))
    before = git(shop, "rev-parse", "main")
    gate = company.backstage.call(stage.gate_in, str(tmp_path))
    plain.goto("/")
    plain.locator(f"#gate-{gate}").get_by_role("link").click()
    expect(plain.locator("main")).to_contain_text("shop/discounts.py")
    expect(plain.locator("main")).to_contain_text("gate.merge_protected")
    plain.get_by_label("Comment").fill("No script needed.")
    plain.get_by_role("button", name="Approve", exact=True).click()
    expect(plain.get_by_text("You approved this.")).to_be_visible()
    expect(plain.locator("[data-gate-state]")).to_have_attribute("data-gate-state", "approved")

    assert end_of(plain, ask(plain, f"/api/v1/gates/{gate}/")["run_id"]) == "succeeded"
    plain.get_by_role("link", name="Follow the run").click()
    expect(plain.get_by_role("heading", name="Receipt")).to_be_visible()
    expect(plain.locator("main")).to_contain_text("No script needed.")
    plain.get_by_role("link", name="All events of this run").click()
    expect(plain.get_by_role("heading", name="Audit", level=1)).to_be_visible()
    expect(plain.locator("tbody").get_by_text("gate.decided", exact=True)).to_be_visible()
    assert len(git(shop, "log", "--merges", "--format=%s", f"{before}..main").splitlines()) == 1


@pytest.mark.parametrize(
    ("path", "heading"),
    [
        ("/history/", "Approvals"),
        ("/runs/", "Runs"),
        ("/workflows/", "Workflows"),
        ("/agents/", "Agents"),
        ("/notices/", "Notices"),
        ("/settings/", "Settings"),
        ("/audit/", "Audit"),
    ],
)
def test_lists_read_without_a_script(plain: Page, path: str, heading: str) -> None:
    plain.goto(path)
    expect(plain.get_by_role("heading", name=heading, level=1)).to_be_visible()
