from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from governance.adapters import ExhibitDraft
from governance.models import Gate, Person
from governance.refusals import Refusal
from governance.selectors import gates
from governance.services import agents, exhibits
from tests.factories import governance as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def home(tmp_path: Path) -> make.House:
    return make.house(tmp_path)


def fresh(someone: Person) -> Person:
    """Return the person as the next request loads them: nothing remembered on the instance."""
    return Person.objects.get(pk=someone.pk)


def finding(home: make.House, subject: str = "", **content: Any) -> Any:
    draft = ExhibitDraft("Findings", "findings", {"findings": [], **content}, "agent", subject)
    return exhibits.attach(
        domain=home.domain, run_id=None, step_path="", agent=home.scout, draft=draft
    )


def test_the_page_says_what_by_whom_why_and_who_may_decide(home: make.House) -> None:
    gate = make.open_gate(home, exhibits=[finding(home)])
    view = gates.gate_for(home.grace, gate.pk)
    assert view.sentence == "Append “second” to guarded.txt"
    assert (view.risk_label, view.reversibility_label) == ("High risk", "Can be compensated")
    assert view.environment_label == "Production"
    assert [exhibit.name for exhibit in view.change] == ["The new line"]
    assert [exhibit.name for exhibit in view.findings] == ["Findings"]
    assert view.findings[0].agent_name == "Scout"
    assert ("line", "second") in [(argument.name, argument.value) for argument in view.arguments]
    assert [pin.name for pin in view.pins] == ["content"]
    (reason,) = view.reasons
    assert (reason.policy_id, reason.words) == ("gate.guarded", "Guarded ledger.")
    assert [(fact.name, fact.value) for fact in reason.facts] == [("guarded", "yes")]
    people = view.requester
    assert people.initiator is not None
    assert [people.initiator.name, people.agent_name, people.owner.name, people.sponsor.name] == [
        "Ines",
        "Scout",
        "Ada",
        "Sam",
    ]
    assert view.compensation == "Take out the line “second”"
    (seat,) = view.seats
    assert (seat.label, seat.needed, seat.filled, seat.may_decide) == (
        "Maintainers",
        1,
        0,
        ("Grace",),
    )
    assert view.standing.may_decide
    assert view.complete
    assert view.stamp
    assert view.rationale == "It belongs there."
    assert view.stream == f"action:{gate.action_id}"
    assert view.stream_seq > 0


@pytest.mark.parametrize(
    ("who", "code"), [("ada", "is_owner"), ("ines", "is_initiator"), ("sam", "not_eligible")]
)
def test_whoever_may_not_decide_reads_why(home: make.House, who: str, code: str) -> None:
    standing = gates.gate_for(getattr(home, who), make.open_gate(home).pk).standing
    assert (standing.may_decide, standing.code) == (False, code)
    assert standing.sentence.endswith(".")


def test_a_gate_of_another_domain_is_not_there(home: make.House) -> None:
    gate = make.open_gate(home)
    with pytest.raises(Refusal) as caught:
        gates.gate_for(home.mallory, gate.pk)
    assert caught.value.status == 404
    assert gates.inbox_for(home.mallory).rows == ()
    assert gates.rows_for(home.mallory, [str(gate.pk)]) == ()
    assert gates.waiting_count_for(home.mallory) == 0


def test_what_speaks_about_something_else_is_called_stale(home: make.House) -> None:
    pinned = make.prepared(home).facts.pins["content"]
    gate = make.open_gate(
        home, exhibits=[finding(home), finding(home, pinned), finding(home, "older")]
    )
    view = gates.gate_for(home.grace, gate.pk)
    assert sorted(exhibit.stale for exhibit in view.findings) == [False, False, True]


def test_what_is_not_whole_says_so(home: make.House) -> None:
    gate = make.open_gate(home, exhibits=[finding(home, truncated=True)])
    view = gates.gate_for(home.grace, gate.pk)
    assert (view.complete, view.missing) == (False, ("Findings",))


def test_a_decided_gate_says_by_whom_and_offers_no_stamp(home: make.House) -> None:
    gate = make.open_gate(home)
    make.review(gate, home.grace, comment="Fine.")
    view = gates.gate_for(home.ada, gate.pk)
    assert view.state == "approved"
    assert view.decision is not None
    assert (view.decision.outcome, view.decision.by) == ("approved", ("Grace",))
    assert (view.standing.code, view.stamp) == ("already_decided", "")
    assert view.standing.sentence == "Already decided by Grace: approved."
    (review,) = view.reviews
    assert (review.person.name, review.verb_label, review.comment) == ("Grace", "Approve", "Fine.")
    assert view.seats[0].filled_by == ("Grace",)


def test_a_gate_whose_time_is_over_says_so_before_the_steward_does(home: make.House) -> None:
    gate = make.open_gate(home)
    Gate.objects.update(expires_at=Now() - timedelta(seconds=1))
    view = gates.gate_for(home.grace, gate.pk)
    assert (view.state, view.standing.code, view.stamp) == ("expired", "expired", "")
    assert gates.inbox_for(home.grace).rows == ()
    (row,) = gates.rows_for(home.grace, [str(gate.pk)])
    assert (row.state, row.mine) == ("expired", False)


