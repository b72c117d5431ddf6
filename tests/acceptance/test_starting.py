"""Runs that people start themselves, on repositories of their own: by form and by command."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from orchestrator.demo.examples import SLUG
from tests.acceptance.company import Company, end_of
from tests.factories.git import branch, git, repository

pytestmark = pytest.mark.e2e

EXAMPLE = "examples/code-review/workflow.yaml"
A_MINUTE = 60_000


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A repository that the product has never seen, with a branch to merge."""
    folder = repository(tmp_path / "shelf", {"shelf.py": "BOOKS = 1\n"})
    branch(folder, {"shelf.py": "BOOKS = 2\n"}, message="Add a book (#2)")
    return folder


def start_by_form(page: Page, folder: Path) -> None:
    """Choose the workflow on its page and fill in the form made of its input schema."""
    page.goto("/workflows/")
    page.get_by_role("link", name="Start code-review 1.0.0").click()
    page.get_by_label("Repository").fill(str(folder))
    expect(page.get_by_label("Branch to merge")).to_have_value("feature")
    expect(page.get_by_label("Into branch")).to_have_value("main")
    page.get_by_role("button", name="Start the run").click()
    expect(page).to_have_url(re.compile(r"/runs/[0-9a-f-]+/$"))


def test_a_run_started_by_form_on_another_repository_ends_rejected_when_somebody_says_no(
    company: Company, chromium: Browser, page: Page, shelf: Path
) -> None:
    before = git(shelf, "rev-parse", "main")
    with company.at_desk(chromium, "Ines") as ines:
        run = ines.new_page()
        start_by_form(run, shelf)
        gate = run.get_by_role("link", name="Open the gate").first
        expect(gate).to_be_visible(timeout=A_MINUTE)
        page.goto(str(gate.get_attribute("href")))
        expect(page.get_by_role("heading", level=1)).to_contain_text("of shelf")
        page.get_by_label("Comment").fill("One book is enough.")
        page.get_by_role("button", name="Reject", exact=True).click()
        expect(page.get_by_text("You rejected this.")).to_be_visible()
        expect(run.locator("main")).to_contain_text("Rejected", timeout=A_MINUTE)
        expect(run.locator("main")).to_contain_text("One book is enough.")
        assert end_of(page, run.url.rstrip("/").rpartition("/")[2]) == "rejected"
    assert git(shelf, "rev-parse", "main") == before


def test_a_run_on_what_is_no_repository_fails_and_says_so(
    company: Company, chromium: Browser, tmp_path: Path
) -> None:
    with company.at_desk(chromium, "Ines") as ines:
        run = ines.new_page()
        start_by_form(run, tmp_path)
        said = run.get_by_text("is not the absolute path of a git repository").first
        expect(said).to_be_visible(timeout=A_MINUTE)
        expect(run.locator("main")).to_contain_text("Failed")


def test_the_command_leaves_with_3_when_people_are_asked_and_with_0_after_they_approved(
    company: Company, page: Page, shelf: Path
) -> None:
    before = git(shelf, "rev-parse", "main")
    inputs = [f"--input={name}" for name in (f"repo={shelf}", "branch=feature", "target=main")]
    # Other tests may have founded another domain in this company.
    inputs += ["--domain", SLUG]
    unwatched = company.command("run", EXAMPLE, *inputs, "--no-wait")
    said, _ = unwatched.communicate(timeout=A_MINUTE)
    assert unwatched.returncode == 3, said
    assert "waiting for a person: Merge branch feature into main of shelf" in said

    followed = company.command("run", EXAMPLE, *inputs)
    assert followed.stdout
    line = next(line for line in followed.stdout if "waiting for a person" in line)
    page.goto(line.split()[-1])
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.get_by_text("You approved this.")).to_be_visible()
    rest, _ = followed.communicate(timeout=A_MINUTE)
    assert followed.returncode == 0, rest
    assert "run is succeeded" in rest
    assert git(shelf, "log", "--merges", "--format=%s", f"{before}..main").splitlines() == [
        "Merge branch feature into main"
    ]
