import re
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from governance.adapters import ExhibitDraft
from governance.models import Decision, Exhibit, Gate, Review, Warrant
from governance.selectors.gate_view import ExhibitView
from governance.services import agents, exhibits
from governance.views.exhibits import shown
from tests.factories import governance as make
from tests.governance.views.conftest import signed_in

GATE_QUERIES = 14
HTMX = {"HX-Request": "true"}


def page_of(client: Client, gate: Gate) -> str:
    return client.get(reverse("gate", args=[gate.pk])).text


def field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, name
    return found[1]


def send(client: Client, gate: Gate, page: str, verb: str = "approve", **more: Any) -> Any:
    form = {
        "verb": verb,
        "comment": "Read it.",
        "stamp": field(page, "stamp"),
        "key": field(page, "key"),
    }
    return client.post(reverse("gate-review", args=[gate.pk]), form, **more)


def nothing_happened() -> bool:
    return not (Review.objects.exists() or Decision.objects.exists() or Warrant.objects.exists())


def test_the_page_shows_every_block_in_the_order_a_reviewer_needs(
    home: make.House, gate: Gate
) -> None:
    page = page_of(signed_in(home.grace), gate)
    blocks = [
        gate.sentence,
        "High risk",
        "Can be compensated",
        "The new line",
        "Exactly this, and nothing else",
        "Only while this stays as it is",
        "How it can be undone",
        "Why it stopped here",
        "gate.guarded",
        "Who asks",
        "The agent's own reason",
        "It belongs there.",
        "Decision",
        "Deadline",
        "Can decide: Grace",
        "nothing is done",
    ]
    places = [page.find(block, page.find("<main")) for block in blocks]
    assert [b for b, at in zip(blocks, places, strict=True) if at < 0] == []
    assert places == sorted(places)


def test_what_is_pinned_is_called_as_people_call_it_with_the_machines_word_beside_it(
    home: make.House, gate: Gate
) -> None:
    page = page_of(signed_in(home.grace), gate)
    assert 'What is in it now <code class="facts__name">content</code>' in page
    assert "<dt>Guarded</dt>" in page
    assert '<code class="facts__name">guarded' not in page


def test_a_few_computed_values_are_shown_as_words_and_anything_deeper_as_it_is() -> None:
    flat = {"isolated_now": False, "lines": 3}
    views = [
        ExhibitView(
            id="1",
            name="Seen",
            kind="data",
            trust=trust,
            agent_name="",
            subject="",
            stale=False,
            truncated=False,
            digest="0" * 64,
            content=content,
        )
        for trust, content in (("tool", flat), ("agent", flat), ("tool", {"text": "a\nb"}))
    ]
    assert [one.template for one in shown(views)] == [
        "gates/values.html",
        "gates/data.html",
        "gates/data.html",
    ]
    assert [(value.label, value.value) for value in shown(views)[0].more] == [
        ("Isolated now", "no"),
        ("Lines", "3"),
    ]


