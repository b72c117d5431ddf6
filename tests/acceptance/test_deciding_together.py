"""Issue 2, done when 2: of two people who answer at the same moment, one decides."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.acceptance import stage
from tests.acceptance.company import Company, ask, end_of, story_of
from tests.factories.git import git

pytestmark = pytest.mark.e2e

# Both pages count down to one moment of the clock that they share.
PRESS_AT = """([verb, at]) => setTimeout(
  () => document.querySelector(`[data-decide] button[value=${verb}]`).click(),
  at - Date.now())"""
ANSWERED = re.compile("You (approved|rejected) this|Already decided by")


def answer_at_once(pages: dict[str, Page], verbs: list[str]) -> str:
    """Let everybody press a button in the same millisecond; return who came too late."""
    at = next(iter(pages.values())).evaluate("Date.now() + 700")
    for page, verb in zip(pages.values(), verbs, strict=True):
        page.evaluate(PRESS_AT, [verb, at])
    for page in pages.values():
        expect(page.locator("#decide")).to_contain_text(ANSWERED)
    (late,) = (name for name, page in pages.items() if "Already" in page.inner_text("#decide"))
    return late


@pytest.mark.parametrize("verbs", [["approve", "approve"], ["reject", "approve"]])
def test_the_loser_of_two_reads_who_decided_and_nothing_happens_twice(
    company: Company, chromium: Browser, tmp_path: Path, verbs: list[str]
) -> None:
    shop = Path(company.backstage.call(stage.repository_in, str(tmp_path)))
    before = git(shop, "rev-parse", "main")
    gate = company.backstage.call(stage.gate_in, str(tmp_path))
    with company.at_desk(chromium, "Grace") as first, company.at_desk(chromium, "Heidi") as second:
        pages = {"Grace": first.new_page(), "Heidi": second.new_page()}
        for page in pages.values():
            page.goto(f"/gates/{gate}/")
        loser = answer_at_once(pages, verbs)
        (winner,) = pages.keys() - {loser}
        expect(pages[loser].locator("#decide")).to_contain_text(f"Already decided by {winner}")
        expect(pages[loser].locator("#decide")).to_contain_text("changed nothing")

        decided = ask(pages[winner], f"/api/v1/gates/{gate}/")
        approved = verbs[list(pages).index(winner)] == "approve"
        assert end_of(pages[winner], decided["run_id"]) == (
            "succeeded" if approved else "rejected"
        )
        happened = story_of(pages[winner], decided["run_id"])
    assert [review["person"]["name"] for review in decided["reviews"]] == [winner]
    assert happened.count("gate.decided") == happened.count("review.given") == 1
    assert happened.count("review.refused") == 1
    merges = git(shop, "log", "--merges", "--format=%s", f"{before}..main").splitlines()
    assert len(merges) == happened.count("effect.succeeded") == approved
