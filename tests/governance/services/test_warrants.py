from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from django.db.models.functions import Now

from audit.services.events import recording
from governance.adapters import ExhibitDraft
from governance.models import Action, Effect, Gate, Person, Warrant
from governance.services import agents, exhibits, warrants
from governance.services.warrants import Claimed, Drifted, Refused
from tests.factories import governance as make
from tests.factories import tampering
from tests.factories.audit import AppendFailedError, failing_append, recorded, size_of_the_log

pytestmark = pytest.mark.django_db


@pytest.fixture
def home(tmp_path: Path) -> make.House:
    return make.house(tmp_path)


def states(warrant: Warrant) -> tuple[str, str]:
    warrant.refresh_from_db()
    gate = Gate.objects.filter(warrant=warrant).first()
    return warrant.state, gate.state if gate else ""


def refused(warrant: Warrant) -> Refused:
    """Claim, be refused, and see that nothing was started."""
    outcome = make.claimed(warrant)
    assert isinstance(outcome, Refused), outcome
    assert not Effect.objects.filter(warrant=warrant).exists()
    return outcome


def drifted(warrant: Warrant) -> Drifted:
    """Claim, and see that the approval ended and nothing was started."""
    outcome = make.claimed(warrant)
    assert isinstance(outcome, Drifted), outcome
    assert not Effect.objects.exists()
    assert states(warrant) in {("void", "void"), ("void", "")}
    return outcome


def test_an_approved_action_is_done_once(home: make.House) -> None:
    warrant = make.approved(home)
    effect = make.performed(warrant)
    assert effect is not None
    assert effect.state == "succeeded"
    assert states(warrant) == ("claimed", "approved")
    assert make.lines_in(home.guarded) == 1
    assert recorded(f"action:{warrant.action_id}")[-3:] == [
        "warrant.claimed",
        "effect.started",
        "effect.succeeded",
    ]


def test_an_allowed_action_goes_the_same_road(home: make.House) -> None:
    warrant = make.allowed(home)
    assert make.performed(warrant) is not None
    assert states(warrant) == ("claimed", "")
    assert make.lines_in(home.open) == 1


def test_the_effect_is_registered_with_its_undo_before_it_is_attempted(home: make.House) -> None:
    outcome = make.claimed(make.approved(home), fence=7)
    assert isinstance(outcome, Claimed)
    effect = outcome.effect
    assert (effect.state, effect.fence, effect.effect_class) == ("in_flight", 7, "probe")
    assert effect.compensation == {
        "action": "remove",
        "sentence": "Take out the line “second”",
    }
    assert effect.effect_key == effect.action.effect_key
    assert make.lines_in(home.guarded) == 0


def test_a_warrant_opens_one_execution(home: make.House) -> None:
    warrant = make.approved(home)
    make.performed(warrant)
    outcome = make.claimed(warrant, worker="worker-2", fence=2)
    assert isinstance(outcome, Refused)
    assert outcome.code == "warrant_claimed"
    assert Effect.objects.count() == 1
    assert make.lines_in(home.guarded) == 1


def test_a_warrant_is_worth_nothing_after_its_time_whatever_the_steward_did(
    home: make.House,
) -> None:
    warrant = make.approved(home)
    Warrant.objects.update(expires_at=Now() - timedelta(milliseconds=1))
    assert refused(warrant).code == "warrant_expired"
    assert states(warrant) == ("expired", "void")
    assert make.lines_in(home.guarded) == 0


def test_the_steward_says_which_warrants_expired(home: make.House) -> None:
    late, unused = make.approved(home), make.allowed(home)
    Warrant.objects.filter(pk=late.pk).update(expires_at=Now() - timedelta(seconds=1))
    assert warrants.expire_due() == 1
    assert warrants.expire_due() == 0
    assert states(late) == ("expired", "void")
    assert states(unused) == ("issued", "")
    assert recorded(f"action:{late.action_id}")[-2:] == ["warrant.expired", "gate.voided"]


def test_a_suspended_agents_warrant_is_void_for_good(home: make.House) -> None:
    warrant = make.approved(home)
    agents.suspend(agent=home.scout, person=home.ada, reason="It misbehaves.")
    assert refused(warrant).code == "agent_not_active"
    assert states(warrant) == ("void", "void")


def test_an_agent_suspended_between_looking_and_claiming_is_stopped(home: make.House) -> None:
    warrant = make.approved(home)
    seen = warrants.inspect(warrant_id=warrant.pk)
    agents.suspend(agent=home.scout, person=home.ada, reason="It misbehaves.")
    outcome = warrants.claim(warrant_id=warrant.pk, inspection=seen, worker="w", fence=1)
    assert isinstance(outcome, Refused)
    assert outcome.code == "agent_not_active"
    assert not Effect.objects.exists()