def test_reading_costs_a_fixed_number_of_queries_and_writes_nothing(
    home: make.House, gate: Gate, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    grace = signed_in(home.grace)
    with django_assert_num_queries(GATE_QUERIES) as captured:
        page_of(grace, gate)
    assert all(query["sql"].lstrip("(").startswith("SELECT") for query in captured)


def test_what_an_agent_wrote_says_so_and_what_was_computed_says_so(home: make.House) -> None:
    found = exhibits.attach(
        domain=home.domain,
        run_id=None,
        step_path="style",
        agent=home.scout,
        draft=ExhibitDraft(
            "Style", "findings", {"findings": [{"message": "Long line", "odd": "kept"}]}, "tool"
        ),
    )
    page = page_of(signed_in(home.grace), make.open_gate(home, exhibits=[found]))
    assert page.count("Computed by Countersign") == 1
    style = page[page.index(f'id="finding-{found.pk}"') :]
    assert style.index("Written by an agent, not verified") < style.index("Long line")
    assert "kept" in style


def test_approving_without_javascript_decides_and_comes_back(home: make.House, gate: Gate) -> None:
    grace = signed_in(home.grace)
    answer = send(grace, gate, page_of(grace, gate))
    assert (answer.status_code, answer.headers["Location"]) == (
        302,
        reverse("gate", args=[gate.pk]),
    )
    page = page_of(grace, gate)
    assert "You approved this." in page
    assert "By Grace" in page
    assert 'name="verb"' not in page
    assert Review.objects.get().comment == "Read it."


def test_with_htmx_only_the_panel_answers(home: make.House, gate: Gate) -> None:
    grace = signed_in(home.grace)
    answer = send(grace, gate, page_of(grace, gate), "reject", headers=HTMX)
    assert answer.status_code == 200
    assert answer.text.lstrip().startswith('<section id="decide"')
    assert "You rejected this. Nothing is done." in answer.text


def test_the_loser_of_two_reads_who_was_first(home: make.House, gate: Gate) -> None:
    heidi = make.member("heidi", home.domain)
    first, second = signed_in(home.grace), signed_in(heidi)
    late = page_of(second, gate)
    send(first, gate, page_of(first, gate))
    answer = send(second, gate, late, "reject", headers=HTMX)
    assert answer.status_code == 409
    assert "Already decided by Grace" in answer.text
    assert Review.objects.count() == 1
    whole = send(second, gate, late, "reject")
    assert whole.status_code == 409
    assert "<html" in whole.text


def test_sending_the_same_form_twice_is_one_review(home: make.House, gate: Gate) -> None:
    grace = signed_in(home.grace)
    page = page_of(grace, gate)
    answers = [send(grace, gate, page, headers=HTMX).status_code for _ in range(2)]
    assert answers == [200, 200]
    assert Review.objects.count() == 1


def test_the_initiator_and_the_owner_read_why_and_get_no_form(
    home: make.House, gate: Gate
) -> None:
    for person in (home.ines, home.ada):
        page = page_of(signed_in(person), gate)
        assert "You cannot decide this one" in page
        assert 'name="verb"' not in page
        assert "data-decidebar" not in page


def test_the_initiator_posting_by_hand_is_refused_and_nothing_happens(
    home: make.House, gate: Gate
) -> None:
    form = {"verb": "approve", "stamp": make.stamp_for(gate, home.ines), "key": "k"}
    address = reverse("gate-review", args=[gate.pk])
    answer = signed_in(home.ines).post(address, form, headers=HTMX)
    assert answer.status_code == 403
    assert "Not sent" in answer.text
    assert nothing_happened()


def test_a_stranger_and_somebody_of_another_domain_find_no_gate(
    home: make.House, gate: Gate
) -> None:
    assert Client().get(reverse("gate", args=[gate.pk])).status_code == 302
    for name in ("gate", "gate-strip"):
        answer = signed_in(home.mallory).get(reverse(name, args=[gate.pk]))
        assert answer.status_code == 404
        assert gate.sentence not in answer.text


def test_an_expired_gate_says_so_and_refuses_with_410(home: make.House, gate: Gate) -> None:
    grace = signed_in(home.grace)
    page = page_of(grace, gate)
    Gate.objects.update(expires_at=Now() - timedelta(seconds=1))
    answer = send(grace, gate, page, headers=HTMX)
    assert answer.status_code == 410
    assert "Too late" in answer.text
    assert "Nobody decided in time" in page_of(grace, gate)
    assert nothing_happened()


def test_a_stamp_of_something_else_asks_to_read_again(home: make.House, gate: Gate) -> None:
    grace = signed_in(home.grace)
    page = page_of(grace, gate)
    Gate.objects.update(epoch=2)
    answer = send(grace, gate, page, headers=HTMX)
    assert answer.status_code == 412
    assert "What you saw has changed" in answer.text
    assert 'name="verb"' not in answer.text
    assert nothing_happened()


def test_a_refusal_keeps_the_comment(home: make.House, gate: Gate) -> None:
    grace = signed_in(home.grace)
    answer = send(grace, gate, page_of(grace, gate), "maybe", headers=HTMX)
    assert answer.status_code == 422
    assert ">Read it.</textarea>" in answer.text
    assert nothing_happened()


def test_what_cannot_be_shown_whole_can_only_be_rejected(home: make.House) -> None:
    cut = ExhibitDraft("Diff", "diff", {"truncated": True, "files": []}, "tool")
    exhibit = exhibits.attach(domain=home.domain, run_id=None, step_path="", agent=None, draft=cut)
    page = page_of(signed_in(home.grace), make.open_gate(home, exhibits=[exhibit]))
    assert "Not everything can be shown" in page
    assert 'value="reject"' in page
    assert 'value="approve"' not in page
    assert 'data-arm="approve"' not in page


def test_the_strip_alone_says_where_the_gate_stands(home: make.House, gate: Gate) -> None:
    grace = signed_in(home.grace)
    address = reverse("gate-strip", args=[gate.pk])
    assert 'data-gate-state="pending"' in grace.get(address).text
    make.review(gate, home.grace)
    after = grace.get(address).text
    assert 'data-gate-state="approved"' in after
    assert "<html" not in after


def test_a_suspended_agent_stays_readable(home: make.House, gate: Gate) -> None:
    agents.suspend(agent=home.scout, person=home.ada, reason="It is under review.")
    assert gate.sentence in page_of(signed_in(home.grace), gate)


@pytest.mark.parametrize("view", ["unified", "split"])
def test_the_diff_can_be_chosen_by_address(home: make.House, gate: Gate, view: str) -> None:
    answer = signed_in(home.grace).get(reverse("gate", args=[gate.pk]), {"diff": view})
    assert answer.context["diff_view"] == view


def many(number: int, trust: str, **more: Any) -> ExhibitDraft:
    findings = [{"message": f"Number {n}."} for n in range(number)]
    return ExhibitDraft("Many", "findings", {"findings": findings, **more}, trust)


def attached(home: make.House, *drafts: ExhibitDraft) -> list[Exhibit]:
    return [
        exhibits.attach(
            domain=home.domain,
            run_id=None,
            step_path="style",
            agent=home.scout if draft.trust == "agent" else None,
            draft=draft,
        )
        for draft in drafts
    ]


def test_an_agents_flood_is_cut_on_the_page_says_so_and_is_read_in_parts(
    home: make.House,
) -> None:
    flood = many(20_000, "agent")
    found = attached(home, flood, flood)
    gate = make.open_gate(home, exhibits=found)
    grace = signed_in(home.grace)
    page = page_of(grace, gate)
    assert len(page) < 1_000_000
    assert page.count("19800 more, not shown here.") == 2
    assert "Number 199." in page
    assert "Number 200." not in page
    assert 'value="approve"' in page
    address = reverse("gate-exhibit", args=[gate.pk, found[0].pk])
    assert f'href="{address}"' in page
    assert "Number 199." in grace.get(address).text
    second = grace.get(address, {"part": "2"}).text
    assert "Number 200." in second
    assert "Number 199." not in second
    assert "Part 2 of 100" in second


def test_all_that_agents_attached_has_one_room_on_the_page(home: make.House) -> None:
    page = page_of(
        signed_in(home.grace),
        make.open_gate(home, exhibits=attached(home, *[many(200, "agent")] * 5)),
    )
    assert page.count("Number 199.") == 3
    assert page.count("200 more, not shown here.") == 2
    assert "Nothing found." not in page


@pytest.mark.parametrize(
    "content",
    [
        {"findings": [{"message": "\u200b" * 50_000}]},
        {"findings": [{str(n): "x" for n in range(50_000)}]},
        {"findings": [], **{str(n): "x" for n in range(50_000)}},
        {"text": "\u200b" * 100_000},
        {str(n): "x" for n in range(50_000)},
    ],
    ids=["one message", "one finding", "beside findings", "one text", "many keys"],
)
def test_nothing_an_agent_attaches_floods_the_page_by_another_shape(
    home: make.House, content: dict[str, Any]
) -> None:
    found = attached(home, ExhibitDraft("Odd", "findings", content, "agent"))
    page = page_of(signed_in(home.grace), make.open_gate(home, exhibits=found))
    assert len(page) < 500_000
    assert "not shown here." in page


def test_computed_findings_that_are_not_all_on_the_page_can_only_be_rejected(
    home: make.House,
) -> None:
    grace = signed_in(home.grace)
    whole = page_of(grace, make.open_gate(home, exhibits=attached(home, many(200, "tool"))))
    assert 'value="approve"' in whole
    page = page_of(grace, make.open_gate(home, exhibits=attached(home, many(201, "tool"))))
    assert "1 more, not shown here." in page
    assert 'value="reject"' in page
    assert 'value="approve"' not in page


def test_the_parts_of_an_exhibit_are_only_for_who_sees_its_gate(
    home: make.House, gate: Gate
) -> None:
    other = attached(home, many(1, "agent"))[0]
    mine = gate.exhibits.get()
    address = reverse("gate-exhibit", args=[gate.pk, mine.pk])
    assert signed_in(home.grace).get(address).status_code == 200
    assert signed_in(home.mallory).get(address).status_code == 404
    assert Client().get(address).status_code == 302
    for odd in ("0", "2", "-1", "x", "9" * 30, "²"):
        assert signed_in(home.grace).get(address, {"part": odd}).status_code == 404
    strange = reverse("gate-exhibit", args=[gate.pk, other.pk])
    assert signed_in(home.grace).get(strange).status_code == 404
