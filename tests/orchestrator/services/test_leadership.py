from collections.abc import Callable
from datetime import timedelta

from django.db.models.functions import Now

from orchestrator.models import Leadership
from orchestrator.selectors.leadership import is_held
from orchestrator.services.leadership import give_up, lead

MINUTE = timedelta(minutes=1)


def take(holder: str, lease: timedelta = MINUTE) -> int | None:
    return lead(role="steward", holder=holder, lease=lease)


def test_the_first_one_leads_and_a_second_one_waits(db: None) -> None:
    assert not is_held(role="steward")
    assert take("ada") == 1
    assert take("grace") is None
    assert is_held(role="steward")


def test_a_leader_keeps_its_fence_for_as_long_as_it_leads(db: None) -> None:
    assert [take("ada"), take("ada")] == [1, 1]


def test_a_lease_that_ran_out_goes_to_whoever_asks_first(db: None) -> None:
    take("ada")
    Leadership.objects.update(expires_at=Now() - timedelta(milliseconds=5))
    assert not is_held(role="steward")
    assert take("grace") == 2
    assert take("ada") is None


def test_a_leader_that_overslept_gets_a_new_fence(db: None) -> None:
    take("ada")
    Leadership.objects.update(expires_at=Now() - timedelta(milliseconds=5))
    assert take("ada") == 2


def test_a_leader_that_gives_up_keeps_nobody_waiting(db: None) -> None:
    take("ada")
    give_up(role="steward", holder="ada")
    assert take("grace") == 2


def test_only_the_holder_can_give_up(db: None) -> None:
    take("ada")
    give_up(role="steward", holder="mallory")
    assert take("grace") is None


def test_of_many_that_ask_at_once_one_leads(race: Callable[..., list[object]]) -> None:
    outcomes = race(*(lambda name=name: take(name) for name in "abcd"))
    assert sorted(outcomes, key=str) == [1, None, None, None]
