"""What another domain did for a run stands when that is rolled back, and somebody is told."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from audit.services.events import recording
from governance.models import Effect
from governance.refusals import Refusal
from governance.services import domains, receipts
from orchestrator.models import Errand, Run
from orchestrator.selectors import escalations, runs
from orchestrator.selectors.rollback import statement_of
from orchestrator.services import escalation
from orchestrator.services.definitions import definition_of
from orchestrator.services.rollback import MOST_TOLD
from orchestrator.services.sweep import sweep
from tests.factories import federation
from tests.factories import orchestrator as make
from tests.factories.federation import Alliance
from tests.factories.governance import house, lines_in
from tests.factories.orchestrator import states_of, step, step_of, work
from tests.orchestrator.federating import ABROAD, child_of, replays, worked_off
from tests.orchestrator.services.escalating import last_event
from tests.orchestrator.services.proposing import append

REFS = {"clerk": {"ref": "clerk@1"}, "bob": ABROAD, "broken": {"ref": "broken@1"}}
NOTHING: Mapping[str, Any] = MappingProxyType({})


@pytest.fixture
def ally(db: None, tmp_path: Path) -> Alliance:
    return federation.allied(house(tmp_path))


def failed(ally: Alliance, of_b: Mapping[str, Any] = NOTHING, **fields: object) -> Run:
    """Write a line here, let Bob write one there, and fail."""
    home = ally.home
    make.agent(home, "clerk", proposals=[append(home.open, "here")])
    there = home.open.with_name("there.txt")
    there.write_text("first\n")
    config = {"proposals": [append(there, "there")]}
    federation.agent(ally, "bob", runner="echo", runner_config=config)
    make.broken_agent(home, "broken")
    with recording():
        domains.admit(domain=home.domain, person=home.ines, permissions=("operate_runs",))
    steps = [step("a", "clerk"), step("b", "bob", **of_b), step("c", "broken", on_failure="stop")]
    saved = make.workflow(home, *steps, agents=REFS, topology="federated", **fields)
    return work(worked_off(make.start(saved, home.ines)))


def test_what_another_domain_did_stands_and_a_person_is_told_by_name(ally: Alliance) -> None:
    run = failed(ally)
    effect = Effect.objects.get(run_id=child_of(run).pk)
    assert states_of(run)["undo/a"] == "succeeded"
    assert (run.state, run.error_code) == ("escalated", "effects_abroad")
    assert f"b: ledger.append {effect.pk}" in run.error_detail
    assert lines_in(ally.home.open) == 0
    assert lines_in(ally.home.open.with_name("there.txt")) == 1
    told = {"effect": str(effect.pk), "step": "b", "tool": "ledger.append"}
    said = json.loads(last_event(run, "run.escalated").payload.fields)
    assert said["effects"] == [told]
    assert [(fate.step_path, fate.word) for fate in statement_of(run.pk)] == [
        ("a", "undone"),
        ("b", "in_place"),
    ]
    sweep()
    run.refresh_from_db()
    assert run.state == "escalated"


def test_an_errand_asks_no_third_domain_so_that_its_receipt_names_all_that_was_done(
    ally: Alliance,
) -> None:
    child = child_of(failed(ally))
    definition = definition_of(child.workflow_id)
    assert (definition.topology, len(definition.steps)) == ("centralized", 1)
    assert not any(ref.domain for ref in definition.agents.values())
    assert [each.agent.domain for each in child.steps.all() if each.agent] == [ally.callee]
    named = Errand.objects.get(run=child).receipt
    assert named is not None
    done = Effect.objects.filter(run_id=child.pk)
    assert [each["id"] for each in named.body["effects"]] == [str(one.pk) for one in done]


def test_the_person_closes_the_run_as_failed_with_something_left(ally: Alliance) -> None:
    run = failed(ally)
    with pytest.raises(Refusal, match="does not need a person"):
        escalation.roll_back(run_id=run.pk, person=run.initiator, reason="Again.")
    page = runs.run_for(run.initiator, run.pk)
    definition = definition_of(run.workflow_id)
    assert escalations.controls_of(page, run.initiator, ally.home.domain, definition).close
    escalation.close(run_id=run.pk, person=run.initiator, reason="They undo it.")
    run.refresh_from_db()
    assert (run.state, run.rollback) == ("failed", "partial")
    assert last_event(run, "run.failed").actor_id == str(run.initiator.pk)
    assert replays(run)
    with pytest.raises(Refusal, match="not being rolled back"):
        escalation.close(run_id=run.pk, person=run.initiator, reason="Again.")


def needing_a_person(ally: Alliance, *, pivot: bool = False) -> Run:
    """Let Bob write a line there, and a step after it need a person here."""
    home = ally.home
    there = home.open.with_name("there.txt")
    there.write_text("first\n")
    federation.agent(ally, "bob", runner="echo", runner_config={"proposals": [append(there)]})
    make.agent(home, "clerk", proposals=[append(home.open)])
    with recording():
        domains.admit(domain=home.domain, person=home.ines, permissions=("operate_runs",))
    asks = {"require": "false", "message": "Look at it.", "route": "human"}
    make.agent(home, "ann")
    writes = [step("a", "clerk", pivot=True)] if pivot else []
    steps = [step("b", "bob"), *writes, step("c", "ann", checkpoint=[asks])]
    used = {line["agent"]: {"ref": f"{line['agent']}@1"} for line in steps} | {"bob": ABROAD}
    saved = make.workflow(home, *steps, agents=used, topology="federated")
    run = worked_off(make.start(saved, home.ines))
    assert (run.state, run.ending) == ("escalated", "")
    return run


def test_a_person_who_rolls_back_is_told_what_stands_abroad_though_nothing_is_undone_here(
    ally: Alliance,
) -> None:
    run = needing_a_person(ally)
    page, definition = runs.run_for(run.initiator, run.pk), definition_of(run.workflow_id)
    domain = ally.home.domain
    assert escalations.controls_of(page, run.initiator, domain, definition).roll_back
    [packet] = escalations.packets_of(page, run.initiator, domain, definition)
    assert [fate.step_path for fate in packet.stakes.kept] == ["b"]
    escalation.roll_back(run_id=run.pk, person=run.initiator, reason="Back.")
    run.refresh_from_db()
    effect = Effect.objects.get(run_id=child_of(run).pk)
    assert (run.state, run.error_code) == ("escalated", "effects_abroad")
    assert f"b: ledger.append {effect.pk}" in run.error_detail
    escalation.close(run_id=run.pk, person=run.initiator, reason="They undo it.")
    run.refresh_from_db()
    assert (run.state, run.rollback) == ("failed", "partial")
    assert replays(run)


def test_what_stands_abroad_is_nobodys_to_roll_back_after_a_point_of_no_return(
    ally: Alliance,
) -> None:
    run = needing_a_person(ally, pivot=True)
    page, definition = runs.run_for(run.initiator, run.pk), definition_of(run.workflow_id)
    assert not escalations.controls_of(page, run.initiator, ally.home.domain, definition).roll_back
    with pytest.raises(Refusal, match="point of no return"):
        escalation.roll_back(run_id=run.pk, person=run.initiator, reason="Back.")
    run.refresh_from_db()
    assert (run.state, run.ending) == ("escalated", "")


def test_a_point_of_no_return_that_another_domain_passed_is_one(ally: Alliance) -> None:
    run = failed(ally, of_b={"pivot": True})
    assert (run.state, run.ending) == ("escalated", "")
    assert step_of(run, "c").state == "escalated"
    assert lines_in(ally.home.open) == 1
    with pytest.raises(Refusal, match="point of no return"):
        escalation.roll_back(run_id=run.pk, person=run.initiator, reason="Back.")
    assert replays(run)


def test_where_the_file_wants_nothing_undone_nobody_is_asked(ally: Alliance) -> None:
    run = failed(ally, rollback_on=["cancelled"])
    assert (run.state, run.rollback) == ("failed", "skipped")
    assert [fate.word for fate in statement_of(run.pk)] == ["in_place", "in_place"]


def test_an_errand_that_did_nothing_leaves_nothing_to_tell(ally: Alliance) -> None:
    federation.agent(ally, "bob", runner="echo")
    make.broken_agent(ally.home, "broken")
    saved = make.workflow(
        ally.home,
        step("b", "bob"),
        step("c", "broken", on_failure="stop"),
        agents={"bob": ABROAD, "broken": {"ref": "broken@1"}},
        topology="federated",
    )
    run = work(worked_off(make.start(saved, ally.home.ines)))
    assert (run.state, run.rollback) == ("failed", "not_needed")


def test_more_effects_than_one_event_holds_do_not_keep_a_run_from_ending(
    ally: Alliance, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [{"id": f"{n:040}", "tool": "t" * 64} for n in range(receipts.MOST_EFFECTS)]
    monkeypatch.setattr(receipts, "_standing", lambda _run_id: many)
    run = failed(ally)
    assert (run.state, run.error_code) == ("escalated", "effects_abroad")
    escalation.close(run_id=run.pk, person=run.initiator, reason="They undo it.")
    told = json.loads(last_event(run, "run.rollback_stated").payload.fields)
    assert (len(told["effects"]), told["count"]) == (MOST_TOLD, len(many) + 1)
