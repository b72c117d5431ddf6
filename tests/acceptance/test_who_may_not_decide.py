"""Issue 2, done when 5: who may not review, each with the reason, in the browser and by API."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.acceptance import stage
from tests.acceptance.company import Company, ask, story_of, with_token
from tests.factories.git import git

pytestmark = pytest.mark.e2e


@dataclass(frozen=True)
class Waiting:
    """A gate that Ines' run opened, for an agent that Ada owns."""

    id: str
    shop: Path
    main: str

    @property
    def page(self) -> str:
        return f"/gates/{self.id}/"

    @property
    def api(self) -> str:
        return f"/api/v1/gates/{self.id}/"


@pytest.fixture(scope="module")
def gate(company: Company, chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Waiting:
    for name in ("Grace", "Ines", "Ada"):
        company.signed_in(chromium, name)
    place = tmp_path_factory.mktemp("between")
    shop = Path(company.backstage.call(stage.repository_in, str(place)))
    gate_id = company.backstage.call(stage.gate_between, str(place), "Ines", "Ada")
    return Waiting(gate_id, shop, git(shop, "rev-parse", "main"))


def nothing_happened(page: Page, gate: Waiting) -> None:
    """See that the gate waits as before; `page` is somebody's who may look."""
    found = ask(page, gate.api)
    assert (found["state"], found["reviews"]) == ("pending", [])
    assert not {"review.given", "gate.decided"} & set(story_of(page, found["run_id"]))
    assert git(gate.shop, "rev-parse", "main") == gate.main


def by_hand(page: Page, gate: Waiting, stamp: str) -> Any:
    """Post the form that the page does not offer."""
    token = next(c["value"] for c in page.context.cookies() if c["name"] == "csrftoken")
    form: dict[str, str | float | bool] = {"verb": "approve", "stamp": stamp, "key": "by-hand"}
    headers = {"X-CSRFToken": token, "Referer": page.url}
    return page.request.post(f"{gate.page}review/", form=form, headers=headers)


def by_api(company: Company, token: str, gate: Waiting, stamp: str) -> tuple[int, str]:
    body = {"verb": "approve", "stamp": stamp}
    path = f"{gate.api}reviews/"
    status, problem = with_token(company.instance, token, path, body, Idempotency_Key="mine")
    return status, problem["code"]


REASONS = {
    "is_initiator": "You started this, so somebody else must decide.",
    "is_owner": "You own the agent that asks, so somebody else must decide.",
}


@pytest.mark.parametrize(("name", "code"), [("Ines", "is_initiator"), ("Ada", "is_owner")])
def test_whoever_stands_on_the_other_side_reads_why_they_cannot_decide(
    company: Company, chromium: Browser, gate: Waiting, name: str, code: str
) -> None:
    reason = REASONS[code]
    with company.at_desk(chromium, name) as context:
        page = context.new_page()
        page.goto(gate.page)
        expect(page.locator("#decide")).to_contain_text(reason)
        expect(page.locator("#decide button[name=verb]")).to_have_count(0)
        stamp = ask(page, gate.api)["stamp"]
        answer = by_hand(page, gate, stamp)
        assert answer.status == 403
        assert reason in answer.text()
        token = company.backstage.call(stage.token_of_person, name)
        assert by_api(company, token, gate, stamp) == (403, code)
        nothing_happened(page, gate)


def test_somebody_who_was_deactivated_with_the_page_open_is_told_so(
    company: Company, chromium: Browser, gate: Waiting, page: Page
) -> None:
    with company.at_desk(chromium, "Ivan") as context:
        tab = context.new_page()
        tab.goto(gate.page)
        stamp = ask(tab, gate.api)["stamp"]
        token = company.backstage.call(stage.token_of_person, "Ivan")
        company.backstage.call(stage.deactivate, "Ivan", "Grace")
        tab.get_by_role("button", name="Approve", exact=True).click()
        expect(tab.locator("#decide")).to_contain_text("Your account is not active.")
        assert by_api(company, token, gate, stamp) == (401, "person_inactive")
    nothing_happened(page, gate)


def test_an_agents_token_opens_no_door_to_a_decision(
    company: Company, chromium: Browser, gate: Waiting, page: Page
) -> None:
    stamp = ask(page, gate.api)["stamp"]
    token = company.backstage.call(stage.token_of_agent, "integrator")
    assert by_api(company, token, gate, stamp) == (403, "agent_principal")
    agent = chromium.new_context(
        base_url=company.instance.base_url,
        extra_http_headers={"Authorization": f"Bearer {token}"},
    )
    form: dict[str, str | float | bool] = {"verb": "approve", "stamp": stamp, "key": "agent"}
    assert agent.request.post(f"{gate.page}review/", form=form).status == 403
    shown = agent.new_page()
    shown.goto(gate.page)
    expect(shown.get_by_role("heading", name="Sign in")).to_be_visible()
    agent.close()
    nothing_happened(page, gate)
