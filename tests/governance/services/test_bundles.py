from pathlib import Path

import pytest

from governance.models import Bundle
from governance.refusals import Invalid
from governance.services import bundles
from tests.factories import governance as make
from tests.factories.audit import AppendFailedError, failing_append, recorded, size_of_the_log

pytestmark = pytest.mark.django_db


@pytest.fixture
def home(tmp_path: Path) -> make.House:
    return make.house(tmp_path)


def active(home: make.House) -> list[int]:
    found = Bundle.objects.filter(domain=home.domain, is_active=True)
    return list(found.values_list("number", flat=True))


def test_the_newest_bundle_rules_alone(home: make.House) -> None:
    newer = make.bundle(home.domain, make.PERMIT)
    assert (newer.number, active(home)) == (2, [2])
    assert recorded(f"policy:{home.domain.pk}")[-1] == "bundle.activated"


def test_the_active_policies_again_change_nothing(home: make.House) -> None:
    before = size_of_the_log()
    assert make.bundle(home.domain) == home.bundle
    assert (active(home), size_of_the_log()) == ([1], before)


def test_going_back_is_a_new_number(home: make.House) -> None:
    make.bundle(home.domain, make.PERMIT)
    back = make.bundle(home.domain)
    assert (back.number, back.digest, active(home)) == (3, home.bundle.digest, [3])


def test_policies_that_cannot_be_evaluated_are_never_active(home: make.House) -> None:
    before = size_of_the_log()
    with pytest.raises(Invalid) as caught:
        make.bundle(home.domain, make.POLICIES.replace("@quorum", "@quorom"))
    assert caught.value.code == "invalid_policies"
    assert "gate.guarded" in caught.value.extra["errors"][0]["detail"]
    assert (active(home), size_of_the_log()) == ([1], before)


def test_an_activation_whose_event_fails_leaves_the_old_bundle(home: make.House) -> None:
    with failing_append(), pytest.raises(AppendFailedError):
        make.bundle(home.domain, make.PERMIT)
    assert active(home) == [1]
    assert Bundle.objects.count() == 1


def test_a_bundle_is_parsed_once(home: make.House) -> None:
    first, second = (bundles.active_for(home.domain.pk) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first[1] is second[1]
