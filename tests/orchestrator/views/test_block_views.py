"""What the page of a run tells of its blocks: thread, ledgers, trail, branches."""

from typing import Any

from django.test import Client
from django.urls import reverse

from governance.models import Person
from orchestrator.models import Run
from orchestrator.selectors import runs
from orchestrator.selectors.blocks import blocks_of
from orchestrator.services import turns
from orchestrator.views import blocks, steps
from orchestrator.views.blocks.branches import Branches
from orchestrator.views.blocks.ledgers import Ledgers
from orchestrator.views.blocks.thread import Counting, Line, Thread
from orchestrator.views.blocks.trail import Trail
from orchestrator.workflow.definition import from_plain
from tests.factories import orchestrator as make
from tests.factories.governance import House
from tests.factories.orchestrator import WORKER, step_of
from tests.orchestrator.cells.conftest import home
from tests.orchestrator.cells.driving import begun, worked_off
from tests.orchestrator.cells.files import concurrent

__all__ = ["home"]


def view_of(person: Person, run: Run, place: str) -> Any:
    definition = from_plain(run.workflow.definition)
    return blocks.shown(blocks_of(runs.run_for(person, run.pk), definition))[place].view


def test_a_chat_is_told_as_a_thread_with_its_ballot(home: House) -> None:
    run = worked_off(begun(home, "group_chat"))
    thread: Thread = view_of(home.grace, run, "talk")
    *lines, ballot = thread.entries
    assert lines == [
        Line("Ann", "proposal", "ann at turn 0", "p1"),
        Line("Bob", "evidence", "bob at turn 1"),
        Line("Cid", "evidence", "cid at turn 2"),
    ]
    assert isinstance(ballot, Counting)
    assert (ballot.outcome, ballot.round) == ("decided", 1)
    assert [(one.name, one.points, one.leads) for one in ballot.counts] == [("p1", 3, True)]
    assert [paper[:2] for paper in ballot.papers] == [("Ann", "p1"), ("Bob", "p1"), ("Cid", "p1")]
    assert (thread.round, thread.max_rounds, thread.floor) == (1, 3, [])


def test_a_chat_under_way_says_who_has_the_floor(home: House) -> None:
    run = begun(home, "group_chat")
    thread: Thread = view_of(home.grace, run, "talk")
    assert (thread.entries, thread.floor, thread.round) == ([], ["Ann"], 1)


def test_a_handoff_is_told_as_the_trail_of_its_holders(home: House) -> None:
    run = worked_off(begun(home, "handoff"))
    trail: Trail = view_of(home.grace, run, "ship")
    assert [(one.agent, one.reason) for one in trail.held] == [
        ("Ann", ""),
        ("Bob", "my part is done"),
        ("Cid", "my part is done"),
    ]
    assert (trail.is_done, trail.offered_to, trail.handoffs) == (True, "", 2)


def test_a_managed_block_shows_its_plan_its_criteria_and_what_was_only_claimed(
    home: House,
) -> None:
    run = worked_off(begun(home, "magentic"))
    ledgers: Ledgers = view_of(home.grace, run, "repair")
    assert [(item.id, item.agent, item.state) for item in ledgers.items] == [
        ("mend", "Bob", "succeeded")
    ]
    assert [(one.criterion.id, one.met) for one in ledgers.findings] == [("mended", True)]
    assert [claim.answer for claim in ledgers.claims] == [True, True, False]
    assert (ledgers.version, ledgers.rounds, ledgers.replans) == (1, (2, 4), (0, 1))


def test_branches_are_counted_by_their_state_the_loudest_first(home: House) -> None:
    run = begun(home, "concurrent")
    turns.drive(step_id=step_of(run, "scans/0").pk, worker=WORKER)
    branches: Branches = view_of(home.grace, run, "scans")
    assert sum(n for _, n in branches.states) == branches.total == 5
    assert branches.states[-1][0] == "succeeded"
    assert (branches.policy, branches.max_parallel) == ("all", 2)


def test_steps_stand_within_their_blocks_under_the_names_they_have_there(home: House) -> None:
    run = worked_off(begun(home, "sequential"))
    view = runs.run_for(home.grace, run.pk)
    definition = from_plain(run.workflow.definition)
    related = steps.Related(definition, (), {}, {}, blocks.shown(blocks_of(view, definition)))
    outer = steps.shown(view, related)
    assert [step.name for step in outer] == ["work", "close"]
    assert [step.name for step in outer[0].children] == ["draft", "check", "mend"]
    assert outer[0].children[0].row.path == "work/draft"


def test_a_wide_fan_shows_what_is_out_of_order_and_all_of_it_when_asked(
    home: House, client: Client
) -> None:
    fan, report = concurrent()
    wide = {**fan, "foreach": {**fan["foreach"], "cap": 200}, "max_parallel": 100}
    agents = {slug: {"ref": f"{slug}@1"} for slug in ("ann", "bob")}
    saved = make.workflow(home, wide, report, agents=agents)
    run = make.start(saved, home.ines, {"modules": [str(n) for n in range(70)]})
    for n in range(5):
        turns.drive(step_id=step_of(run, f"scans/{n}").pk, worker=WORKER)
    client.force_login(home.grace)
    page = client.get(reverse("run", args=[run.pk])).content.decode()
    left = run.steps.filter(path__startswith="scans/").exclude(state="succeeded")
    shown = [step for step in left if f'id="step-{step.place}"' in page]
    assert (page.count('id="step-scans/'), len(shown) > steps.MOST_SHOWN - 5) == (120, True)
    assert "10 more, at which nothing is out of order." in page
    whole = client.get(reverse("run", args=[run.pk]) + "?all").content.decode()
    assert whole.count('id="step-scans/') == 140
