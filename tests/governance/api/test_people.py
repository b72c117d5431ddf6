from datetime import timedelta

from rest_framework.test import APIClient

from governance.models import Domain, Person, Token
from governance.services import tokens
from tests.factories import identity
from tests.factories.audit import size_of_the_log


def test_me_says_what_i_may_do(api: APIClient, grace: Person) -> None:
    me = api.get("/api/v1/me/").json()

    assert (me["name"], me["username"], me["domain"]) == ("Grace", "grace", "acme")
    assert "review_gates" in me["permissions"]


def test_a_token_is_shown_once_works_and_can_be_revoked(api: APIClient) -> None:
    made = api.post("/api/v1/tokens/", {"name": "laptop", "days": 7}).json()
    bearer = APIClient(HTTP_AUTHORIZATION=f"Bearer {made['token']}")

    assert bearer.get("/api/v1/me/").status_code == 200
    [listed] = api.get("/api/v1/tokens/").json()
    assert listed["id"] == made["id"]
    assert "token" not in listed
    assert bearer.delete(f"/api/v1/tokens/{made['id']}/").status_code == 204
    assert bearer.get("/api/v1/me/").status_code == 401
    assert api.get("/api/v1/tokens/").json() == []


def test_a_token_cannot_make_another(grace: Person) -> None:
    _token, text = tokens.issue(
        person=grace, name="x", ttl=timedelta(hours=1), actor=identity.SYSTEM
    )
    stolen = APIClient(HTTP_AUTHORIZATION=f"Bearer {text}")

    answer = stolen.post("/api/v1/tokens/", {"name": "mine", "days": 90})

    assert (answer.status_code, answer.json()["code"]) == (403, "session_required")
    assert Token.objects.count() == 1


def test_a_wrong_request_for_a_token_names_the_places(api: APIClient) -> None:
    before = size_of_the_log()

    answer = api.post("/api/v1/tokens/", {"days": 91, "scope": "all"})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert {error["pointer"] for error in answer.json()["errors"]} == {"/scope"}
    answer = api.post("/api/v1/tokens/", {"days": 91})
    assert {error["pointer"] for error in answer.json()["errors"]} == {"/name", "/days"}
    assert not Token.objects.exists()
    assert size_of_the_log() == before


def test_nobody_sees_or_revokes_the_token_of_another(api: APIClient, grace: Person) -> None:
    heidi = identity.member(Domain.objects.get(), grace)
    token, _text = tokens.issue(
        person=heidi, name="x", ttl=timedelta(hours=1), actor=identity.SYSTEM
    )

    assert api.get("/api/v1/tokens/").json() == []
    assert api.delete(f"/api/v1/tokens/{token.pk}/").status_code == 404
    assert Token.objects.get().revoked_at is None
