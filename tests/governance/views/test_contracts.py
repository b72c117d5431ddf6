"""What people of either side see of a contract, and do about it."""

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
