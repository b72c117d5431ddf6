"""Another run from a step of one: outputs are taken over as facts, permissions never."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from governance.models import Effect, Gate
from governance.refusals import Forbidden, Invalid, Refusal
from orchestrator.models import Attempt, Run, Workflow
from orchestrator.selectors.replays import Replayed, replay
from orchestrator.services import forking
from orchestrator.services.sweep import sweep
from tests.factories import governance
from tests.factories import orchestrator as make
from tests.factories.audit import recorded
from tests.factories.governance import House, lines_in
from tests.factories.orchestrator import started, states_of, step, step_of, work
from tests.orchestrator.services.escalating import operated
from tests.orchestrator.services.proposing import append


@pytest.fixture
def home(db: None, tmp_path: Path) -> House:
    home = operated(tmp_path)
    make.agent(home, "ann", output={"found": 3})
    make.agent(home, "bob", output={"by": "bob"})
    make.agent(home, "clerk", proposals=[append(home.guarded)])
    return home


def forked(home: House, run: Run, at: str, **fields: Any) -> Run:
    return forking.fork(run_id=run.pk, step=at, person=home.ines, reason="Again.", **fields)


def replays(run: Run) -> bool:
    return isinstance(replay(run.pk), Replayed)


def test_a_fork_begins_at_its_step_with_what_came_before_it(home: House) -> None:
    told = {"with": {"of": "{{ steps.look.outputs.found }}"}}
    run = work(started(home, step("look", "ann"), step("tell", "bob", **told)))
    assert run.state == "succeeded"
    other = forked(home, run, "tell")
    assert (other.forked_from, other.forked_at, other.initiator) == (run, "tell", home.ines)
    assert states_of(other) == {"look": "succeeded", "tell": "ready"}
    assert step_of(other, "look").output == {"found": 3}
    work(other)
    assert (other.state, step_of(other, "tell").output["of"]) == ("succeeded", 3)
    assert not Attempt.objects.filter(step__run=other, step__path="look").exists()
    story = recorded(f"run:{other.pk}")
    assert story[:3] == ["run.started", "run.forked", "step.taken_over"]
    assert replays(other)


def test_a_fork_asks_again_for_what_was_approved_and_undoes_nothing_of_the_other_run(
    home: House,
) -> None:
    run = work(started(home, step("write", "clerk"), step("again", "clerk"), step("tell", "bob")))
    governance.review(Gate.objects.get(), home.grace)
    sweep()
    work(run)
    assert lines_in(home.guarded) == 1
    other = work(forked(home, run, "again"))
    assert Gate.objects.filter(action__run_id=other.pk, state="pending").count() == 1
    assert not Effect.objects.filter(run_id=other.pk).exists()
    assert lines_in(home.guarded) == 1
    assert replays(other)


def test_a_fork_from_the_first_step_takes_nothing_over(home: House) -> None:
    run = started(home, step("look", "ann"))
    other = forked(home, run, "look")
    assert states_of(other) == {"look": "ready"}
    assert "step.taken_over" not in recorded(f"run:{other.pk}")


def test_blocks_and_skipped_steps_are_taken_over_as_they_ended(home: House) -> None:
    block = {"id": "b", "pattern": "sequential", "steps": [step("x", "ann"), step("y", "bob")]}
    agents = {slug: {"ref": f"{slug}@1"} for slug in ("ann", "bob")}
    not_due = step("z", "ann", when="steps.b.outputs.by == 'nobody'")
    last = step("tell", "bob", **{"with": {"of": "{{ steps.b.outputs.by }}"}})
    run = work(started(home, block, not_due, last, agents=agents))
    other = work(forked(home, run, "tell"))
    assert states_of(other) == {"b": "succeeded", "z": "skipped", "tell": "succeeded"}
    assert step_of(other, "tell").output["of"] == "bob"
    assert replays(other)


def test_a_fork_of_a_fork_replays(home: House) -> None:
    run = work(started(home, step("look", "ann"), step("tell", "bob"), step("end", "bob")))
    other = work(forked(home, work(forked(home, run, "tell")), "end"))
    assert other.state == "succeeded"
    assert replays(other)


def test_nothing_begins_after_a_step_that_has_not_passed(home: House) -> None:
    run = started(home, step("look", "ann"), step("tell", "bob"))
    with pytest.raises(Refusal) as caught:
        forked(home, run, "tell")
    assert (caught.value.code, caught.value.status) == ("step_not_passed", 409)
    assert recorded(f"run:{run.pk}")[-1] == "run.refused"
    with pytest.raises(Invalid):
        forked(home, run, "nowhere")
    with pytest.raises(Forbidden):
        forking.fork(run_id=run.pk, step="look", person=home.mallory, reason="Mine.")
    assert Run.objects.count() == 1


def test_a_run_whose_history_does_not_follow_is_not_forked(home: House) -> None:
    run = work(started(home, step("look", "ann"), step("tell", "bob")))
    Workflow.objects.update(definition={**run.workflow.definition, "version": "9.9.9"})
    with pytest.raises(Refusal) as caught:
        forked(home, run, "tell")
    assert caught.value.code == "nondeterminism"


def test_the_same_key_makes_one_fork(home: House) -> None:
    run = work(started(home, step("look", "ann"), step("tell", "bob")))
    assert forked(home, run, "tell", key="once-only") == forked(home, run, "tell", key="once-only")
    assert Run.objects.count() == 2


def test_a_run_is_forked_at_the_console_over_the_api_and_from_its_page(home: House) -> None:
    run = work(started(home, step("look", "ann"), step("tell", "bob")))
    out = StringIO()
    call_command("fork", str(run.pk), "--from", "tell", "--as", "ines", stdout=out)
    assert str(Run.objects.get(forked_from=run).pk) in out.getvalue()
    with pytest.raises(CommandError):
        call_command("fork", str(run.pk), "--from", "nowhere", "--as", "ines", stdout=out)
    client = APIClient()
    client.force_login(home.grace)
    body = {"reason": "Again.", "step": "tell", "idempotency_key": "12345678"}
    answer = client.post(f"/api/v1/runs/{run.pk}/fork/", body)
    assert (answer.status_code, answer.json()["initiator"]) == (201, "Grace")
    client.force_login(home.ines)
    page = client.get(f"/runs/{run.pk}/").content.decode()
    assert 'action="/runs/' in page
    assert "do-fork-step" in page
    sent = client.post(
        f"/runs/{run.pk}/fork/", {"reason": "Again.", "step": "tell"}, format="multipart"
    )
    assert sent.status_code == 302
    assert Run.objects.filter(forked_from=run).count() == 3
