import uuid
from pathlib import Path
from typing import Any

import pytest

from audit.canonical import digest
from governance.adapters import ExhibitDraft
from governance.models import Exhibit
from governance.refusals import Invalid
from governance.services import exhibits
from tests.factories import governance as make
from tests.factories.audit import AppendFailedError, failing_append, recorded

pytestmark = pytest.mark.django_db


@pytest.fixture
def home(tmp_path: Path) -> make.House:
    return make.house(tmp_path)


def attach(home: make.House, content: dict[str, Any], **fields: Any) -> Exhibit:
    draft = ExhibitDraft("Findings", "findings", content, "tool", "abc")
    where = {"run_id": None, "step_path": "style", "agent": None, **fields}
    return exhibits.attach(domain=home.domain, draft=draft, **where)


def test_an_exhibit_is_kept_by_digest(home: make.House) -> None:
    run_id = uuid.uuid4()
    exhibit = attach(home, {"findings": ["é"]}, run_id=run_id)
    assert exhibit.digest == digest({"findings": ["é"]})
    assert (exhibit.trust, exhibit.subject) == ("tool", "abc")
    assert recorded(f"run:{run_id}") == ["exhibit.attached"]


def test_what_an_agent_attaches_is_an_agents_word(home: make.House) -> None:
    assert attach(home, {}, agent=home.scout).trust == "agent"


@pytest.mark.parametrize(
    "content",
    [
        {"text": "nul\0"},
        {"deep": [{"text": "a\\\\\0"}]},
        {"text": "x" * 2_000_001},
        {"number": float("nan")},
        {"number": 2**60},
        {"text": "\ud800"},
    ],
)
def test_what_cannot_be_kept_as_it_is_is_refused(
    home: make.House, content: dict[str, Any]
) -> None:
    with pytest.raises(Invalid) as caught:
        attach(home, content)
    assert caught.value.code == "invalid_exhibit"
    assert not Exhibit.objects.exists()


def test_a_backslash_before_u0000_is_only_text(home: make.House) -> None:
    assert attach(home, {"text": "\\u0000"}).content == {"text": "\\u0000"}


def test_an_exhibit_whose_event_fails_is_not_kept(home: make.House) -> None:
    with failing_append(), pytest.raises(AppendFailedError):
        attach(home, {})
    assert not Exhibit.objects.exists()


@pytest.mark.parametrize(
    "limit", [("RUN_EXHIBITS", 3), ("RUN_BYTES", 100)], ids=["number", "bytes"]
)
def test_the_turns_of_one_run_share_one_room(
    home: make.House, limit: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exhibits, *limit)
    draft = ExhibitDraft("Findings", "findings", {"text": "x" * 20}, "agent", "")
    run_id = uuid.uuid4()

    def turn(run_id: uuid.UUID) -> None:
        exhibits.attach_turn(
            domain=home.domain,
            run_id=run_id,
            step_path="style",
            agent=home.scout,
            drafts=[draft, draft],
        )

    turn(run_id)
    with pytest.raises(Invalid) as caught:
        turn(run_id)
    assert caught.value.code == "too_much_attached"
    assert Exhibit.objects.count() == 2
    assert recorded(f"run:{run_id}") == ["exhibit.attached"] * 2
    turn(uuid.uuid4())
    assert Exhibit.objects.count() == 4
