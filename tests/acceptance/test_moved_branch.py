"""Issue 2, done when 3: approved, then the branch moves before the merge."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.acceptance import stage
from tests.acceptance.company import Company, ask, end_of, story_of
from tests.factories.git import git
from tests.harness.holding import held, workers_of

pytestmark = pytest.mark.e2e

INES = ("Ines Moreau", "ines@shop.example")
SUBJECT = "Round discounts in favour of the shop (#12)"
A_MINUTE = 60_000


def push_one_more(shop: Path) -> str:
    """Push a signed commit onto the branch, as Ines would from her own clone; return its id."""
    clone = shop.with_name("clone-of-ines")
    git(shop.parent, "clone", "--quiet", "--branch", "volume-discounts", str(shop), str(clone))
    place = clone / "shop" / "discounts.py"
    place.write_text(place.read_text().replace("(5, 3)", "(5, 2)"))
    key = shop.with_name("demo-shop-keys") / INES[1]
    signing = ("-c", "gpg.format=ssh", "-c", f"user.signingkey={key}")
    who = {
        f"GIT_{role}_{part}": value
        for role in ("AUTHOR", "COMMITTER")
        for part, value in zip(("NAME", "EMAIL"), INES, strict=True)
    }
    git(clone, *signing, "commit", "--quiet", "--all", "-S", "-m", SUBJECT, stdin=b"", **who)
    git(clone, "push", "--quiet", "origin", "volume-discounts")
    return git(shop, "rev-parse", "volume-discounts")


def approve(page: Page, comment: str) -> None:
    """Approve the gate that the page shows."""
    page.get_by_label("Comment").fill(comment)
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.get_by_text("You approved this.")).to_be_visible()


def test_a_branch_that_moved_after_the_approval_is_not_merged_but_asked_about_again(
    company: Company, chromium: Browser, tmp_path: Path
) -> None:
    shop = Path(company.backstage.call(stage.repository_in, str(tmp_path)))
    before = git(shop, "rev-parse", "main")
    first = company.backstage.call(stage.gate_in, str(tmp_path))
    with company.at_desk(chromium, "Grace") as grace:
        page, inbox = grace.new_page(), grace.new_page()
        page.goto(f"/gates/{first}/")
        run_id = ask(page, f"/api/v1/gates/{first}/")["run_id"]
        with held(workers_of(company.instance)):
            approve(page, "As it is now.")
            head = push_one_more(shop)
            assert "effect.started" not in story_of(page, run_id)
        expect(page.locator("[data-gate-state=void]")).to_be_visible(timeout=A_MINUTE)
        assert git(shop, "rev-parse", "main") == before

        inbox.goto("/")
        second = ask(page, f"/api/v1/gates/{first}/")["replaced_by"]
        row = inbox.locator(f"#gate-{second}")
        expect(row).to_contain_text("Changed since it was approved")
        row.get_by_role("link").click()
        shown = inbox.locator("main")
        expect(shown).to_contain_text("This was approved before")
        expect(inbox.get_by_role("heading", name="Commits since the approval")).to_be_visible()
        expect(shown).to_contain_text(SUBJECT)
        expect(shown).to_contain_text("(5, 2)")

        approve(inbox, "The new rounding, too.")
        assert end_of(page, run_id) == "succeeded"
        happened = story_of(page, run_id)
    (merge,) = git(shop, "log", "--merges", "--format=%P", f"{before}..main").splitlines()
    assert merge.split() == [before, head]
    assert happened.count("gate.decided") == 2
    assert happened.count("warrant.voided") == happened.count("gate.voided") == 1
    assert happened.count("effect.started") == happened.count("effect.succeeded") == 1
