from pathlib import Path
from typing import Any

import pytest
from django.db.models import Model

from audit.canonical import digest
from governance.models import Agent, Gate, Person, Seat, Tool
from governance.presentation import MOST_FINDINGS, is_stale, present
from governance.selectors.whole_gate import WholeGate, whole
from tests.factories import governance as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def home(tmp_path: Path) -> make.House:
    return make.house(tmp_path)


@pytest.fixture
def gate(home: make.House) -> Gate:
    return make.open_gate(home)


def found(gate: Gate) -> WholeGate:
    seen = whole(gate.pk)
    assert seen is not None
    return seen


def test_the_same_gate_is_rendered_the_same(gate: Gate) -> None:
    first, again = found(gate).presentation, found(gate).presentation
    assert (first.block, first.digest) == (again.block, again.digest)
    assert first.digest == digest(first.block)


def test_the_block_holds_everything_the_page_shows(home: make.House, gate: Gate) -> None:
    block = found(gate).presentation.block
    assert set(block) >= {
        "sentence",
        "risk",
        "reversibility",
        "environment",
        "tool",
        "arguments",
        "pins",
        "policies",
        "obligations",
        "facts",
        "requester",
        "compensation",
        "seats",
        "exhibits",
        "expires_at",
        "rationale",
        "delta_of",
        "action_digest",
        "missing",
    }
    assert block["requester"]["initiator"] == {"id": str(home.ines.pk), "name": "Ines"}
    assert block["exhibits"][0]["digest"] == gate.exhibits.get().digest


CHANGES: dict[str, tuple[type[Model], dict[str, Any]]] = {
    "the sentence": (Gate, {"sentence": "Something else"}),
    "the risk": (Gate, {"risk": "low"}),
    "the deadline": (Gate, {"expires_at": "2030-01-01T00:00:00Z"}),
    "the epoch": (Gate, {"epoch": 2}),
    "whether a comment is asked": (Gate, {"comment_required": True}),
    "how many must agree": (Seat, {"min_count": 2}),
    "who must be another": (Seat, {"distinct_from": []}),
    "what can be undone": (Tool, {"reversibility": "reversible"}),
    "what people are called": (Person, {"display_name": "Somebody else"}),
    "what the agent is called": (Agent, {"name": "Saint"}),
}


@pytest.mark.parametrize(("model", "change"), CHANGES.values(), ids=CHANGES.keys())
def test_any_change_of_what_is_shown_changes_the_digest(
    gate: Gate, model: type[Model], change: dict[str, Any]
) -> None:
    before = found(gate).presentation.digest
    model._default_manager.update(**change)
    assert found(gate).presentation.digest != before


def test_another_exhibit_changes_the_digest(gate: Gate) -> None:
    before = found(gate).presentation.digest
    gate.exhibits.clear()
    assert found(gate).presentation.digest != before


def test_another_persons_review_does_not_change_what_is_shown(home: make.House) -> None:
    make.member("sue", home.domain)
    make.bundle(home.domain, make.POLICIES.replace('@quorum("1")', '@quorum("2")'))
    gate = make.open_gate(home)
    before = found(gate).presentation.digest
    make.review(gate, home.grace)
    assert found(gate).presentation.digest == before


def test_what_is_missing_is_named(gate: Gate) -> None:
    seen = found(gate)
    cut = seen.exhibits[0]
    cut.content = {"truncated": True}
    assert present(seen.gate, seen.seats, [cut]).missing == (cut.name,)
    assert not present(seen.gate, seen.seats, [cut]).complete
    assert present(seen.gate, seen.seats, []).complete


def test_an_exhibit_without_a_subject_is_never_stale(gate: Gate) -> None:
    seen = found(gate)
    exhibit = seen.exhibits[0]
    assert not is_stale(exhibit, seen.gate)
    exhibit.subject = "older"
    assert is_stale(exhibit, seen.gate)
    exhibit.subject = ""
    assert not is_stale(exhibit, seen.gate)


def test_only_computed_findings_beyond_what_a_page_holds_are_missing(gate: Gate) -> None:
    seen = found(gate)
    exhibit = seen.exhibits[0]
    exhibit.content = {"findings": [{}] * (MOST_FINDINGS + 1)}
    exhibit.digest = digest(exhibit.content)
    assert present(seen.gate, seen.seats, [exhibit]).missing == (exhibit.name,)
    exhibit.trust = "agent"
    assert present(seen.gate, seen.seats, [exhibit]).complete
    exhibit.trust, exhibit.content = "tool", {"findings": [{}] * MOST_FINDINGS}
    exhibit.digest = digest(exhibit.content)
    assert present(seen.gate, seen.seats, [exhibit]).complete
