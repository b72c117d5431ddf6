"""A worker dies between two tool calls of a model; nothing that was committed happens again."""

import pytest

from governance.models import Effect
from orchestrator.demo.scripted.script import script_of
from orchestrator.demo.scripted.server import serving
from orchestrator.selectors.replays import Replayed, replay
from tests.factories.governance import lines_in
from tests.factories.models import CALLING, calls, model_agent
from tests.factories.orchestrator import step, tries_of
from tests.orchestrator.kill.stage import Stage, lines_of, put

pytestmark = [pytest.mark.kill, pytest.mark.slow]


@pytest.fixture
def lease_seconds() -> int:
    """Long enough for a busy machine: the script answers by count, and would run out."""
    return 15


def test_a_worker_killed_while_the_model_thinks_repeats_no_call(stage: Stage) -> None:
    script = script_of(
        [
            calls("second", ledger=stage.home.open),
            {"delay": 60, "text": "Never heard."},
            calls("third", ledger=stage.home.open),
            {"text": "Both."},
        ]
    )
    with serving(script) as model:
        model_agent(stage.home, model)
        stage.workers.start("work")
        run = stage.start(step("write", "clerk"))
        stage.until(lambda: len(model.asked) == 2)
        stage.workers.kill("work")
        assert lines_in(stage.home.open) == 1
        stage.workers.start("work")
        stage.until_state(run, "succeeded", sweeping=True)
        assert len(model.asked) == 4
    assert lines_in(stage.home.open) == 2
    assert lines_of(stage.place / "open.txt.calls") == 2
    assert "crashed" in tries_of(run, "write")
    assert isinstance(replay(run.pk), Replayed)


def test_a_worker_killed_in_the_second_call_of_a_message_repeats_neither(stage: Stage) -> None:
    late = stage.place / "late.txt"
    late.write_text("first\n")
    wanted = [
        {"name": CALLING, "arguments": {"ledger": str(ledger), "line": "second"}}
        for ledger in (stage.home.open, late)
    ]
    with serving(script_of([{"calls": wanted}, {"text": "Both."}])) as model:
        model_agent(stage.home, model)
        stage.workers.start("work")
        put(stage.place / "late.txt.after")
        run = stage.start(step("write", "clerk"))
        stage.until(lambda: lines_in(late) == 1)
        stage.workers.kill("work")
        (stage.place / "late.txt.after").unlink()
        stage.workers.start("work")
        stage.until_state(run, "succeeded", sweeping=True)
        assert len(model.asked) == 2
    assert (lines_in(stage.home.open), lines_in(late)) == (1, 1)
    assert lines_of(stage.place / "open.txt.calls") == 1
    assert lines_of(stage.place / "late.txt.calls") == 1
    assert set(Effect.objects.values_list("state", flat=True)) == {"succeeded"}
    assert isinstance(replay(run.pk), Replayed)
