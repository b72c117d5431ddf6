"""Contracts over the API."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from rest_framework.test import APIClient

from governance.models import Contract, Person
from governance.services import tokens
from tests.factories import federation as make
from tests.factories import governance
from tests.factories.audit import recorded
from tests.factories.federation import Alliance

DRAFT: dict[str, Any] = {
    "callee": "elsewhere",
    "name": "next",
    "agents": ["bob@1"],
    "actions": ["ledger.append"],
    "budget_cap_micro_usd": 5_000_000,
    "expires_at": "2090-01-01T00:00:00Z",
}


@pytest.fixture
def ally(db: None, tmp_path: Path) -> Alliance:
    return make.allied(governance.house(tmp_path))


def client_of(person: Person) -> APIClient:
    client = APIClient()
    client.force_login(person)
    return client


def test_a_contract_is_drafted_and_signed_by_both_sides(ally: Alliance) -> None:
    ute = client_of(make.signatory("ute", ally.home.domain))
    made = ute.post(reverse("api-contracts"), DRAFT, format="json")
    assert made.status_code == 201, made.json()
    body = made.json()
    assert (body["state"], body["budget_cap_usd"], body["is_whole"]) == ("draft", "5.00", False)
    sign = reverse("api-contract-sign", args=[body["id"]])
    digest = body["digest"]
    assert ute.post(sign, {"domain": "home", "digest": digest}).json()["state"] == "draft"
    by_callee = client_of(ally.olga).post(sign, {"domain": "elsewhere", "digest": digest})
    assert (by_callee.json()["state"], by_callee.json()["is_whole"]) == ("active", True)
    rows = ute.get(reverse("api-contracts")).json()
    assert [row["name"] for row in rows] == ["next", make.NAME]


def test_a_draft_with_the_same_key_is_one_draft_and_each_persons_own(ally: Alliance) -> None:
    ute, una = (client_of(make.signatory(name, ally.home.domain)) for name in ("ute", "udo"))
    body = {**DRAFT, "idempotency_key": "the-same-draft"}
    first, again, other = (
        client.post(reverse("api-contracts"), body, format="json") for client in (ute, ute, una)
    )
    assert first.json()["id"] == again.json()["id"] != other.json()["id"]
    assert recorded(f"domain:{ally.callee.pk}").count("contract.drafted") == 3
    dear = {**body, "budget_cap_micro_usd": 6_000_000}
    refused = ute.post(reverse("api-contracts"), dear, format="json")
    assert (refused.status_code, refused.json()["code"]) == (409, "draft_key_taken")
    assert Contract.objects.filter(name="next").count() == 2


@pytest.mark.parametrize(
    "change", [{"callee": "nowhere"}, {"agents": []}, {"more": 1}, {"budget_cap_micro_usd": 0}]
)
def test_a_draft_that_is_not_acceptable_says_where(ally: Alliance, change: dict[str, Any]) -> None:
    ute = client_of(make.signatory("ute", ally.home.domain))
    answer = ute.post(reverse("api-contracts"), {**DRAFT, **change}, format="json")
    assert answer.status_code in {400, 422}
    assert next(iter(change)) in str(answer.json())
    assert Contract.objects.count() == 1


def test_no_agent_drafts_signs_or_revokes(ally: Alliance) -> None:
    ute = make.signatory("ute", ally.home.domain)
    contract = make.draft(ally.home, ally.callee, ute, name="next")
    _token, secret = tokens.issue(
        agent=ally.home.scout, name="scout", ttl=timedelta(hours=1), actor=governance.TESTER
    )
    agent = APIClient()
    agent.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    sent = {"domain": "home", "digest": contract.digest, "reason": "Let me.", **DRAFT}
    for name, args in (
        ("api-contracts", []),
        ("api-contract-sign", [contract.pk]),
        ("api-contract-suspend", [contract.pk]),
        ("api-contract-resume", [contract.pk]),
        ("api-contract-revoke", [contract.pk]),
    ):
        answer = agent.post(reverse(name, args=args), sent, format="json")
        assert (answer.status_code, answer.json()["code"]) == (403, "agent_principal")
    contract.refresh_from_db()
    assert contract.state == "draft"
    assert not contract.signatures.exists()


def test_revoking_needs_the_permission_and_a_reason(ally: Alliance) -> None:
    revoke = reverse("api-contract-revoke", args=[ally.contract.pk])
    assert client_of(ally.home.grace).post(revoke, {"reason": "No."}).status_code == 403
    assert client_of(ally.olga).post(revoke, {}).status_code in {400, 422}
    answer = client_of(ally.olga).post(revoke, {"reason": "We part."})
    assert (answer.json()["state"], answer.json()["ended_reason"]) == ("revoked", "We part.")


def test_a_contract_is_suspended_and_resumed_over_the_api(ally: Alliance) -> None:
    suspend, resume = (
        reverse(f"api-contract-{verb}", args=[ally.contract.pk]) for verb in ("suspend", "resume")
    )
    olga = client_of(ally.olga)
    held = olga.post(suspend, {"reason": "Wait."}).json()
    assert (held["state"], held["suspended_by"]) == ("suspended", "Elsewhere")
    assert (held["may_suspend"], held["may_resume"], held["may_revoke"]) == (False, True, True)
    assert olga.post(suspend, {"reason": "Wait."}).status_code == 409
    assert olga.post(resume).json()["state"] == "active"
