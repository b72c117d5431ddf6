"""The sentences and the viewers of what deciding records."""

import uuid
from pathlib import Path

import pytest

from audit import registry
from audit.types import StreamKey
from governance.models import Exhibit
from tests.factories import governance as make
from tests.factories.audit import recorded

pytestmark = pytest.mark.django_db


@pytest.fixture
def home(tmp_path: Path) -> make.House:
    return make.house(tmp_path)


def words(type: str, **payload: object) -> str:
    return registry.event_type(type).describe(payload)


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({"outcome": "allow"}, "Policy allowed it"),
        (
            {"outcome": "require_approval", "reasons": ["protected_branch"]},
            "Policy asks for people: The target branch is protected.",
        ),
        (
            {"outcome": "deny", "reasons": ["no_grant", "made_up.here"]},
            "Policy denied it: No policy permits this. Made up here.",
        ),
        ({}, "Policy denied it: "),
    ],
)
def test_a_verdict_is_told_with_its_reasons(payload: dict[str, object], said: str) -> None:
    assert words("verdict.given", **payload) == said


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({"label": "Approved", "by": "Grace"}, "Approved by Grace"),
        ({"label": "Expired"}, "Expired"),
        ({"label": "Cancelled", "reason": "The run ended."}, "Cancelled: The run ended."),
    ],
)
def test_a_decision_is_told_with_who_and_why(payload: dict[str, object], said: str) -> None:
    assert words("gate.decided", **payload) == said


def test_every_event_of_a_whole_life_has_words(home: make.House) -> None:
    make.performed(make.approved(home))
    for type in recorded():
        assert registry.event_type(type).describe({})


def test_only_people_of_the_domain_see_its_streams_and_lists(home: make.House) -> None:
    action = make.open_gate(home).action
    exhibit = Exhibit.objects.get()
    for key in (StreamKey("action", str(action.pk)), StreamKey("exhibit", str(exhibit.pk))):
        assert registry.may_view_stream(home.grace, key)
        assert not registry.may_view_stream(home.mallory, key)
    assert registry.may_view_list(home.grace, "gates", str(home.domain.pk))
    assert not registry.may_view_list(home.mallory, "gates", str(home.domain.pk))


@pytest.mark.parametrize("kind", ["action", "exhibit"])
@pytest.mark.parametrize(
    "object_id", [str(uuid.uuid4()), "not-an-id"], ids=["unknown", "malformed"]
)
def test_what_does_not_exist_is_nobodys(home: make.House, kind: str, object_id: str) -> None:
    assert not registry.may_view_stream(home.grace, StreamKey(kind, object_id))


def test_a_gate_has_a_page(home: make.House) -> None:
    gate = make.open_gate(home)
    assert registry.link_for("gate", str(gate.pk)) == f"/gates/{gate.pk}/"
