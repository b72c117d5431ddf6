"""Reading: by cursor, for those who may, in few queries."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit import registry
from audit.models import Event
from audit.selectors.events import LogPage, StreamPage, events_for, page_for
from audit.selectors.filters import FilterError, Filters
from audit.services.events import record, recording
from audit.types import Actor, ObjectRef, StreamKey
from governance.models import Person
from tests.audit.conftest import Sight
from tests.factories.audit import NOTED, note

ONE = StreamKey("note", "1")


@pytest.fixture
def ada(db: None) -> Person:
    return Person.objects.create(username="ada")


def page(person: object, **conditions: str) -> LogPage:
    found = page_for(person, Filters.parse(conditions))
    assert found is not None
    return found


def whats(found: LogPage | StreamPage) -> list[Any]:
    rows = found.rows if isinstance(found, LogPage) else found.events
    return [row.payload["what"] for row in rows]


def test_a_stream_is_read_after_a_cursor(ada: Person, sight: Sight) -> None:
    sight.names.add("note:1")
    for what in range(5):
        note("note:1", what)
    found = events_for(ada, ONE, after=2, limit=2)
    assert found is not None
    assert (found.stream, found.head) == ("note:1", 5)
    assert [(row.seq, row.payload, row.sentence) for row in found.events] == [
        (3, {"what": 2}, "Somebody noted 2."),
        (4, {"what": 3}, "Somebody noted 3."),
    ]


def test_absent_and_forbidden_streams_are_the_same(ada: Person, sight: Sight) -> None:
    note("note:1")
    sight.names.add("note:2")
    assert events_for(ada, ONE) is None
    assert events_for(ada, StreamKey("note", "2")) is None
    assert events_for(ada, StreamKey("unheard", "1")) is None
    assert events_for(object(), ONE) is None


def test_the_log_is_read_newest_first_over_the_domains_of_the_reader(
    ada: Person, sight: Sight
) -> None:
    sight.domains.update({"d1", "d2"})
    for what, domain in enumerate(["d1", "d2", "d3", ""]):
        note(what=what, domain_id=domain)
    assert whats(page(ada)) == [1, 0]


def test_nobody_reads_the_log_unless_someone_says_so(
    ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    note(domain_id="d1")
    monkeypatch.setattr(registry, "_readers", [])
    assert page_for(ada, Filters()) is None


def test_pages_follow_each_other_without_gap_or_repetition(ada: Person, sight: Sight) -> None:
    sight.domains.add("d1")
    for what in range(7):
        note(what=what, domain_id="d1")
    seen, before = [], None
    while True:
        found = page_for(ada, Filters(), before=before, limit=3)
        assert found is not None
        seen += whats(found)
        note(what="later", domain_id="d1")
        if (before := found.next) is None:
            break
    assert seen == [6, 5, 4, 3, 2, 1, 0]


@pytest.fixture
def varied(ada: Person, sight: Sight, monkeypatch: pytest.MonkeyPatch) -> Person:
    """Three events that differ in everything."""
    monkeypatch.setitem(registry._event_types, "test.told", registry.EventType("test.told", "x"))
    sight.domains.add("d1")
    with recording():
        for stream, type, actor, object, what in (
            ("note:1", NOTED, Actor.person("p1"), ObjectRef("note", "7"), 'say "tea"'),
            ("note:1", "test.told", Actor.agent("a1"), ObjectRef("note", "8"), "Überraschung"),
            ("note:2", NOTED, Actor.system("steward"), None, {"deep": ["coffee 100%"]}),
        ):
            record(
                stream=StreamKey.parse(stream),
                type=type,
                actor=actor,
                domain_id="d1",
                object=object,
                payload={"what": what},
            )
    return ada


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, [3, 2, 1]),
        ({"actor": "person:"}, [1]),
        ({"actor": "agent:a1"}, [2]),
        ({"actor": "a1"}, [2]),
        ({"actor": "person:a1"}, []),
        ({"type": NOTED}, [3, 1]),
        ({"type": "test."}, [3, 2, 1]),
        ({"type": "gate."}, []),
        ({"object": "note:8"}, [2]),
        ({"object": "7"}, [1]),
        ({"object": "note:"}, [2, 1]),
        ({"stream": "note:2"}, [3]),
        ({"text": 'say "tea"'}, [1]),
        ({"text": "Überraschung"}, [2]),
        ({"text": "COFFEE"}, [3]),
        ({"text": "100%"}, [3]),
        ({"text": "100_"}, []),
        ({"since": "2020-01-01"}, [3, 2, 1]),
        ({"until": "2020-01-01T10:00"}, []),
        ({"since": "2020-01-01T00:00:00+02:00", "type": "test.told", "text": "x"}, []),
    ],
)
def test_every_filter_narrows(
    varied: Person, conditions: dict[str, str], expected: list[int]
) -> None:
    numbers = {
        pk: i for i, pk in enumerate(Event.objects.order_by("pk").values_list("pk", flat=True), 1)
    }
    assert [numbers[row.id] for row in page(varied, **conditions).rows] == expected


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("actor", "a b"),
        ("object", "a:b:c"),
        ("type", "DROP TABLE"),
        ("stream", "note"),
        ("text", "x" * 201),
        ("text", "\0"),
        ("since", "yesterday"),
        ("until", "2026-13-45"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused_by_name(field: str, value: str) -> None:
    with pytest.raises(FilterError) as refusal:
        Filters.parse({field: value})
    assert refusal.value.field == field


def test_names_and_links_are_looked_up_once_per_page(
    varied: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[set[str]] = []

    def names(ids: Collection[str]) -> Mapping[str, str]:
        asked.append(set(ids))
        return {"7": "Note seven"}

    monkeypatch.setitem(registry._labels, "note", names)
    monkeypatch.setitem(registry._links, "note", "/notes/{}/".format)
    third, second, first = page(varied).rows
    assert asked == [{"7", "8"}]
    assert first.object is not None
    assert second.object is not None
    assert (first.object.label, first.object.link) == ("Note seven", "/notes/7/")
    assert (second.object.label, third.object) == ("8", None)
    assert (third.actor.label, second.actor.label) == ("steward", "a1")


@pytest.mark.parametrize("count", [1, 40])
def test_a_page_takes_as_many_queries_for_many_events_as_for_one(
    ada: Person, sight: Sight, count: int
) -> None:
    sight.names.add("note:1")
    sight.domains.add("d1")
    for _ in range(count):
        note(domain_id="d1")
    assert queries_of(lambda: page(ada)) == 1
    assert queries_of(lambda: events_for(ada, ONE)) == 2


def queries_of(read: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as queries:
        read()
    return len(queries)


def test_an_event_whose_type_is_not_known_any_more_is_still_shown(
    ada: Person, sight: Sight, monkeypatch: pytest.MonkeyPatch
) -> None:
    sight.domains.add("d1")
    note(domain_id="d1")
    monkeypatch.setattr(registry, "_event_types", {})
    assert [row.sentence for row in page(ada).rows] == [NOTED]


def test_a_sentence_says_a_list_as_its_items() -> None:
    asked = registry.EventType("x", "asked {whom}").describe({"whom": ["Ada", "Grace"]})
    assert asked == "asked Ada, Grace"


def test_a_sentence_without_its_fields_shows_dashes() -> None:
    assert registry.EventType("x", "{a} told {b}").describe({"a": "Ada"}) == "Ada told \N{EM DASH}"
    assert registry.EventType("x", "{a:d}").describe({"a": "text"}) == "x"
    assert registry.EventType("x", lambda payload: payload["a"] + 1).describe({"a": "t"}) == "x"