def test_a_pin_that_moved_ends_the_approval_and_asks_about_what_changed(home: make.House) -> None:
    draft = ExhibitDraft("Findings", "findings", {"findings": []}, "agent", "somewhere else")
    finding = exhibits.attach(
        domain=home.domain, run_id=None, step_path="", agent=home.scout, draft=draft
    )
    warrant = make.approved(home, exhibits=[finding])
    home.guarded.write_text("first\nsomebody else's line\n")
    outcome = drifted(warrant)
    assert outcome.changed == ("pins.content",)
    gate = outcome.proposed.gate
    assert gate is not None
    assert gate.state == "pending"
    assert gate.delta_of == warrant.gate
    assert {exhibit.name for exhibit in gate.exhibits.all()} == {
        "Changes since the approval",
        "Findings",
    }
    assert outcome.proposed.action.digest != warrant.action_digest
    assert make.lines_in(home.guarded) == 1
    assert recorded(f"action:{warrant.action_id}")[-2:] == ["warrant.voided", "gate.voided"]


def test_the_delta_gate_can_be_approved_and_then_runs(home: make.House) -> None:
    warrant = make.approved(home)
    home.guarded.write_text("first\nsomebody else's line\n")
    gate = drifted(warrant).proposed.gate
    assert gate is not None
    make.review(gate, home.grace)
    assert make.performed(gate.warrant) is not None
    assert make.lines_in(home.guarded) == 2
    assert refused_again(warrant) == "warrant_void"


def refused_again(warrant: Warrant) -> str:
    outcome = make.claimed(warrant)
    assert isinstance(outcome, Refused)
    return outcome.code


def test_an_allowed_action_whose_pin_moved_is_judged_again_and_goes_on(home: make.House) -> None:
    warrant = make.allowed(home)
    home.open.write_text("first\nanother\n")
    outcome = drifted(warrant)
    assert outcome.proposed.warrant is not None
    assert make.performed(outcome.proposed.warrant) is not None
    assert make.lines_in(home.open) == 2


def test_what_is_forbidden_by_now_is_not_asked_again(home: make.House) -> None:
    warrant = make.approved(home)
    home.guarded.write_text("SEALED\n")
    outcome = drifted(warrant)
    assert outcome.proposed.verdict.outcome == "deny"
    assert (outcome.proposed.gate, outcome.proposed.warrant) == (None, None)


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ('@quorum("1")', '@quorum("1") @severity("high")', ("policy.gate.guarded",)),
        (make.BOUNDARIES, make.BOUNDARIES + make.GATE.replace("gate.", "gate.b."), None),
    ],
)
def test_a_gate_policy_that_was_not_approved_in_these_words_asks_again(
    home: make.House, before: str, after: str, changed: tuple[str, ...] | None
) -> None:
    warrant = make.approved(home)
    make.bundle(home.domain, make.POLICIES.replace(before, after))
    outcome = drifted(warrant)
    assert outcome.changed == (changed or ("policy.gate.b.guarded",))
    gate = outcome.proposed.gate
    assert gate is not None
    assert [exhibit.name for exhibit in gate.exhibits.all()] == ["The new line"]


def test_an_approval_outlives_policies_that_do_not_touch_its_gates(home: make.House) -> None:
    warrant = make.approved(home)
    make.bundle(
        home.domain, "// reformatted\n" + make.POLICIES + make.PERMIT.replace("t.l", "t.m")
    )
    assert make.performed(warrant) is not None


def test_an_approval_that_policy_asks_for_no_more_still_runs(home: make.House) -> None:
    warrant = make.approved(home)
    make.bundle(home.domain, make.PERMIT + make.BOUNDARIES)
    assert make.performed(warrant) is not None


def test_a_new_boundary_stops_what_was_approved(home: make.House) -> None:
    warrant = make.approved(home)
    make.bundle(home.domain, make.POLICIES.replace("context.facts.sealed", "true"))
    assert drifted(warrant).proposed.verdict.outcome == "deny"


def test_what_was_allowed_and_is_gated_now_is_shown_whole(home: make.House) -> None:
    warrant = make.allowed(home)
    make.bundle(home.domain, make.POLICIES.replace("context.facts.guarded", "true"))
    gate = drifted(warrant).proposed.gate
    assert gate is not None
    assert gate.delta_of is None
    assert [exhibit.name for exhibit in gate.exhibits.all()] == ["The new line"]


