from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from governance.adapters import adapter_for
from governance.models import Action, Agent, Effect, Gate, Grant, Seat, Verdict
from governance.refusals import Invalid
from governance.services import gates
from orchestrator.models import Run
from orchestrator.selectors.replays import Replayed, replay
from orchestrator.services import resumption
from tests.factories import governance
from tests.factories import orchestrator as make
from tests.factories.governance import House, house
from tests.factories.orchestrator import started, step, step_of, work
from tests.orchestrator.services.proposing import append

pytestmark = pytest.mark.django_db
GATE = {"approvers": {"groups": ["maintainers"]}, "expires": "10m"}
ACTS = {"action": "ledger.append", "effect": {"class": "probe"}}


@pytest.fixture
def home(tmp_path: Path) -> House:
    home = house(tmp_path)
    make.agent(home, "clerk", proposals=[append(home.open)])
    return home


def guarded(home: House, *, gate: Any = GATE, **fields: Any) -> Run:
    write = step("write", "clerk", gate="prod", **ACTS, **fields)
    return work(started(home, write, gates={"prod": gate}))


def test_a_gate_of_the_file_asks_people_where_policy_asks_nobody(home: House) -> None:
    run = guarded(home, risk="high", compensate="tool")
    gate = Gate.objects.get()
    assert run.state == "waiting"
    seat = Seat.objects.get(gate=gate)
    assert (seat.group, seat.min_count) == ("maintainers", 1)
    assert seat.distinct_from == ["initiator"]
    assert Verdict.objects.get().reasons == ["workflow_gate"]
    assert (gate.expires_at - gate.opened_at).total_seconds() == pytest.approx(600, abs=5)
    governance.review(gate, home.grace)
    resumption.resume(gate_id=gate.pk)
    assert work(run).state == "succeeded"
    assert home.open.read_text().startswith("first\nsecond")
    assert Effect.objects.count() == 1
    assert isinstance(replay(run.pk), Replayed)


def test_what_the_file_asks_for_is_added_to_what_policy_asks_for(home: House) -> None:
    make.agent(home, "keeper", proposals=[append(home.guarded)])
    rule = {**GATE, "approvers": {"groups": ["sponsor"]}, "separation": []}
    work(started(home, step("write", "keeper", gate="prod"), gates={"prod": rule}))
    groups = set(Seat.objects.values_list("group", flat=True))
    assert groups == {"maintainers", "sponsor"}


def test_policy_that_denies_is_not_softened_by_a_gate_of_the_file(home: House) -> None:
    home.open.write_text("SEALED\n")
    run = guarded(home)
    assert run.error_code == "policy_denied"
    assert not Gate.objects.exists()


def test_the_demand_stays_when_the_approval_goes_stale(home: House) -> None:
    run = guarded(home)
    gate = Gate.objects.get()
    governance.review(gate, home.grace)
    home.open.write_text("moved\n")
    resumption.resume(gate_id=gate.pk)
    work(run)
    anew = Gate.objects.get(delta_of=gate)
    assert anew.action.demands == gate.action.demands
    assert not Effect.objects.exists()


@pytest.mark.parametrize(
    ("on_expire", "run_state", "step_state"),
    [("reject", "rejected", "rejected"), ("escalate", "escalated", "escalated")],
)
def test_a_gate_that_nobody_decides_ends_as_the_file_says(
    home: House, on_expire: str, run_state: str, step_state: str
) -> None:
    run = guarded(home, gate={**GATE, "on_expire": on_expire})
    gate = Gate.objects.get()
    Gate.objects.filter(pk=gate.pk).update(expires_at=Now())
    gates.expire_due()
    resumption.resume(gate_id=gate.pk)
    run.refresh_from_db()
    assert (run.state, step_of(run, "write").state) == (run_state, step_state)
    assert not Effect.objects.exists()
    assert isinstance(replay(run.pk), Replayed)


def test_a_step_may_use_the_tool_that_the_file_names_and_no_other(home: House) -> None:
    other = step("write", "clerk", action="checkpoint.pass", effect={"class": "natural"})
    run = work(started(home, other))
    assert step_of(run, "write").error_code == "undeclared_action"
    assert not Action.objects.exists()


def test_an_action_without_the_undo_that_the_file_asks_for_is_refused(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter_for("ledger.append"), "compensation", lambda *_: {})
    run = work(started(home, step("write", "clerk", compensate="tool", **ACTS)))
    assert step_of(run, "write").error_code == "no_compensation"
    assert not Action.objects.exists()


@pytest.mark.parametrize(
    ("fields", "acts", "pointer", "why"),
    [
        ({}, {"effect": {"class": "natural"}}, "/steps", "is of class probe"),
        ({}, {"action": "nowhere.do"}, "/steps", "no adapter is installed"),
        (
            {"policy": {"bundles": [f"org/prod@sha256:{'0' * 64}"]}},
            {},
            "/policy/bundles",
            "Another bundle",
        ),
        ({"policy": {"environment": "production"}}, {}, "/agents/clerk", "another environment"),
        (
            {"agents": {"clerk": {"ref": "clerk@1", "scopes": ["deploy:prod"]}}},
            {},
            "/agents/clerk/scopes",
            "was not granted deploy:prod",
        ),
    ],
)
def test_what_the_file_says_and_does_not_hold_here_starts_nothing(
    home: House, fields: dict[str, Any], acts: dict[str, Any], pointer: str, why: str
) -> None:
    Agent.objects.update(environment="development")
    with pytest.raises(Invalid) as refused:
        started(home, step("write", "clerk", **{**ACTS, **acts}), **fields)
    assert refused.value.code == "unfit_workflow"
    [error] = refused.value.extra["errors"]
    assert error["pointer"] == pointer
    assert why in error["detail"]
    assert not Run.objects.exists()


def test_a_run_starts_under_the_bundle_and_with_the_scopes_that_the_file_names(
    home: House,
) -> None:
    pins = {"bundles": [f"home@sha256:{home.bundle.digest}"]}
    Grant.objects.create(agent=home.scout, scope="repo:*", granted_by=home.ada)
    agents = {"clerk": {"ref": "scout@1", "scopes": ["repo:shop/*"]}}
    look = step("look", "clerk", scopes=["repo:shop/main"])
    run = started(home, look, policy=pins, agents=agents)
    assert run.state == "running"
