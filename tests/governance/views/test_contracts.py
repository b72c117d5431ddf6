"""What people of either side see of a contract, and do about it."""

import uuid
from pathlib import Path

import pytest
from django.urls import reverse

from governance.models import Contract
from governance.services import domains
from tests.factories import federation as make
from tests.factories import governance
from tests.factories.federation import Alliance
from tests.governance.views.conftest import signed_in


@pytest.fixture
def ally(db: None, tmp_path: Path) -> Alliance:
    return make.allied(governance.house(tmp_path))


def test_both_sides_see_who_signed(ally: Alliance) -> None:
    address = reverse("contract", args=[ally.contract.pk])
    for person in (ally.home.grace, ally.olga):
        page = signed_in(person).get(address).text
        assert "Una" in page
        assert "Olga" in page
        assert ally.contract.digest in page
        assert "Binding" in page
    assert make.NAME in signed_in(ally.olga).get(reverse("contracts")).text


def test_an_outsider_sees_no_contract(ally: Alliance) -> None:
    stranger = governance.member(
        "eve", domains.found(slug="third", name="Third", actor=governance.TESTER)
    )
    browser = signed_in(stranger)
    assert browser.get(reverse("contract", args=[ally.contract.pk])).status_code == 404
    assert make.NAME not in browser.get(reverse("contracts")).text


def test_a_signatory_signs_with_the_button_and_others_have_none(ally: Alliance) -> None:
    ute = make.signatory("ute", ally.home.domain)
    contract = make.draft(ally.home, ally.callee, ute, name="next")
    address, sign = (reverse(name, args=[contract.pk]) for name in ("contract", "contract-sign"))
    assert sign not in signed_in(ally.home.grace).get(address).text
    browser = signed_in(ute)
    assert sign in browser.get(address).text
    answer = browser.post(sign, {"domain": "home", "shown": contract.digest}, follow=True)
    assert "You signed next." in answer.text
    assert sign not in answer.text
    assert contract.signatures.get().person == ute


def test_a_signatory_suspends_and_the_other_side_cannot_resume(ally: Alliance) -> None:
    address, suspend, resume = (
        reverse(name, args=[ally.contract.pk])
        for name in ("contract", "contract-suspend", "contract-resume")
    )
    assert suspend not in signed_in(ally.home.grace).get(address).text
    olga = signed_in(ally.olga)
    assert suspend in olga.get(address).text
    assert olga.post(suspend, {"reason": ""}).status_code == 422
    page = olga.post(suspend, {"reason": "Odd bills."}, follow=True).text
    assert "Suspended by Elsewhere" in page
    assert "Odd bills." in page
    assert resume in page
    ute = signed_in(make.signatory("ute", ally.home.domain))
    assert resume not in ute.get(address).text
    assert ute.post(resume).status_code == 403
    assert "binds again" in olga.post(resume, follow=True).text


DRAFT = {
    "callee": "elsewhere",
    "name": "ledgers-2027",
    "agents": "bob@1\n\ncid@2",
    "actions": "ledger.append",
    "scopes": "ledger:2027/*",
    "data_classes": "",
    "budget": "1,250.50",
    "last_day": "2099-12-31",
}


def test_a_signatory_drafts_a_contract_with_the_form(ally: Alliance) -> None:
    ute = make.signatory("ute", ally.home.domain)
    browser = signed_in(ute)
    assert reverse("contract-draft") in browser.get(reverse("contracts")).text
    assert browser.get(reverse("contract-draft")).status_code == 200
    answer = browser.post(reverse("contract-draft"), DRAFT, follow=True)
    made = Contract.objects.get(name="ledgers-2027")
    assert "Still to sign: Home, Elsewhere." in answer.text
    assert "1250.50 USD left" in answer.text
    assert (made.caller, made.callee, made.drafted_by) == (ally.home.domain, ally.callee, ute)
    assert made.body["agents"] == ["bob@1", "cid@2"]
    assert made.body["budget_cap_micro_usd"] == 1_250_500_000
    assert made.expires_at.isoformat() == "2100-01-01T00:00:00+00:00"


