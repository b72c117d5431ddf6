"""What a target sees when workers are lost or return too late: one key, and fences that rise."""

import pytest

from governance.models import Effect
from orchestrator.selectors.replays import Replayed, replay
from tests.factories.audit import recorded
from tests.factories.governance import lines_in
from tests.factories.orchestrator import step_of, tries_of
from tests.orchestrator.kill.slow_ledger import PostedLedger, ShoutedLedger
from tests.orchestrator.kill.stage import Stage, kept_of, put

pytestmark = [pytest.mark.kill, pytest.mark.slow]


def test_a_call_that_comes_late_carries_the_same_key_and_a_lower_fence_and_is_refused(
    stage: Stage,
) -> None:
    stage.writing_agent()
    stage.workers.start("work")
    put(stage.before)
    run = stage.start()
    stage.until_state(run, "waiting")
    stage.approve()
    stage.until(lambda: stage.calls() == 1)
    stage.workers.pause("work")
    stage.until(lambda: step_of(run, "write").state == "ready", sweeping=True)
    stage.before.unlink()
    stage.workers.start("work-2")
    stage.until_state(run, "succeeded", sweeping=True)
    stage.workers.resume("work")
    stage.until(lambda: any(call.outcome == "refused" for call in stage.heard()))
    *newer, late = stage.heard()
    assert {call.key for call in (*newer, late)} == {Effect.objects.get().effect_key}
    assert all(late.fence < call.fence for call in newer)
    assert [call.outcome for call in newer].count("done") == 1
    assert late.outcome == "refused"
    stage.until(lambda: "stale" in tries_of(run, "write"))
    assert kept_of(run, "write") == ["proposed", "succeeded"]
    assert lines_in(stage.home.guarded) == 1
    assert recorded(f"run:{run.pk}").count("effect.succeeded") == 1
    assert isinstance(replay(run.pk), Replayed)


def test_a_call_sent_again_after_a_crash_shows_the_target_the_same_key(stage: Stage) -> None:
    stage.writing_agent(PostedLedger.slug)
    stage.workers.start("work")
    put(stage.after)
    run = stage.start()
    stage.until_state(run, "waiting")
    stage.approve()
    stage.until(lambda: lines_in(stage.home.guarded) == 1)
    stage.workers.kill("work")
    assert Effect.objects.get().state == "in_flight"
    stage.after.unlink()
    stage.workers.start("work")
    stage.until_state(run, "succeeded", sweeping=True)
    first, *again = stage.heard()
    assert {call.key for call in (first, *again)} == {Effect.objects.get().effect_key}
    assert again
    assert all(first.fence < call.fence for call in again)
    assert first.outcome == "done"
    assert {call.outcome for call in again} == {"known"}
    assert lines_in(stage.home.guarded) == 1
    assert recorded(f"run:{run.pk}").count("effect.succeeded") == 1


def test_a_call_that_can_be_neither_asked_about_nor_repeated_becomes_a_question(
    stage: Stage,
) -> None:
    stage.writing_agent(ShoutedLedger.slug)
    stage.workers.start("work")
    put(stage.after)
    run = stage.start()
    stage.until_state(run, "waiting")
    stage.approve()
    stage.until(lambda: lines_in(stage.home.guarded) == 1)
    stage.workers.kill("work")
    stage.after.unlink()
    stage.workers.start("work")
    stage.until_state(run, "escalated", sweeping=True)
    assert run.error_code == "ambiguous_effect"
    assert (step_of(run, "write").state, Effect.objects.get().state) == ("escalated", "unknown")
    assert [call.outcome for call in stage.heard()] == ["done"]
    assert stage.calls() == 1
