from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError

from audit.canonical import digest
from governance.models import Action, Gate, Lifecycle, Seat, Tool, Verdict, Warrant
from governance.refusals import Refusal
from governance.services import actions, agents
from tests.factories import governance as make
from tests.factories.audit import AppendFailedError, failing_append, recorded, size_of_the_log

pytestmark = pytest.mark.django_db


@pytest.fixture
def home(tmp_path: Path) -> make.House:
    return make.house(tmp_path)


def counts() -> tuple[int, ...]:
    models = (Action, Verdict, Gate, Seat, Warrant)
    return tuple(model.objects.count() for model in models)


def refusal_of(home: make.House, **changes: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        make.prepared(home, **changes)
    return caught.value


def test_what_policy_allows_has_a_warrant_at_once(home: make.House) -> None:
    proposed = make.proposed(home, home.open)
    assert proposed.verdict.outcome == "allow"
    assert proposed.gate is None
    assert proposed.warrant is not None
    assert proposed.warrant.gate is None
    assert proposed.warrant.action_digest == proposed.action.digest
    assert recorded(f"action:{proposed.action.pk}") == [
        "action.proposed",
        "verdict.given",
        "warrant.issued",
    ]


def test_what_policy_gates_waits_for_people(home: make.House) -> None:
    proposed = make.proposed(home)
    gate = proposed.gate
    assert proposed.verdict.outcome == "require_approval"
    assert proposed.warrant is None
    assert gate is not None
    assert gate.state == "pending"
    seat = gate.seats.get()
    assert (seat.group, seat.min_count, seat.distinct_from) == (
        "maintainers",
        1,
        ["initiator", "owner"],
    )
    assert [exhibit.name for exhibit in gate.exhibits.all()] == ["The new line"]


def test_what_policy_forbids_has_neither(home: make.House) -> None:
    home.guarded.write_text("SEALED\n")
    proposed = make.proposed(home)
    assert proposed.verdict.outcome == "deny"
    assert proposed.verdict.reasons == ["sealed_ledger"]
    assert (proposed.gate, proposed.warrant) == (None, None)
    assert not Gate.objects.exists()
    assert not Warrant.objects.exists()


def test_without_policies_everything_is_denied(home: make.House) -> None:
    home.bundle.delete()
    proposed = make.proposed(home)
    assert (proposed.verdict.outcome, proposed.verdict.reasons) == ("deny", ["no_policy"])


def test_a_quorum_that_nobody_can_fill_is_denied_instead_of_waiting(home: make.House) -> None:
    home.domain.teams.get().people.remove(home.grace)
    proposed = make.proposed(home)
    assert proposed.verdict.outcome == "deny"
    assert proposed.verdict.reasons == ["unsatisfiable_quorum"]
    assert not Gate.objects.exists()


def test_before_anybody_can_sign_in_a_gate_opens_and_waits(home: make.House) -> None:
    type(home.grace).objects.update(may_sign_in=False)
    assert make.proposed(home).gate is not None


def test_the_verdict_keeps_what_it_was_based_on(home: make.House) -> None:
    verdict = make.proposed(home).verdict
    assert verdict.bundle == home.bundle
    assert verdict.facts["context"]["facts"] == {"lines": 1, "guarded": True, "sealed": False}
    assert verdict.facts_digest == digest(verdict.facts)
    (policy,) = verdict.policies
    assert policy["id"] == "gate.guarded"
    assert len(policy["content_hash"]) == 64
    assert policy["reads"] == ["context.facts.guarded"]


def test_everything_goes_to_the_stream_of_the_run(home: make.House) -> None:
    run_id = "0f4f6ad6-6b5b-4b1c-9d1c-5b3a3c3f0e11"
    make.proposed(home, run_id=run_id)
    assert recorded(f"run:{run_id}")[:4] == [
        "action.proposed",
        "exhibit.attached",
        "verdict.given",
        "gate.opened",
    ]


@pytest.mark.parametrize(
    ("arguments", "pointer"),
    [
        ({"ledger": "a"}, ""),
        ({"ledger": "a", "line": 7}, "/line"),
        ({"ledger": "a", "line": "x", "sudo": True}, ""),
        ({"ledger": "a", "line": "x" * 1001}, "/line"),
        ({"ledger": "a", "line": "nul\0"}, ""),
    ],
)
def test_arguments_that_do_not_fit_are_refused_with_their_places(
    home: make.House, arguments: Mapping[str, Any], pointer: str
) -> None:
    refusal = refusal_of(home, arguments=arguments)
    assert (refusal.code, refusal.status) == ("invalid_arguments", 422)
    assert pointer in [error["pointer"] for error in refusal.extra["errors"]]
    assert counts() == (0, 0, 0, 0, 0)


def test_a_suspended_agent_can_neither_prepare_nor_propose(home: make.House) -> None:
    ready = make.prepared(home)
    agents.suspend(agent=home.scout, person=home.ada, reason="It misbehaves.")
    assert home.scout.lifecycle == Lifecycle.SUSPENDED
    assert refusal_of(home).code == "agent_not_active"
    with pytest.raises(Refusal, match="not active") as caught:
        actions.propose(prepared=ready)
    assert (caught.value.code, caught.value.status) == ("agent_not_active", 403)
    assert counts() == (0, 0, 0, 0, 0)


def test_a_tool_nobody_registered_is_refused(home: make.House) -> None:
    assert refusal_of(home, tool_slug="rm").code == "unknown_tool"


def test_a_tool_whose_schema_was_changed_behind_its_registration_is_refused(
    home: make.House,
) -> None:
    Tool.objects.filter(pk=home.tool.pk).update(schema={"type": "object"})
    assert refusal_of(home).code == "tool_changed"


def test_facts_that_cannot_be_collected_are_a_refusal(home: make.House) -> None:
    home.guarded.unlink()
    refusal = refusal_of(home)
    assert (refusal.code, refusal.status) == ("fact_unavailable", 422)
    assert "cannot be read" in refusal.detail


@pytest.mark.parametrize("fact", [float("nan"), 2**60, "nul\0", object()])
def test_facts_that_cannot_be_kept_are_a_refusal(
    home: make.House, monkeypatch: pytest.MonkeyPatch, fact: object
) -> None:
    collected = make.LEDGER.collect({"ledger": str(home.guarded), "line": "x"})
    odd = replace(collected, facts={**collected.facts, "lines": fact})
    monkeypatch.setattr(make.LedgerAppend, "collect", lambda *_: odd)
    assert refusal_of(home).code == "fact_unavailable"


@pytest.mark.parametrize("method", ["collect", "sentence", "preview", "compensation"])
def test_an_adapter_that_breaks_is_a_refusal_and_its_trace_is_in_the_log(
    home: make.House,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    method: str,
) -> None:
    def broken(*_: object) -> object:
        raise KeyError("a secret of the adapter's")

    monkeypatch.setattr(make.LedgerAppend, method, broken)
    refusal = refusal_of(home)
    assert (refusal.code, refusal.status) == ("fact_unavailable", 422)
    assert "ledger.append broke before anything was done: KeyError" in refusal.detail
    assert "secret" not in refusal.detail
    [logged] = caplog.records
    assert logged.exc_info
    assert logged.getMessage().rpartition(" ")[2] in refusal.detail
    assert counts() == (0, 0, 0, 0, 0)


def test_a_database_that_is_away_is_no_fault_of_the_adapter(
    home: make.House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> object:
        raise OperationalError("it is away")

    monkeypatch.setattr(make.LedgerAppend, "collect", away)
    with pytest.raises(OperationalError):
        make.prepared(home)


def test_a_sentence_that_is_too_long_says_that_it_was_cut(
    home: make.House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make.LedgerAppend, "sentence", lambda *_: "x" * 401)
    assert make.proposed(home).action.sentence == "x" * 399 + "…"


@pytest.mark.parametrize("ledger", ["guarded", "open", "sealed"])
def test_a_proposal_whose_event_fails_leaves_nothing(home: make.House, ledger: str) -> None:
    if ledger == "sealed":
        home.open.write_text("SEALED\n")
    ready = make.prepared(home, home.guarded if ledger == "guarded" else home.open)
    before = size_of_the_log()
    with failing_append(), pytest.raises(AppendFailedError):
        actions.propose(prepared=ready)
    assert counts() == (0, 0, 0, 0, 0)
    assert size_of_the_log() == before


CHANGES: dict[str, dict[str, Any]] = {
    "line": {"line": "third"},
    "initiator": {"on_behalf_of": None},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_any_change_of_meaning_changes_the_digest(
    home: make.House, change: dict[str, Any]
) -> None:
    before = digest(make.prepared(home).envelope())
    assert digest(make.prepared(home, **change).envelope()) != before


def test_other_content_another_schema_and_another_environment_change_the_digest(
    home: make.House,
) -> None:
    before = digest(make.prepared(home).envelope())
    home.guarded.write_text("other\n")
    moved = digest(make.prepared(home).envelope())
    home.scout.environment = "staging"
    elsewhere = digest(make.prepared(home).envelope())
    make.ledger_tool(home.domain, schema={**home.tool.schema, "description": "new"})
    retooled = digest(make.prepared(home).envelope())
    assert len({before, moved, elsewhere, retooled}) == 4


def test_prose_and_place_do_not_change_the_digest(home: make.House) -> None:
    one = make.proposed(home, rationale="Because.", step_path="a").action
    other = make.proposed(home, rationale="Do it now!", step_path="b", index=3).action
    assert one.digest == other.digest == digest(one.envelope)


def test_every_retry_has_the_same_effect_key_and_every_other_effect_another(
    home: make.House,
) -> None:
    first = make.prepared(home, step_path="a", index=1)
    assert first.effect_key() == make.prepared(home, step_path="a", index=1).effect_key()
    others = [
        make.prepared(home, step_path="b", index=1),
        make.prepared(home, step_path="a", index=2),
        make.prepared(home, line="third", step_path="a", index=1),
        make.prepared(home, home.open, step_path="a", index=1),
    ]
    assert len({first.effect_key(), *(other.effect_key() for other in others)}) == 5
