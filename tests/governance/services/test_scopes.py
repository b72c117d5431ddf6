"""Scopes are a fact of policy: what holds at the moment of a verdict and of a claim counts."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models.functions import Now

from governance.models import Agent, Effect, Grant, Verdict
from governance.services import warrants
from governance.services.warrants import Claimed, Drifted, Refused
from tests.factories import governance as make

pytestmark = pytest.mark.django_db
ONLY_GRANTED = """
@id("permit.granted") @tier("permit")
permit (principal, action == Countersign::Action::"ledger.append", resource)
when { principal.scopes.contains("ledger:*") };
"""


@pytest.fixture
def home(tmp_path: Path) -> make.House:
    home = make.house(tmp_path)
    make.bundle(home.domain, ONLY_GRANTED + make.GATE + make.BOUNDARIES)
    granted(home, "ledger:*")
    return home


def granted(home: make.House, scope: str) -> Grant:
    return home.scout.grants.create(scope=scope, granted_by=home.ada)


def take_back(agent: Agent) -> None:
    agent.grants.all().delete()


def let_expire(agent: Agent) -> None:
    agent.grants.update(expires_at=Now() - timedelta(seconds=1))


End = Callable[[Agent], None]
ENDS = [take_back, let_expire]


def test_a_policy_permits_what_a_grant_covers_until_the_grant_ends(home: make.House) -> None:
    home.scout.grants.update(expires_at=Now() + timedelta(hours=1))
    assert make.proposed(home, home.open).verdict.outcome == "allow"
    principal = Verdict.objects.get().facts["entities"][0]["attrs"]
    assert principal["scopes"] == ["ledger:*"]


@pytest.mark.parametrize("end", ENDS)
def test_without_the_grant_the_next_verdict_denies(home: make.House, end: End) -> None:
    end(home.scout)
    proposed = make.proposed(home, home.open)
    assert (proposed.verdict.outcome, proposed.warrant) == ("deny", None)
    assert proposed.verdict.reasons == ["no_grant"]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("way", ["approved", "allowed"])
def test_without_the_grant_what_was_approved_or_allowed_is_not_claimed(
    home: make.House, way: str, end: End
) -> None:
    warrant = getattr(make, way)(home)
    end(home.scout)
    outcome = make.claimed(warrant)
    assert isinstance(outcome, Drifted)
    assert outcome.proposed.verdict.outcome == "deny"
    warrant.refresh_from_db()
    assert (warrant.state, Effect.objects.count()) == ("void", 0)
    assert (make.lines_in(home.guarded), make.lines_in(home.open)) == (0, 0)


def test_a_grant_that_ends_between_verdict_and_claim_stops_the_claim(
    home: make.House, monkeypatch: pytest.MonkeyPatch
) -> None:
    warrant = make.approved(home)
    judged = warrants._judged

    def judge_and_lose(*given: object) -> object:
        judgement = judged(*given)  # type: ignore[arg-type]  # handed through
        take_back(home.scout)
        return judgement

    with monkeypatch.context() as patch:
        patch.setattr(warrants, "_judged", judge_and_lose)
        outcome = make.claimed(warrant)
    assert isinstance(outcome, Refused)
    assert outcome.code == "warrant_not_usable"
    warrant.refresh_from_db()
    assert (warrant.state, Effect.objects.count()) == ("issued", 0)


def test_a_scope_that_policy_does_not_ask_for_changes_nothing(home: make.House) -> None:
    warrant = make.approved(home)
    granted(home, "other:*")
    assert isinstance(make.claimed(warrant), Claimed)