def test_a_form_that_is_sent_twice_drafts_once_and_leads_to_the_same_contract(
    ally: Alliance,
) -> None:
    browser = signed_in(make.signatory("ute", ally.home.domain))
    page = browser.get(reverse("contract-draft"))
    key = page.context["form"].key
    assert f'name="key" value="{key}"' in page.text
    answers = [browser.post(reverse("contract-draft"), {**DRAFT, "key": key}) for _ in "ab"]
    made = Contract.objects.get(name="ledgers-2027")
    assert {answer["Location"] for answer in answers} == {reverse("contract", args=[made.pk])}
    other = {**DRAFT, "key": key, "budget": "2"}
    refused = browser.post(reverse("contract-draft"), other)
    assert refused.status_code == 422
    assert "already made another draft" in refused.text
    assert Contract.objects.filter(name="ledgers-2027").count() == 1
    browser.post(reverse("contract-draft"), {**other, "key": ""})
    assert Contract.objects.filter(name="ledgers-2027").count() == 2


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("callee", "nowhere", "There is no domain with this short name."),
        ("callee", "home", "A contract is between two different domains."),
        ("name", "Not A Name", "Lower-case letters, digits and dashes, at most 50."),
        ("agents", "bob", "each as slug@version"),
        ("actions", "<b>", "each by its short name"),
        ("scopes", "everything", "a star only at the end"),
        ("data_classes", "In Ternal", "each a lower-case word"),
        ("budget", "much", "Write the amount as dollars such as 250.00."),
        ("budget", "0", "A whole number of micro-USD from 1."),
        ("last_day", "2001-01-01", "A contract ends in the future."),
        ("last_day", "9999-12-31", "Choose an earlier day."),
    ],
)
def test_a_wrong_term_is_told_beside_its_field_and_nothing_is_drafted(
    ally: Alliance, field: str, value: str, said: str
) -> None:
    browser = signed_in(make.signatory("ute", ally.home.domain))
    answer = browser.post(reverse("contract-draft"), {**DRAFT, field: value})
    assert answer.status_code == 422
    assert answer.text.count('aria-invalid="true"') == 1
    assert said in answer.text[answer.text.index(f'id="id_{field}_error"') :]
    assert Contract.objects.count() == 1


def test_who_may_not_sign_has_no_form_and_drafts_nothing(ally: Alliance) -> None:
    browser = signed_in(ally.home.grace)
    assert reverse("contract-draft") not in browser.get(reverse("contracts")).text
    assert browser.get(reverse("contract-draft")).status_code == 403
    assert browser.post(reverse("contract-draft"), DRAFT).status_code == 403
    assert Contract.objects.count() == 1


def test_what_was_used_of_the_cap_is_shown_with_the_receipts(ally: Alliance) -> None:
    run = str(uuid.uuid4())
    ends = {
        end: {"domain": str(domain.pk), "run": run}
        for end, domain in (("caller", ally.home.domain), ("callee", ally.callee))
    }
    body = {**ends, "outcome": "succeeded", "decisions": []}
    make.spent(ally, ally.home.domain, 250_000, body)
    address = reverse("contract", args=[ally.contract.pk])
    page = signed_in(ally.home.grace).get(address).text
    assert "0.25 of 1.00 USD" in page
    assert "0.75 USD left" in page
    assert reverse("run", args=[run]) in page
    assert "no people were asked" in page


def test_signing_without_the_permission_changes_nothing(ally: Alliance) -> None:
    ute = make.signatory("ute", ally.home.domain)
    contract = make.draft(ally.home, ally.callee, ute, name="next")
    sign = reverse("contract-sign", args=[contract.pk])
    sent = {"domain": "home", "shown": contract.digest}
    assert signed_in(ally.home.grace).post(sign, sent).status_code == 403
    assert not contract.signatures.exists()


def test_either_side_revokes_with_a_reason(ally: Alliance) -> None:
    address = reverse("contract-revoke", args=[ally.contract.pk])
    browser = signed_in(ally.olga)
    assert browser.get(address).status_code == 200
    assert browser.post(address, {"reason": ""}).status_code == 422
    assert Contract.objects.get(pk=ally.contract.pk).state == "active"
    page = browser.post(address, {"reason": "We part <b>now</b>."}, follow=True).text
    assert "We part &lt;b&gt;now&lt;/b&gt;." in page
    assert Contract.objects.get(pk=ally.contract.pk).state == "revoked"