def test_a_gate_and_the_one_that_replaced_it_name_each_other(home: make.House) -> None:
    warrant = make.approved(home)
    home.guarded.write_text("first\nanother\n")
    make.claimed(warrant)
    old, new = Gate.objects.order_by("opened_at")
    assert gates.gate_for(home.grace, old.pk).replaced_by == str(new.pk)
    assert gates.gate_for(home.grace, old.pk).state == "void"
    assert gates.gate_for(home.grace, new.pk).delta_of == str(old.pk)
    assert gates.inbox_for(home.grace).rows[0].is_delta


def test_the_inbox_says_what_is_mine(home: make.House) -> None:
    make.bundle(home.domain, make.POLICIES.replace('@quorum("1")', '@quorum("2")'))
    sue = make.member("sue", home.domain)
    gate = make.open_gate(home)
    assert [row.mine for row in gates.inbox_for(home.ada).rows] == [False]
    assert [row.mine for row in gates.inbox_for(home.grace).rows] == [True]
    assert [gates.waiting_count_for(p) for p in (home.grace, sue, home.ada)] == [1, 1, 0]
    make.review(gate, home.grace)
    (row,) = gates.inbox_for(fresh(home.grace)).rows
    assert (row.mine, row.filled, row.needed) == (False, 1, 2)
    assert [gates.waiting_count_for(p) for p in (home.grace, sue)] == [0, 1]


def test_owner_and_sponsor_seats_belong_to_the_agents_own(home: make.House) -> None:
    text = make.POLICIES.replace('"maintainers"', '"sponsor"')
    make.bundle(home.domain, text.replace('@distinct_from("initiator,owner")', ""))
    gate = make.open_gate(home)
    view = gates.gate_for(home.sam, gate.pk)
    assert view.standing.may_decide
    assert view.seats[0].label == "Sponsor of the agent"
    assert not gates.gate_for(home.grace, gate.pk).standing.may_decide


def test_decided_gates_are_listed_latest_first(home: make.House) -> None:
    first, second = make.open_gate(home, line="a"), make.open_gate(home, line="b")
    make.review(second, home.grace)
    make.review(first, home.grace, "reject")
    rows = gates.inbox_for(home.grace, state="decided").rows
    assert [(row.id, row.state) for row in rows] == [
        (str(first.pk), "rejected"),
        (str(second.pk), "approved"),
    ]


def seen_on_pages(person: Person, state: str) -> list[str]:
    """Return the gates on every page in order; a list without an end is cut off."""
    seen: list[str] = []
    before: str | None = None
    while before != "" and len(seen) < 30:
        page = gates.inbox_for(person, state=state, before=before, limit=3)
        seen += [row.id for row in page.rows]
        before = page.next
    return seen


@pytest.mark.parametrize(
    ("state", "moment"), [("pending", "opened_at"), ("decided", "decided_at")]
)
@pytest.mark.parametrize("clock", ["python", "database"])
def test_pages_miss_nothing_and_repeat_nothing_at_the_same_moment(
    home: make.House, state: str, moment: str, clock: str
) -> None:
    ids = sorted(str(make.open_gate(home, line=str(n)).pk) for n in range(7))
    at = Gate.objects.earliest("opened_at").opened_at if clock == "python" else Now()
    Gate.objects.update(**{moment: at})
    assert seen_on_pages(home.grace, state) == ids


def test_a_page_after_a_gate_that_is_not_there_begins_at_its_moment(home: make.House) -> None:
    gate = make.open_gate(home)
    after = gate.opened_at + timedelta(seconds=1)
    cursor = f"{after.isoformat()}~00000000-0000-0000-0000-000000000000"
    (row,) = gates.inbox_for(home.grace, before=cursor).rows
    assert row.id == str(gate.pk)


@pytest.mark.parametrize("number", [1, 12])
def test_a_page_of_the_inbox_takes_six_queries_however_long(
    home: make.House, number: int, django_assert_max_num_queries: Any
) -> None:
    for n in range(number):
        make.open_gate(home, line=str(n))
    reader = fresh(home.grace)
    with django_assert_max_num_queries(6):
        page = gates.inbox_for(reader)
    assert len(page.rows) == number
    counter = fresh(home.grace)
    with django_assert_max_num_queries(4):
        assert gates.waiting_count_for(counter) == number


@pytest.mark.parametrize("number", [1, 12])
def test_the_page_of_a_gate_takes_a_fixed_number_of_queries(
    home: make.House, number: int, django_assert_max_num_queries: Any
) -> None:
    gate = make.open_gate(home, exhibits=[finding(home) for _ in range(number)])
    reader = fresh(home.grace)
    with django_assert_max_num_queries(8):
        gates.gate_for(reader, gate.pk)


def test_a_suspended_agents_gate_still_shows(home: make.House) -> None:
    gate = make.open_gate(home)
    agents.suspend(agent=home.scout, person=home.ada, reason="Stop.")
    assert gates.gate_for(home.grace, gate.pk).requester.agent_name == "Scout"
