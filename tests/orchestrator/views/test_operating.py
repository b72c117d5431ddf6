from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from governance.models import Effect, EffectClass
from orchestrator.models import Run, Step
from tests.factories import orchestrator as make
from tests.factories.audit import recorded
from tests.factories.governance import House
from tests.factories.orchestrator import drive, started, step, step_of, work
from tests.orchestrator.services.escalating import escalated, lose, operated
from tests.orchestrator.services.executing import (
    Tool,
    approve,
    execute,
    put_in_place,
    waiting_run,
)
from tests.orchestrator.services.proposing import append


@pytest.fixture
def home(db: None, tmp_path: Path) -> House:
    return operated(tmp_path)


@pytest.fixture
def page(client: Client, home: House) -> Client:
    client.force_login(home.grace)
    return client


def text(client: Client, run: Run) -> str:
    answer = client.get(f"/runs/{run.pk}/")
    assert answer.status_code == 200
    return answer.content.decode()


def send(client: Client, run: Run, what: str, **fields: Any) -> int:
    answer = client.post(f"/runs/{run.pk}/{what}/", {"reason": "Because.", **fields})
    run.refresh_from_db()
    return answer.status_code


def test_a_run_is_paused_resumed_and_cancelled_from_its_page(page: Client, home: House) -> None:
    make.agent(home, "style")
    run = started(home, step("a", "style"))
    shown = text(page, run)
    assert 'id="do-pause"' in shown
    assert 'id="do-cancel"' in shown
    assert 'id="do-resume"' not in shown
    assert (send(page, run, "pause"), run.state) == (302, "paused")
    shown = text(page, run)
    assert "Grace: “Because.”" in shown
    assert 'id="do-pause"' not in shown
    assert (send(page, run, "resume"), run.state) == (302, "running")
    assert (send(page, run, "cancel"), run.state) == (302, "cancelled")
    shown = text(page, run)
    assert "Grace: “Because.”" in shown
    assert 'id="do-cancel"' not in shown
    assert 'id="do-fork"' in shown


def test_a_step_that_needs_a_person_is_shown_with_its_verbs(page: Client, home: House) -> None:
    run = escalated(home, success=["has(steps.look.outputs.found)"])
    Step.objects.filter(run=run, path="look").update(error_detail="Nobody's <b>fault</b>")
    shown = text(page, run)
    look = step_of(run, "look")
    assert "“look” needs a person" in shown
    assert "Nobody&#x27;s &lt;b&gt;fault" in shown
    assert "&amp;#x27;" not in shown
    for verb in ("retry", "reroute", "supply_output", "fail"):
        assert f'id="do-{verb}-{look.pk}"' in shown
    for verb in ("skip", "reconcile"):
        assert f'id="do-{verb}-{look.pk}"' not in shown
    assert ">Other 1</option>" in shown
    sent = {"verb": "retry", "step": str(look.pk)}
    assert (send(page, run, "escalations", **sent), run.state) == (302, "running")
    assert recorded(f"run:{run.pk}").count("step.retried") == 1


def test_what_a_step_cost_how_its_tries_differ_and_what_each_verb_would_undo_is_shown(
    page: Client, home: House
) -> None:
    make.agent(home, "clerk", proposals=[append(home.open)])
    make.agent(home, "style")
    run = started(home, step("write", "clerk"), step("last", "style"))
    drive(run, "write")
    execute(run)
    for _ in range(3):
        lose(last := step_of(run, "last"))
    for number, detail in enumerate(("one <b>", "two", "two"), start=1):
        last.tries.create(
            number=number,
            epoch=number,
            worker="w",
            outcome="failed",
            error_code="boom",
            error_detail=detail,
            cost_micro_usd=1000,
        )
    shown = text(page, run)
    assert "3 tries so far" in shown
    assert "0.003 USD spent" in shown
    assert "Try 2 failed otherwise than try 1" in shown
    assert "one &lt;b&gt;" in shown
    assert "Try 3 failed in the very same way as try 2" in shown
    assert "A try cost about 0.001 USD so far." in shown
    assert "If the run ends by it, this is undone: " in shown


def test_an_effect_in_doubt_is_asked_about(
    page: Client, home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in_place(Tool(effect_class=EffectClass.NONE, doubts=True), monkeypatch)
    run = waiting_run(home)
    approve(home)
    assert execute(run)
    shown = text(page, run)
    assert "nobody knows whether Append to a ledger took effect" in shown
    assert 'name="happened" value="yes"' in shown
    sent = {"verb": "reconcile", "step": str(step_of(run, "write").pk), "happened": "no"}
    assert (send(page, run, "escalations", **sent), run.state) == (302, "running")
    assert Effect.objects.get(run_id=run.pk).state == "failed"


def test_what_is_not_json_is_told_and_nothing_is_offered(page: Client, home: House) -> None:
    run = escalated(home)
    sent = {"verb": "supply_output", "step": str(step_of(run, "look").pk), "output": "[1"}
    assert (send(page, run, "escalations", **sent), run.state) == (422, "escalated")


def test_what_is_refused_has_a_page_that_says_so(page: Client, home: House) -> None:
    make.agent(home, "style")
    run = started(home, step("a", "style"))
    answer = page.post(f"/runs/{run.pk}/resume/", {"reason": "Go."})
    assert answer.status_code == 409
    assert "The run is not paused" in answer.content.decode()
    assert page.get(f"/runs/{run.pk}/cancel/").status_code == 405


def test_who_may_not_operate_runs_sees_no_form_and_may_send_none(
    client: Client, home: House
) -> None:
    run = escalated(home)
    client.force_login(home.ada)
    shown = text(client, run)
    assert 'id="operate"' not in shown
    assert "needs a person</h2>" not in shown
    assert send(client, run, "cancel") == 403
    client.force_login(home.mallory)
    assert send(client, run, "cancel") == 404
    assert run.state == "escalated"


def test_a_run_that_was_rolled_back_states_what_became_of_its_effects(
    page: Client, home: House
) -> None:
    make.agent(home, "clerk", proposals=[append(home.open)])
    make.broken_agent(home, "broken")
    last = step("last", "broken", on_failure="stop")
    run = work(started(home, step("write", "clerk"), last))
    shown = text(page, run)
    assert "What became of what it did" in shown
    assert "Everything was undone" in shown
    assert "What was done before was undone." in shown
    assert "Undone" in shown
    assert " style=" not in shown
