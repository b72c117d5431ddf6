"""The log over HTTP: cursors, filters and one answer for absent and forbidden."""

from typing import Any

import pytest
from django.test import Client

from governance.models import Person
from tests.audit.conftest import Sight
from tests.factories.audit import note


@pytest.fixture
def ada(db: None, client: Client) -> Person:
    """Ada, signed in as `client`."""
    person = Person.objects.create(username="ada")
    client.force_login(person, "django.contrib.auth.backends.ModelBackend")
    return person


def get(client: Client, path: str, **query: Any) -> tuple[int, dict[str, Any]]:
    response = client.get(f"/api/v1/{path}/", query)
    return response.status_code, response.json()


def test_a_stream_is_read_by_cursor_until_its_head(
    client: Client, ada: Person, sight: Sight
) -> None:
    sight.names.add("note:1")
    for what in range(3):
        note("note:1", what)
    status, body = get(client, "events", stream="note:1", after=1, limit=1)
    assert (status, body["stream"], body["head"]) == (200, "note:1", 3)
    (event,) = body["events"]
    assert event.keys() == {
        *("seq", "type", "time", "actor", "object", "sentence", "payload", "hash")
    }
    assert (event["seq"], event["type"], event["payload"]) == (2, "test.noted", {"what": 1})
    assert event["actor"] == {"kind": "system", "id": "test", "label": "test", "link": ""}
    assert event["sentence"] == "Somebody noted 1."


@pytest.mark.parametrize("stream", ["note:2", "note:3", "other:1", "nonsense", "note:../1"])
def test_an_absent_and_a_forbidden_stream_are_both_404(
    client: Client, ada: Person, sight: Sight, stream: str
) -> None:
    sight.names.update({"note:1", "note:3"})
    note("note:1")
    note("note:2")
    status, body = get(client, "events", stream=stream)
    assert (status, body["code"]) == (404, "not_found")
    body.pop("trace_id")
    absent = get(client, "events", stream="note:4")[1]
    absent.pop("trace_id")
    assert body == absent


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"stream": "note:1", "after": -1},
        {"stream": "note:1", "after": "x"},
        {"stream": "note:1", "after": 2**63},
        {"stream": "note:1", "limit": 501},
    ],
)
def test_a_parameter_that_makes_no_sense_is_422(
    client: Client, ada: Person, sight: Sight, query: dict[str, Any]
) -> None:
    sight.names.add("note:1")
    assert get(client, "events", **query)[0] == 422


@pytest.mark.parametrize("path", ["events", "audit"])
def test_nobody_reads_without_signing_in(client: Client, db: None, path: str) -> None:
    assert get(client, path, stream="note:1")[0] in (401, 403)


def test_the_list_has_the_events_of_readable_domains_newest_first(
    client: Client, ada: Person, sight: Sight
) -> None:
    sight.domains.add("d1")
    for what in range(3):
        note(what=what, domain_id="d1")
    note(what="hidden", domain_id="d2")
    status, first = get(client, "audit", limit=2)
    assert status == 200
    assert [event["payload"]["what"] for event in first["events"]] == [2, 1]
    assert first["events"][0]["stream"] == "note:1"
    _, second = get(client, "audit", limit=2, before=first["next"])
    assert [event["payload"]["what"] for event in second["events"]] == [0]
    assert second["next"] is None


def test_the_list_is_filtered(client: Client, ada: Person, sight: Sight) -> None:
    sight.domains.add("d1")
    note(what="tea", domain_id="d1")
    note(what="coffee", domain_id="d1")
    _, body = get(client, "audit", text="tea", actor="", type="test.")
    assert [event["payload"]["what"] for event in body["events"]] == ["tea"]


def test_a_filter_that_makes_no_sense_is_named(client: Client, ada: Person, sight: Sight) -> None:
    sight.domains.add("d1")
    status, body = get(client, "audit", since="yesterday")
    assert status == 422
    assert [error["pointer"] for error in body["errors"]] == ["/since"]


def test_whoever_reads_no_domain_is_refused(client: Client, ada: Person, sight: Sight) -> None:
    note(domain_id="d1")
    assert get(client, "audit")[0] == 403
