"""Contracts bind when both sides signed them, for as long as nobody revokes them."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import DatabaseError
from django.db.models.functions import Now
from django.test import override_settings

from audit.canonical import digest
from audit.services.events import recording
from governance.models import Contract, ContractSignature, DomainKey
from governance.refusals import Forbidden, Invalid, Refusal
from governance.selectors import binding
from governance.selectors.clock import database_now
from governance.services import contracts, domain_keys, domains
from tests.factories import federation as make
from tests.factories import governance
from tests.factories.audit import recorded
from tests.factories.federation import Alliance
from tests.factories.governance import House


@pytest.fixture
def home(db: None, tmp_path: Path) -> House:
    return governance.house(tmp_path)


@pytest.fixture
def ally(home: House) -> Alliance:
    return make.allied(home)


def binds(ally: Alliance) -> bool:
    try:
        binding.require(ally.contract, callee_id=ally.callee.pk)
    except Refusal:
        return False
    return True


def forged(contract: Contract, **columns: object) -> None:
    Contract.objects.filter(pk=contract.pk).update(**columns)


def test_a_contract_binds_once_both_sides_signed(home: House) -> None:
    callee = home.mallory.teams.get().domain
    una, olga = make.signatory("una", home.domain), make.signatory("olga", callee)
    contract = make.draft(home, callee, una)
    assert contract.state == "draft"
    assert make.signed(contract, home.domain, una).state == "draft"
    with pytest.raises(Refusal, match="draft"):
        binding.require(contract, callee_id=callee.pk)
    assert make.signed(contract, callee, olga).state == "active"
    assert binding.require(contract, callee_id=callee.pk).pk == contract.pk
    for side in (home.domain, callee):
        types = recorded(f"domain:{side.pk}")
        assert types[-4:] == [
            "contract.drafted",
            "contract.signed",
            "contract.signed",
            "contract.activated",
        ]


def test_who_may_not_sign_for_a_domain_changes_nothing(home: House) -> None:
    callee = home.mallory.teams.get().domain
    una = make.signatory("una", home.domain)
    contract = make.draft(home, callee, una)
    for domain, person in ((home.domain, home.grace), (callee, una), (callee, home.mallory)):
        with pytest.raises(Forbidden):
            make.signed(contract, domain, person)
    with pytest.raises(Forbidden):
        make.draft(home, callee, home.mallory)
    assert not ContractSignature.objects.exists()


def test_nobody_signs_for_both_sides_and_no_side_signs_twice(home: House) -> None:
    callee = home.mallory.teams.get().domain
    una = make.signatory("una", home.domain)
    ute = make.signatory("ute", home.domain)
    contract = make.draft(home, callee, una)
    make.signed(contract, home.domain, una)
    with pytest.raises(Refusal, match="before"):
        make.signed(contract, home.domain, ute)
    with recording():
        domains.admit(domain=callee, person=una, permissions=make.SIGNATORY)
    with pytest.raises(Forbidden, match="other side"):
        make.signed(contract, callee, una)
    assert contract.signatures.count() == 1


def test_what_was_not_shown_is_not_signed(home: House) -> None:
    una = make.signatory("una", home.domain)
    contract = make.draft(home, home.mallory.teams.get().domain, una)
    with pytest.raises(Refusal) as no:
        contracts.sign(contract=contract, domain=home.domain, person=una, shown="0" * 64)
    assert no.value.status == 412
    assert not contract.signatures.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "No Slug"),
        ("agents", []),
        ("agents", ["bob"]),
        ("actions", ["Ledger Append"]),
        ("scopes", ["ledger:*x"]),
        ("data_classes", ["Top Secret"]),
        ("budget_cap_micro_usd", 0),
        ("expires_at", "past"),
    ],
)
def test_terms_nobody_could_hold_to_are_refused(home: House, field: str, value: object) -> None:
    una = make.signatory("una", home.domain)
    if value == "past":
        value = database_now() - timedelta(seconds=1)
    with pytest.raises(Invalid):
        make.draft(home, home.mallory.teams.get().domain, una, **{field: value})
    assert not Contract.objects.exists()


def test_a_contract_is_between_two_domains(home: House) -> None:
    una = make.signatory("una", home.domain)
    with pytest.raises(Invalid):
        make.draft(home, home.domain, una)


def test_either_side_revokes_for_both_and_only_once(ally: Alliance) -> None:
    with pytest.raises(Forbidden):
        contracts.revoke(contract=ally.contract, person=ally.home.grace, reason="No.")
    with pytest.raises(Invalid):
        contracts.revoke(contract=ally.contract, person=ally.olga, reason=" ")
    assert binds(ally)
    ended = contracts.revoke(contract=ally.contract, person=ally.olga, reason="We part.")
    assert (ended.state, ended.ended_reason) == ("revoked", "We part.")
    assert not binds(ally)
    with pytest.raises(Refusal, match="revoked"):
        contracts.revoke(contract=ally.contract, person=ally.olga, reason="Again.")


def test_a_suspended_contract_binds_nobody_until_that_side_resumes_it(ally: Alliance) -> None:
    una = make.signatory("ute", ally.home.domain)
    held = contracts.suspend(contract=ally.contract, person=ally.olga, reason=" Odd bills. ")
    assert (held.state, held.suspended_by, held.suspended_reason) == (
        "suspended",
        ally.callee,
        "Odd bills.",
    )
    with pytest.raises(Refusal, match="suspended"):
        binding.require(ally.contract, callee_id=ally.callee.pk)
    with pytest.raises(Forbidden):
        contracts.resume(contract=ally.contract, person=una)
    assert not binds(ally)
    back = contracts.resume(contract=ally.contract, person=ally.olga)
    assert (back.state, back.suspended_by, back.suspended_reason) == ("active", None, "")
    assert binds(ally)
    for side in (ally.home.domain, ally.callee):
        told = ["contract.suspended", "contract.resumed"]
        assert recorded(f"domain:{side.pk}")[-2:] == told


def test_only_a_binding_contract_is_suspended_and_only_a_suspended_one_resumed(
    ally: Alliance,
) -> None:
    una = make.signatory("ute", ally.home.domain)
    draft = make.draft(ally.home, ally.callee, una, name="next")
    for contract, verb in ((draft, "suspend"), (draft, "resume"), (ally.contract, "resume")):
        fields = {"reason": "Wait."} if verb == "suspend" else {}
        with pytest.raises(Refusal) as no:
            getattr(contracts, verb)(contract=contract, person=una, **fields)
        assert no.value.code == "contract_closed"
    for person, reason in ((ally.home.grace, "Wait."), (una, " ")):
        with pytest.raises(Refusal):
            contracts.suspend(contract=ally.contract, person=person, reason=reason)
    assert binds(ally)


def test_a_suspended_contract_is_revoked_expires_and_does_not_bind_beside_its_namesake(
    ally: Alliance,
) -> None:
    una = make.signatory("ute", ally.home.domain)
    contracts.suspend(contract=ally.contract, person=una, reason="A new one comes.")
    again = make.draft(ally.home, ally.callee, una)
    make.signed(again, ally.home.domain, una)
    assert make.signed(again, ally.callee, ally.olga).state == "active"
    with pytest.raises(Refusal, match="Another contract"):
        contracts.resume(contract=ally.contract, person=una)
    revoked = contracts.revoke(contract=ally.contract, person=ally.olga, reason="We part.")
    assert revoked.state == "revoked"
    contracts.suspend(contract=again, person=una, reason="Wait.")
    forged(again, expires_at=Now())
    assert contracts.expire_due() == 1


def test_a_contract_whose_time_is_over_binds_nobody_before_anybody_says_so(
    ally: Alliance,
) -> None:
    assert contracts.expire_due() == 0
    forged(ally.contract, expires_at=Now())
    assert not binds(ally)
    assert contracts.expire_due() == 1
    assert contracts.expire_due() == 0
    ally.contract.refresh_from_db()
    assert ally.contract.state == "expired"
    assert recorded(f"domain:{ally.callee.pk}")[-1] == "contract.expired"


def test_two_contracts_of_one_name_never_bind_together(ally: Alliance) -> None:
    una = make.signatory("ute", ally.home.domain)
    again = make.draft(ally.home, ally.callee, una)
    make.signed(again, ally.home.domain, una)
    with pytest.raises(Refusal, match="Another contract"):
        make.signed(again, ally.callee, ally.olga)
    assert binding.named(ally.home.domain.pk, make.NAME) == ally.contract
    contracts.revoke(contract=ally.contract, person=ally.olga, reason="A new one comes.")
    assert make.signed(again, ally.callee, ally.olga).state == "active"
    assert binding.named(ally.home.domain.pk, make.NAME) == again


def test_a_changed_body_binds_nobody_even_with_its_digest_made_to_fit(ally: Alliance) -> None:
    body = {**ally.contract.body, "budget_cap_micro_usd": 10**12}
    forged(ally.contract, body=body)
    assert not binds(ally)
    forged(ally.contract, digest=digest(body))
    assert not binds(ally)


def test_a_prolonged_row_binds_nobody(ally: Alliance) -> None:
    forged(ally.contract, expires_at=database_now() + timedelta(days=9))
    assert not binds(ally)


def test_a_forged_signature_binds_nobody(ally: Alliance) -> None:
    key = DomainKey.objects.get(domain=ally.callee)
    DomainKey.objects.filter(domain=ally.home.domain).update(public=key.public)
    assert not binds(ally)


def test_an_activated_draft_without_signatures_binds_nobody(home: House) -> None:
    callee = home.mallory.teams.get().domain
    contract = make.draft(home, callee, make.signatory("una", home.domain))
    forged(contract, state="active")
    with pytest.raises(Refusal, match="signatures"):
        binding.require(contract, callee_id=callee.pk)


def test_a_contract_with_somebody_else_binds_nobody(ally: Alliance) -> None:
    with pytest.raises(Refusal):
        binding.require(ally.contract, callee_id=ally.home.domain.pk)
    with pytest.raises(Refusal):
        binding.require(None, callee_id=ally.callee.pk)


def test_a_contract_covers_the_agents_it_names_with_grants_it_covers(ally: Alliance) -> None:
    bob = make.agent(ally, "bob", scopes=["ledger:books/*"])
    binding.require_agent(ally.contract, bob)
    for other in (
        make.agent(ally, "eve"),
        make.agent(ally, "bob", version=2),
    ):
        with pytest.raises(Refusal, match="does not cover"):
            binding.require_agent(ally.contract, other)
    bob.grants.create(scope="merge:repo/*", granted_by=ally.olga)
    with pytest.raises(Refusal, match="may do more"):
        binding.require_agent(ally.contract, bob)


def test_a_contract_covers_the_actions_and_data_it_names(ally: Alliance) -> None:
    binding.require_action(ally.contract, "ledger.append")
    with pytest.raises(Refusal):
        binding.require_action(ally.contract, "git.merge")
    binding.require_data(ally.contract, ["internal"])
    with pytest.raises(Refusal, match="secret"):
        binding.require_data(ally.contract, ["internal", "secret"])


def test_a_domains_key_is_kept_sealed_and_opened_with_an_older_secret(ally: Alliance) -> None:
    key = DomainKey.objects.get(domain=ally.callee)
    assert key.public not in key.sealed
    with override_settings(SECRET_KEY="another" * 8), pytest.raises(Refusal) as no:
        domain_keys.sign(ally.callee, {"kind": "test"})
    assert no.value.code == "key_sealed"
    fallbacks = [settings.SECRET_KEY]
    with override_settings(SECRET_KEY="another" * 8, SECRET_KEY_FALLBACKS=fallbacks):
        assert domain_keys.sign(ally.callee, {"kind": "test"})


def test_signatures_are_written_once(ally: Alliance) -> None:
    with pytest.raises(DatabaseError):
        ContractSignature.objects.filter(contract=ally.contract).update(signature="")


def test_a_race_of_two_people_of_one_side_ends_with_one_signature(
    race: Callable[..., list[object]], tmp_path: Path
) -> None:
    home = governance.house(tmp_path)
    callee = home.mallory.teams.get().domain
    una, ute = make.signatory("una", home.domain), make.signatory("ute", home.domain)
    contract = make.draft(home, callee, una)
    outcomes = race(
        lambda: make.signed(contract, home.domain, una),
        lambda: make.signed(contract, home.domain, ute),
    )
    assert contract.signatures.count() == 1
    assert sum(isinstance(outcome, Contract) for outcome in outcomes) == 1
