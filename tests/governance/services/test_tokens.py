from datetime import timedelta

import pytest

from governance.credentials import fingerprint
from governance.models import Agent, Lifecycle, Person, Token
from governance.refusals import Invalid, Refusal
from governance.selectors.tokens import TokenRefused, holder_of, live_tokens_of
from governance.services import tokens
from tests.factories import identity
from tests.factories.audit import AppendFailedError, failing_append, recorded, size_of_the_log

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def issue_for(person: Person) -> tuple[Token, str]:
    return tokens.issue(person=person, name="laptop", ttl=DAY, actor=identity.SYSTEM)


def refusal_of(text: str) -> str:
    with pytest.raises(TokenRefused) as refused:
        holder_of(text)
    assert refused.value.status == 401
    return refused.value.code


def test_a_token_says_whose_kind_it_is_and_only_its_hash_is_kept() -> None:
    domain = identity.domain()
    grace = identity.first_person()

    token, text = issue_for(grace)

    assert text.startswith(f"cs_person_{token.pk.hex}_")
    assert token.secret_hash == fingerprint(text)
    assert holder_of(text).person == grace
    assert recorded(f"domain:{domain.pk}")[-1] == "token.issued"
    assert list(live_tokens_of(grace)) == [token]


def test_a_token_of_an_agent_is_the_agents() -> None:
    scout = identity.agent(identity.domain())

    _token, text = tokens.issue(agent=scout, name="ci", ttl=DAY, actor=identity.SYSTEM)

    assert text.startswith("cs_agent_")
    assert holder_of(text).agent == scout


@pytest.mark.parametrize(
    ("ttl", "name"),
    [
        (timedelta(), "laptop"),
        (-DAY, "laptop"),
        (timedelta(days=90, seconds=1), "laptop"),
        (DAY, " "),
        (DAY, "a\u202eb"),
        (DAY, "a" * 121),
    ],
)
def test_a_token_has_a_name_and_at_most_90_days(ttl: timedelta, name: str) -> None:
    identity.domain()
    grace = identity.first_person()
    before = size_of_the_log()

    with pytest.raises(Invalid):
        tokens.issue(person=grace, name=name, ttl=ttl, actor=identity.SYSTEM)

    assert not Token.objects.exists()
    assert size_of_the_log() == before


def test_a_token_belongs_to_exactly_one() -> None:
    scout = identity.agent(identity.domain())
    grace = identity.first_person()

    for holders in ({}, {"person": grace, "agent": scout}):
        with pytest.raises(Invalid):
            tokens.issue(name="x", ttl=DAY, actor=identity.SYSTEM, **holders)  # type: ignore[arg-type]  # wrong on purpose

    assert not Token.objects.exists()


def test_an_agent_out_of_service_gets_no_token() -> None:
    scout = identity.agent(identity.domain())
    scout.lifecycle = Lifecycle.SUSPENDED

    with pytest.raises(Refusal):
        tokens.issue(agent=scout, name="ci", ttl=DAY, actor=identity.SYSTEM)

    assert not Token.objects.exists()


def test_a_revoked_token_opens_nothing_and_is_revoked_once() -> None:
    domain = identity.domain()
    token, text = issue_for(identity.first_person())

    tokens.revoke(token=token, actor=identity.SYSTEM)

    assert refusal_of(text) == "token_revoked"
    with pytest.raises(Refusal):
        tokens.revoke(token=token, actor=identity.SYSTEM)
    assert recorded(f"domain:{domain.pk}").count("token.revoked") == 1


def test_an_expired_token_opens_nothing_by_the_databases_clock() -> None:
    identity.domain()
    _token, text = issue_for(identity.first_person())
    identity.let_pass(Token, "expires_at", 0.01)

    assert refusal_of(text) == "token_expired"


def test_a_token_of_somebody_out_of_service_opens_nothing() -> None:
    domain = identity.domain()
    grace = identity.first_person()
    scout = identity.agent(domain)
    _token, persons = issue_for(grace)
    _token, agents = tokens.issue(agent=scout, name="ci", ttl=DAY, actor=identity.SYSTEM)

    Person.objects.filter(pk=grace.pk).update(may_sign_in=False)
    assert refusal_of(persons) == "person_may_not_sign_in"
    Person.objects.filter(pk=grace.pk).update(is_active=False)
    assert refusal_of(persons) == "person_inactive"
    Agent.objects.filter(pk=scout.pk).update(lifecycle=Lifecycle.SUSPENDED)
    assert refusal_of(agents) == "agent_not_active"


def test_a_guess_is_unknown_even_with_a_right_id_and_learns_no_reason() -> None:
    identity.domain()
    token, text = issue_for(identity.first_person())
    tokens.revoke(token=token, actor=identity.SYSTEM)
    wrong_secret = text[:-1] + ("A" if text[-1] != "A" else "B")

    for guess in ("", "x", "cs_person_1_x", f"cs_agent_{token.pk.hex}_", wrong_secret, "é" * 90):
        assert refusal_of(guess) == "token_unknown"


def test_a_token_whose_event_fails_is_neither_issued_nor_revoked() -> None:
    identity.domain()
    grace = identity.first_person()
    with failing_append(), pytest.raises(AppendFailedError):
        issue_for(grace)
    assert not Token.objects.exists()

    token, text = issue_for(grace)
    with failing_append(), pytest.raises(AppendFailedError):
        tokens.revoke(token=token, actor=identity.SYSTEM)
    assert holder_of(text).person == grace
