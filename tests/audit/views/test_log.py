"""The audit list: who sees it, how it is narrowed, and what a falsified row looks like."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit import registry
from audit.models import Event, Payload
from audit.types import Actor
from governance.models import Domain, Person
from governance.services import domains
from tests.factories.audit import note, unguarded


@pytest.fixture
def domain(db: None) -> Domain:
    return domains.found(slug="acme", name="Acme", actor=Actor.system("test"))


@pytest.fixture
def ada(client: Client, domain: Domain) -> Person:
    """Ada, who may read the log of the domain, signed in as `client`."""
    return signed_in(client, domain, "ada", ("read_audit",))


def signed_in(client: Client, domain: Domain, name: str, permissions: tuple[str, ...]) -> Person:
    person = Person.objects.create(username=name, display_name=name.title())
    domains.admit(domain=domain, person=person, permissions=permissions)
    client.force_login(person, "django.contrib.auth.backends.ModelBackend")
    return person


def shown(client: Client, address: str = "/audit/") -> str:
    response = client.get(address)
    assert response.status_code == 200, response
    return response.content.decode()


def test_the_list_says_what_happened(client: Client, ada: Person, domain: Domain) -> None:
    note(what="tea", domain_id=domain.pk)
    page = shown(client)
    assert "Somebody noted tea." in page
    assert "Domain Acme was created" in page
    assert page.index("Somebody noted tea.") < page.index("Domain Acme was created")


def test_whoever_may_not_read_the_log_is_refused(client: Client, domain: Domain) -> None:
    signed_in(client, domain, "grace", ("review_gates",))
    note(what="secret", domain_id=domain.pk)
    event = Event.objects.latest("pk")
    response = client.get("/audit/")
    assert response.status_code == 403
    assert "secret" not in response.content.decode()
    assert client.get(f"/audit/{event.pk}/").status_code == 404


def test_a_visitor_is_asked_to_sign_in(client: Client, db: None) -> None:
    assert client.get("/audit/").status_code == 302
    assert client.get("/audit/1/").status_code == 302


def test_other_domains_are_out_of_sight(client: Client, ada: Person) -> None:
    other = domains.found(slug="other", name="Other", actor=Actor.system("test"))
    note(what="hidden", domain_id=other.pk)
    event = Event.objects.latest("pk")
    assert "noted hidden" not in shown(client)
    assert client.get(f"/audit/{event.pk}/").status_code == 404


def test_the_filter_stands_in_the_address(client: Client, ada: Person, domain: Domain) -> None:
    note(what="tea", domain_id=domain.pk)
    note(what="coffee", domain_id=domain.pk)
    page = shown(client, "/audit/?text=tea&type=test.&actor=system:")
    assert "noted tea" in page
    assert "noted coffee" not in page
    assert 'value="tea"' in page
    assert '<option value="system:" selected>' in page


def test_an_address_may_name_one_actor(client: Client, ada: Person, domain: Domain) -> None:
    note(what="tea", domain_id=domain.pk)
    assert "noted tea" in shown(client, "/audit/?actor=system:test")
    assert "noted tea" not in shown(client, f"/audit/?actor=person:{ada.pk}")


@pytest.mark.parametrize("query", ["since=yesterday", "type=x.y", "object=a b", "stream=x"])
def test_a_filter_that_makes_no_sense_is_said_at_its_field(
    client: Client, ada: Person, domain: Domain, query: str
) -> None:
    note(what="tea", domain_id=domain.pk)
    response = client.get(f"/audit/?{query}")
    assert response.status_code == 422
    page = response.content.decode()
    assert "field__error" in page
    assert "noted tea" not in page


@pytest.mark.parametrize("before", ["", "x", "-1", "9" * 40, "٣"])
def test_a_cursor_that_makes_no_sense_is_the_first_page(
    client: Client, ada: Person, domain: Domain, before: str
) -> None:
    note(what="tea", domain_id=domain.pk)
    assert "noted tea" in shown(client, f"/audit/?before={before}")


def test_older_events_are_a_page_further(client: Client, ada: Person, domain: Domain) -> None:
    for number in range(55):
        note(what=f"<{number}>", domain_id=domain.pk)
    first = shown(client, "/audit/?type=test.")
    assert "noted &lt;54&gt;" in first
    assert "noted &lt;4&gt;" not in first
    oldest = Event.objects.filter(type="test.noted", seq=6).get()
    second = shown(client, f"/audit/?type=test.&before={oldest.pk}")
    assert f"?type=test.&amp;before={oldest.pk}" in first
    assert "noted &lt;4&gt;" in second


def test_an_event_has_a_page_with_what_its_hash_covers(
    client: Client, ada: Person, domain: Domain
) -> None:
    for what in ("tea", "coffee", "water"):
        note(what=what, domain_id=domain.pk)
    before, event, after = Event.objects.filter(type="test.noted").order_by("seq")
    page = shown(client, f"/audit/{event.pk}/")
    assert event.hash in page
    assert before.hash in page
    assert "Recomputed just now" in page
    assert "coffee" in page
    assert f'href="/audit/{before.pk}/"' in page
    assert f'href="/audit/{after.pk}/"' in page


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("audit_event SET actor_id = 'mallory' WHERE id", "columns: actor is"),
        ("audit_payload SET fields = '{}' WHERE event_id", "payload: its fields or salts"),
        ("audit_payload SET fields = 'nonsense' WHERE event_id", "payload: its fields or salts"),
    ],
)
def test_a_falsified_event_says_so(
    client: Client, ada: Person, domain: Domain, change: str, said: str
) -> None:
    note(what="tea", domain_id=domain.pk)
    event = Event.objects.latest("pk")
    with unguarded(Event, Payload):
        with connection.cursor() as cursor:
            cursor.execute(f"UPDATE {change} = {event.pk}")
        page = shown(client, f"/audit/{event.pk}/")
        assert "This event is not what was written" in page
        assert said in page
        assert shown(client)


def test_text_of_events_is_never_markup(client: Client, ada: Person, domain: Domain) -> None:
    note(what="<script>alert(1)</script>\u202e", domain_id=domain.pk)
    event = Event.objects.latest("pk")
    for address in ("/audit/", f"/audit/{event.pk}/", "/audit/?text=<script>"):
        page = shown(client, address)
        assert "<script>alert" not in page
        assert "\u202e" not in page


@pytest.mark.parametrize("count", [2, 40])
def test_the_list_takes_as_many_queries_for_many_events_as_for_few(
    client: Client, ada: Person, domain: Domain, count: int
) -> None:
    for _ in range(count):
        note(domain_id=domain.pk)
    shown(client)
    with CaptureQueriesContext(connection) as queries:
        shown(client)
    assert len(queries) <= 10, [query["sql"] for query in queries]


def test_people_and_agents_are_called_by_their_names(
    client: Client, ada: Person, domain: Domain
) -> None:
    assert registry.labels_for("person", {str(ada.pk)}) == {str(ada.pk): "Ada"}
    assert registry.labels_for("domain", {str(domain.pk), "x"}) == {str(domain.pk): "Acme"}
