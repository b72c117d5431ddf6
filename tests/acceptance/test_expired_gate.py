"""Issue 2, done when 6: an expired gate, and nobody there who would have swept it away."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.acceptance import stage
from tests.acceptance.company import Company, ask, story_of, with_token
from tests.factories.git import git
from tests.harness.holding import held, steward_of

pytestmark = pytest.mark.e2e


def test_approving_after_the_deadline_answers_410_though_the_steward_stands_still(
    company: Company, chromium: Browser, tmp_path: Path
) -> None:
    shop = Path(company.backstage.call(stage.repository_in, str(tmp_path)))
    before = git(shop, "rev-parse", "main")
    gate_id = company.backstage.call(stage.gate_in, str(tmp_path))
    with company.at_desk(chromium, "Grace") as grace:
        page = grace.new_page()
        page.goto(f"/gates/{gate_id}/")
        token = company.backstage.call(stage.token_of_person, "Grace")
        gate = ask(page, f"/api/v1/gates/{gate_id}/")
        with held([steward_of(company.instance)]):
            company.backstage.call(stage.lapse, gate_id)
            with page.expect_response("**/review/") as answered:
                page.get_by_role("button", name="Approve", exact=True).click()
            assert answered.value.status == 410
            expect(page.locator("#decide")).to_contain_text("Too late")
            status, problem = with_token(
                company.instance,
                token,
                f"/api/v1/gates/{gate_id}/reviews/",
                {"verb": "approve", "stamp": gate["stamp"]},
                Idempotency_Key="late",
            )
            assert (status, problem["code"]) == (410, "expired")
            happened = story_of(page, gate["run_id"])
    assert git(shop, "rev-parse", "main") == before
    # The same person, refused for the same within a minute, is written down once.
    assert happened.count("review.refused") == 1
    assert not {"review.given", "gate.decided", "warrant.issued"} & set(happened)
