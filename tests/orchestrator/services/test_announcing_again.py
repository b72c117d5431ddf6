"""A person announces work again that nobody took: once each time they say so, and not for ever."""

from pathlib import Path
from typing import Any

import pytest

from orchestrator.models import Run, Step
from orchestrator.runners.registry import runners
from orchestrator.selectors.escalations import packets_of
from orchestrator.selectors.replays import Replayed, replay
from orchestrator.selectors.runs import run_for
from orchestrator.services import escalation, pausing
from orchestrator.services.definitions import definition_of
from tests.factories.audit import recorded
from tests.factories.governance import House
from tests.factories.orchestrator import step_of, work
from tests.orchestrator.services.crew import Peer, begun, furnished
from tests.orchestrator.services.escalating import admit, refused, use


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> Peer:
    one = Peer()
    one.accept = lambda _request: {"accept": False, "reason": "Too much to do."}
    monkeypatch.setitem(runners(), "peer", (one, "peer 1 (test)"))
    return one


@pytest.fixture
def home(db: None, tmp_path: Path) -> House:
    home = furnished(tmp_path)
    admit(home, home.ines)
    return home


def in_vain(home: House, **terms: Any) -> Run:
    """Return a run whose work nobody took."""
    run = work(begun(home, terms={"max_reannounce": 0, **terms}))
    assert (run.state, run.error_code) == ("escalated", "nobody_took_it")
    return run


def rounds(run: Run) -> int:
    return recorded(f"run:{run.pk}").count("contract.announced")


def verbs_at(run: Run, path: str = "draft") -> tuple[str, ...]:
    """Return what the run's page offers a person to do about a step."""
    run.refresh_from_db()
    view = run_for(run.initiator, run.pk)
    packets = packets_of(view, run.initiator, run.domain, definition_of(run.workflow_id))
    return next((tuple(p.verbs) for p in packets if p.step.path == path), ())


def test_work_is_announced_once_more_with_a_fresh_deadline_and_done_by_who_takes_it(
    home: House, peer: Peer
) -> None:
    run = in_vain(home)
    assert verbs_at(run)[0] == "announce_again"
    peer.accept = lambda _request: {"accept": True}
    use(escalation.announce_again, run, "draft", reason="The price may be higher now.")
    assert (run.state, step_of(run, "draft").state, rounds(run)) == ("running", "running", 2)
    clocks = Step.objects.filter(run=run, path="draft/bids-due").order_by("iteration")
    assert [(clock.iteration, clock.state) for clock in clocks] == [
        (0, "cancelled"),
        (1, "running"),
    ]
    work(run)
    assert (run.state, step_of(run, "draft").output) == ("succeeded", {"by": "cid"})
    asked = [request.task["work"] for request in peer.asked if "announcement" in request.task]
    assert asked[-1]["announced_again"] == ["The price may be higher now."]
    assert isinstance(replay(run.pk), Replayed)


def test_people_announce_work_again_as_often_as_the_file_says_and_no_more(
    home: House, peer: Peer
) -> None:
    run = in_vain(home, people_may_reannounce=1)
    use(escalation.announce_again, run, "draft")
    work(run)
    assert (run.state, run.error_code, rounds(run)) == ("escalated", "nobody_took_it", 2)
    assert "announce_again" not in verbs_at(run)
    refused(escalation.announce_again, run, "too_many_announcements", "draft")
    assert rounds(run) == 2
    assert isinstance(replay(run.pk), Replayed)


def test_saying_it_twice_announces_it_once(home: House, peer: Peer) -> None:
    run = in_vain(home)
    use(escalation.announce_again, run, "draft")
    refused(escalation.announce_again, run, "not_escalated", "draft")
    assert rounds(run) == 2


def test_what_was_said_while_the_run_is_paused_is_said_once_and_follows_when_it_goes_on(
    home: House, peer: Peer
) -> None:
    run = in_vain(home)
    how: dict[str, Any] = {"run_id": run.pk, "person": home.ines, "reason": "Wait."}
    pausing.pause(**how)
    use(escalation.announce_again, run, "draft")
    assert rounds(run) == 1
    refused(escalation.announce_again, run, "not_announced", "draft")
    pausing.resume(**how)
    assert rounds(run) == 2
    assert isinstance(replay(run.pk), Replayed)


def test_a_transaction_that_is_lost_has_announced_nothing(
    home: House, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = in_vain(home)
    story = recorded(f"run:{run.pk}")

    def killed(**_given: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("orchestrator.services.runs.advance", killed)
        with pytest.raises(KeyboardInterrupt):
            use(escalation.announce_again, run, "draft")
    assert recorded(f"run:{run.pk}") == story
    assert step_of(run, "draft").error_code == "nobody_took_it"
    use(escalation.announce_again, run, "draft")
    assert rounds(run) == 2
    assert isinstance(replay(run.pk), Replayed)


def test_a_step_that_nobody_refused_is_not_announced_again(home: House, peer: Peer) -> None:
    peer.accept = lambda _request: {"accept": True}
    run = work(begun(home))
    refused(escalation.announce_again, run, "not_escalated", "draft")


def test_the_verbs_of_a_step_that_nobody_works_on_are_those_that_are_not_refused(
    home: House, peer: Peer
) -> None:
    run = in_vain(home, people_may_reannounce=0)
    assert verbs_at(run) == ("skip", "fail")
