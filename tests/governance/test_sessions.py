"""A session's key is in its cookie and nowhere else."""

from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client

from governance.sessions import SessionStore
from tests.factories.governance import House, house
from tests.harness.databases import CommittedDatabase


@pytest.fixture
def home(db: None, tmp_path: Path) -> House:
    return house(tmp_path)


def test_a_copy_of_the_database_signs_nobody_in(home: House, client: Client) -> None:
    client.force_login(home.grace)
    key = client.cookies[settings.SESSION_COOKIE_NAME].value
    [row] = Session.objects.all()
    assert row.session_key != key
    assert client.get("/").status_code == 200
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = row.session_key
    assert thief.get("/").status_code == 302


def test_signing_out_ends_the_session_that_is_stored(home: House, client: Client) -> None:
    client.force_login(home.grace)
    key = client.cookies[settings.SESSION_COOKIE_NAME].value
    client.logout()
    assert not SessionStore(key).exists(key)
    assert not Session.objects.exists()


def test_a_key_nobody_was_given_opens_an_empty_session(home: House) -> None:
    store = SessionStore("a" * 32)
    assert store.load() == {}
    assert store.session_key is None


def test_a_session_saved_twice_is_one_row(home: House) -> None:
    store = SessionStore()
    store["a"] = 1
    store.save()
    store["a"] = 2
    store.save()
    assert SessionStore(store.session_key)["a"] == 2
    assert Session.objects.count() == 1


async def test_the_asynchronous_words_mean_the_same(committed_db: CommittedDatabase) -> None:
    store = SessionStore()
    await store.aset("a", 1)
    await store.asave()
    assert await store.aexists(store.session_key)
    assert await SessionStore(store.session_key).aget("a") == 1
    await store.adelete()
    assert not await store.aexists(store.session_key)


def test_no_other_program_on_this_machine_names_its_cookie_alike(
    home: House, client: Client
) -> None:
    client.force_login(home.grace)
    assert "sessionid" not in client.cookies
