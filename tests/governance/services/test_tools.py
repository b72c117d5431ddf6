from pathlib import Path
from typing import Any

import pytest

from governance.models import Tool
from governance.refusals import Invalid
from tests.factories import governance as make
from tests.factories.audit import AppendFailedError, failing_append, recorded, size_of_the_log

pytestmark = pytest.mark.django_db


@pytest.fixture
def home(tmp_path: Path) -> make.House:
    return make.house(tmp_path)


def test_the_same_tool_again_changes_nothing(home: make.House) -> None:
    before = size_of_the_log()
    assert make.ledger_tool(home.domain) == home.tool
    assert size_of_the_log() == before


def test_a_changed_schema_has_another_digest_and_an_event(home: make.House) -> None:
    changed = make.ledger_tool(home.domain, schema={**home.tool.schema, "title": "New"})
    assert changed.schema_digest != home.tool.schema_digest
    assert Tool.objects.count() == 1
    assert recorded(f"policy:{home.domain.pk}").count("tool.registered") == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"schema": {"type": "object"}},
        {"schema": {"type": "object", "additionalProperties": True}},
        {"schema": {"type": "string", "additionalProperties": False}},
        {"schema": {"type": "objekt", "additionalProperties": False}},
        {"schema": {}},
        {"risk": "none"},
        {"reversibility": "perhaps"},
    ],
)
def test_a_tool_that_would_let_anything_through_is_refused(
    home: make.House, fields: dict[str, Any]
) -> None:
    before = size_of_the_log()
    with pytest.raises(Invalid) as caught:
        make.ledger_tool(home.domain, **{"slug": "other", **fields})
    assert caught.value.code == "invalid_tool"
    assert Tool.objects.count() == 1
    assert size_of_the_log() == before


def test_a_registration_whose_event_fails_leaves_nothing(home: make.House) -> None:
    with failing_append(), pytest.raises(AppendFailedError):
        make.ledger_tool(home.domain, slug="other")
    assert Tool.objects.count() == 1
