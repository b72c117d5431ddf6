"""Receipts say what was done under a contract, and nothing that is changed passes for one."""

import uuid
from pathlib import Path
from typing import Any

import pytest

from audit.canonical import canonical_bytes
from governance.models import Decision, Receipt
from governance.refusals import Refusal
from governance.selectors import binding
from governance.services import contracts, domain_keys, receipts
from governance.services.receipts import Origin, Result
from tests.factories import federation as make
from tests.factories import governance
from tests.factories.audit import recorded
from tests.factories.federation import Alliance

MESSAGE = "a" * 64
OUTPUT = {"by": "bob"}


@pytest.fixture
def ally(db: None, tmp_path: Path) -> Alliance:
    return make.allied(governance.house(tmp_path))


ORIGIN = Origin(MESSAGE, str(uuid.uuid4()), "work/draft")


def issued(ally: Alliance, origin: Origin = ORIGIN, **fields: Any) -> Receipt:
    result = {
        "run_id": uuid.uuid4(),
        "outcome": "succeeded",
        "code": "",
        "output": OUTPUT,
        "spent_micro_usd": 0,
        **fields,
    }
    return receipts.issue(contract=ally.contract, origin=origin, result=Result(**result))


def accepted(ally: Alliance, receipt: Receipt, **fields: Any) -> Receipt:
    return receipts.accept(
        **{
            "contract": ally.contract,
            "origin": ORIGIN,
            "output": OUTPUT,
            "body": receipt.body,
            "signature": receipt.signature,
            **fields,
        }
    )


def test_both_sides_hold_the_same_receipt_once(ally: Alliance) -> None:
    receipt = issued(ally)
    assert issued(ally) == receipt
    copy = accepted(ally, receipt)
    assert accepted(ally, receipt) == copy
    assert (copy.holder, receipt.holder) == (ally.home.domain, ally.callee)
    assert canonical_bytes(copy.body) == canonical_bytes(receipt.body)
    assert recorded(f"run:{receipt.body['callee']['run']}") == ["receipt.issued"]
    assert recorded(f"run:{ORIGIN.run}") == ["receipt.accepted"]


@pytest.mark.parametrize(
    "change",
    [
        {"outcome": "failed"},
        {"spent_micro_usd": 1},
        {"contract": "0" * 64},
        {"message": "b" * 64},
        {"output_digest": "0" * 64},
        {"issued_at": "2000-01-01T00:00:00.000000+00:00"},
        {"more": True},
    ],
)
def test_a_changed_receipt_is_not_accepted(ally: Alliance, change: dict[str, Any]) -> None:
    receipt = issued(ally)
    with pytest.raises(Refusal) as no:
        accepted(ally, receipt, body={**receipt.body, **change})
    assert no.value.code == "receipt"
    assert not Receipt.objects.filter(holder=ally.home.domain).exists()


def test_a_receipt_of_another_key_is_not_accepted(ally: Alliance) -> None:
    receipt = issued(ally)
    by_caller = domain_keys.sign(ally.home.domain, receipt.body)
    with pytest.raises(Refusal, match="not signed"):
        accepted(ally, receipt, signature=by_caller)


@pytest.mark.parametrize(
    "fields",
    [
        {"output": {"by": "eve"}},
        {"origin": Origin(MESSAGE, ORIGIN.run, "another/step")},
        {"origin": Origin("b" * 64, ORIGIN.run, ORIGIN.step)},
        {"origin": Origin(MESSAGE, str(uuid.uuid4()), ORIGIN.step)},
    ],
)
def test_a_receipt_about_something_else_is_not_accepted(
    ally: Alliance, fields: dict[str, Any]
) -> None:
    with pytest.raises(Refusal, match="about something else"):
        accepted(ally, issued(ally), **fields)


def test_a_receipt_names_roles_and_times_and_never_a_person(ally: Alliance) -> None:
    bob = make.agent(ally)
    run_id = uuid.uuid4()
    gate = governance.open_gate(ally.home, agent=bob, run_id=run_id)
    governance.review(gate, ally.olga, comment="Olga says so.")
    body = issued(ally, run_id=run_id).body
    [decision] = body["decisions"]
    assert decision["id"] == str(Decision.objects.get().pk)
    assert (decision["outcome"], decision["roles"]) == ("approved", ["maintainers"])
    text = canonical_bytes(body).decode()
    for telling in ("olga", "Olga", str(ally.olga.pk), str(gate.reviews.get().pk)):
        if len(telling) > 3:
            assert telling not in text


def test_what_receipts_add_up_to_uses_the_contract_up(ally: Alliance) -> None:
    binding.require_budget(ally.contract, holder=ally.callee)
    issued(ally, spent_micro_usd=999_999)
    binding.require_budget(ally.contract, holder=ally.callee)
    issued(ally, Origin("b" * 64, ORIGIN.run, "x"), spent_micro_usd=1)
    with pytest.raises(Refusal, match="used up"):
        binding.require_budget(ally.contract, holder=ally.callee)


def test_work_that_was_done_gets_its_receipt_after_the_contract_ended(ally: Alliance) -> None:
    contracts.revoke(contract=ally.contract, person=ally.olga, reason="We part.")
    assert issued(ally).body["outcome"] == "succeeded"


@pytest.mark.parametrize(
    "change",
    [
        {"code": None},
        {"spent_micro_usd": 10**15 + 1},
        {"spent_micro_usd": 1.5},
        {"effects": None},
        {"effects": ["everything"]},
        {"effects": [{"id": "1"}]},
        {"effects": [{"id": "1", "tool": 2}]},
        {"effects": [{"id": "1", "tool": "x" * 65}]},
        {"effects": [{"id": "1" * 41, "tool": "x"}]},
    ],
)
def test_a_receipt_nobody_could_keep_is_not_accepted_though_it_is_signed(
    ally: Alliance, change: dict[str, Any]
) -> None:
    body = {**issued(ally).body, **change}
    signature = domain_keys.sign(ally.callee, body)
    with pytest.raises(Refusal, match="not complete"):
        receipts.accept(
            contract=ally.contract, origin=ORIGIN, output=OUTPUT, body=body, signature=signature
        )
    assert not Receipt.objects.filter(holder=ally.home.domain).exists()
