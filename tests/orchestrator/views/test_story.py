from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from orchestrator.selectors.approvals import Approval, Opinion
from orchestrator.views.story import tell
from tests.orchestrator.views.views_of import BEGIN, a_gate, a_run, a_step, an_effect


def approval(state: str, *opinions: Opinion) -> Approval:
    return Approval(
        gate_id=uuid4(),
        step_path="merge",
        sentence="Merge feature into main",
        state=state,
        action_digest="d",
        decided_at=BEGIN,
        opinions=opinions,
        warrant_id=None,
        warrant_state="",
        claimed_at=None,
        effect_id=None,
    )


def test_a_waiting_run_leads_to_its_gate() -> None:
    gate = a_gate("pending")
    told = tell(a_run(state="waiting", is_final=False, gates=[gate]), [])

    assert told.happened == "Merge feature into main"
    assert [act.url for act in told.acts] == [f"/gates/{gate.id}/"]


def test_a_failed_run_says_why_what_never_ran_and_that_nothing_changed() -> None:
    steps = [
        a_step("style", state="failed", error_detail="The key file is in the branch."),
        a_step("merge", state="cancelled", started_at=None),
    ]
    told = tell(a_run(state="failed", steps=steps), [])

    assert told.happened == "Scout, “style”: The key file is in the branch."
    assert (told.not_done, told.left) == ("merge", "Nothing outside was changed.")


def test_starting_again_brings_the_inputs_back() -> None:
    run = a_run(state="failed", steps=[a_step("style", state="failed")])
    address = urlsplit(tell(run, []).acts[-1].url)

    assert address.path == f"/workflows/{run.workflow_id}/start/"
    assert parse_qs(address.query) == {
        "branch": ["feature"],
        "repo": ["/srv/demo"],
        "deep": ["true"],
    }


def test_a_rejected_run_says_who_rejected_it_and_why() -> None:
    no = Opinion("Grace", "reject", "Too early.", BEGIN)
    run = a_run(state="rejected", gates=[a_gate("rejected")])
    told = tell(run, [approval("rejected", no)])

    assert told.happened == "Grace rejected it: “Too early.”"
    assert (told.not_done, told.left) == (
        "Merge feature into main",
        "Nothing outside was changed.",
    )


def test_a_gate_nobody_decided_is_not_called_a_rejection() -> None:
    run = a_run(state="rejected", gates=[a_gate("expired")])

    assert tell(run, [approval("expired")]).title == "Nobody decided in time"


def test_an_effect_in_doubt_is_said_and_nobody_is_sent_to_start_again() -> None:
    steps = [a_step("merge", state="escalated", error_detail="The worker was lost.")]
    run = a_run(state="escalated", is_final=False, steps=steps, effects=[an_effect("unknown")])
    told = tell(run, [])

    assert "It is not known whether Merge a branch took effect" in told.left
    assert told.acts == ()


def test_what_was_done_before_a_stop_is_named() -> None:
    run = a_run(state="timed_out", effects=[an_effect("succeeded")])

    assert tell(run, []).left == "Still in place from before: Merge a branch."


def test_a_success_without_effects_claims_none() -> None:
    assert tell(a_run(), []).happened == "Every step is done. Nothing outside was changed."
    done = a_run(effects=[an_effect("succeeded")])
    assert "1 side effect took place, once" in tell(done, []).happened


def test_a_step_between_two_tries_says_that_another_comes() -> None:
    steps = [a_step("style", state="backoff", error_detail="The disk is full.")]
    told = tell(a_run(state="waiting", is_final=False, steps=steps), [])

    assert told.happened == "Scout, “style”: The disk is full."
    assert "by itself" in told.title