@pytest.mark.parametrize("how", ["left the team", "deactivated"])
def test_an_approval_by_somebody_who_lost_their_place_asks_again(
    home: make.House, how: str
) -> None:
    make.member("sue", home.domain)
    warrant = make.approved(home)
    if how == "deactivated":
        Person.objects.filter(pk=home.grace.pk).update(is_active=False)
    else:
        home.domain.teams.get().people.remove(home.grace)
    outcome = drifted(warrant)
    assert outcome.changed == ("reviewers",)
    assert outcome.proposed.gate is not None


def test_facts_that_cannot_be_had_now_start_nothing_and_void_nothing(home: make.House) -> None:
    warrant = make.approved(home)
    home.guarded.rename(home.guarded.with_suffix(".away"))
    assert refused(warrant).code == "fact_unavailable"
    assert states(warrant) == ("issued", "approved")
    home.guarded.with_suffix(".away").rename(home.guarded)
    assert make.performed(warrant) is not None


def test_a_tool_whose_arguments_changed_voids_what_no_longer_fits(home: make.House) -> None:
    warrant = make.approved(home)
    schema = {**home.tool.schema, "required": ["ledger", "line", "author"]}
    schema["properties"] = {**schema["properties"], "author": {"type": "string"}}
    make.ledger_tool(home.domain, schema=schema)
    assert refused(warrant).code == "invalid_arguments"
    assert states(warrant) == ("void", "void")


def test_a_tool_registered_anew_asks_again(home: make.House) -> None:
    warrant = make.approved(home)
    make.ledger_tool(home.domain, schema={**home.tool.schema, "description": "new"})
    assert drifted(warrant).changed == ("tool",)


@pytest.mark.parametrize(
    "edit",
    [
        {"line": "something else"},
        {"ledger": "elsewhere.txt"},
    ],
)
def test_an_envelope_edited_behind_its_digest_never_runs(
    home: make.House, edit: dict[str, str]
) -> None:
    warrant = make.approved(home)
    action = warrant.action
    action.envelope["arguments"].update(edit)
    if "ledger" in edit:
        other = home.guarded.with_name("guarded-other.txt")
        other.write_text("first\n")
        action.envelope["arguments"]["ledger"] = str(other)
    tampering.edit(action, envelope=action.envelope)
    assert refused(warrant).code == "digest_mismatch"
    assert states(warrant) == ("void", "void")
    assert make.lines_in(home.guarded) == 0


def test_the_same_effect_is_not_started_by_two_warrants(home: make.House) -> None:
    first, second = make.allowed(home), make.allowed(home)
    assert isinstance(make.claimed(first), Claimed)
    assert refused(second).code == "effect_exists"
    assert states(second) == ("void", "")


def test_an_inspection_of_another_warrant_is_a_mistake(home: make.House) -> None:
    one, other = make.allowed(home), make.approved(home)
    seen = warrants.inspect(warrant_id=one.pk)
    with pytest.raises(ValueError, match="another warrant"):
        warrants.claim(warrant_id=other.pk, inspection=seen, worker="w", fence=1)
    assert not Effect.objects.exists()


@pytest.mark.parametrize("case", ["claim", "drift", "expired", "suspended", "sweep"])
def test_a_claim_whose_event_fails_leaves_nothing(home: make.House, case: str) -> None:
    warrant = make.approved(home)
    if case == "drift":
        home.guarded.write_text("first\nanother\n")
    if case in {"expired", "sweep"}:
        Warrant.objects.update(expires_at=Now() - timedelta(seconds=1))
    seen = warrants.inspect(warrant_id=warrant.pk)
    if case == "suspended":
        agents.suspend(agent=home.scout, person=home.ada, reason="It misbehaves.")
    before, actions = size_of_the_log(), Action.objects.count()
    claim = partial(
        warrants.claim, warrant_id=warrant.pk, inspection=seen, worker="worker-1", fence=1
    )
    with failing_append(), pytest.raises(AppendFailedError):
        warrants.expire_due() if case == "sweep" else claim()
    assert states(warrant) == ("issued", "approved")
    assert (size_of_the_log(), Action.objects.count()) == (before, actions)
    assert not Effect.objects.exists()
    assert make.lines_in(home.guarded) == (1 if case == "drift" else 0)


def test_a_claim_joins_the_transaction_of_its_caller(home: make.House) -> None:
    warrant = make.approved(home)
    seen = warrants.inspect(warrant_id=warrant.pk)
    with suppress(InterruptedError), recording():
        warrants.claim(warrant_id=warrant.pk, inspection=seen, worker="w", fence=1)
        raise InterruptedError("the step moved")
    assert states(warrant) == ("issued", "approved")
    assert not Effect.objects.exists()
