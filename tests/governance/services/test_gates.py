from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from django.db.models.functions import Now

from governance.models import (
    GATE_TRANSITIONS,
    Channel,
    Decision,
    Gate,
    GateState,
    Notice,
    Warrant,
)
from governance.services import gates
from tests.factories import governance as make
from tests.factories.audit import AppendFailedError, failing_append, recorded, size_of_the_log

pytestmark = pytest.mark.django_db


@pytest.fixture
def home(tmp_path: Path) -> make.House:
    return make.house(tmp_path)


def overdue(gate: Gate) -> Gate:
    Gate.objects.filter(pk=gate.pk).update(expires_at=Now() - timedelta(seconds=1))
    return gate


def state_of(gate: Gate) -> str:
    return Gate.objects.values_list("state", flat=True).get(pk=gate.pk)


def test_a_gate_waits_as_long_as_its_policy_says(home: make.House) -> None:
    gate = make.open_gate(home)
    waits = gate.expires_at - gate.opened_at
    assert abs(waits - timedelta(hours=4)) < timedelta(seconds=5)
    assert gate.valid_for_seconds == 600


def test_those_who_may_decide_are_told_and_nobody_else(home: make.House) -> None:
    gate = make.open_gate(home)
    told = Notice.objects.filter(channel=Channel.IN_APP, path__contains=str(gate.pk))
    assert [notice.person for notice in told] == [home.grace]


def test_the_steward_says_which_gates_expired(home: make.House) -> None:
    late, waiting = overdue(make.open_gate(home)), make.open_gate(home, line="third")
    assert gates.expire_due() == 1
    assert gates.expire_due() == 0
    assert (state_of(late), state_of(waiting)) == ("expired", "pending")
    assert Decision.objects.get().outcome == "expired"
    assert recorded(f"action:{late.action_id}")[-1] == "gate.decided"
    assert not Warrant.objects.exists()


def test_only_so_many_gates_expire_at_once(home: make.House) -> None:
    for n in range(3):
        overdue(make.open_gate(home, line=f"line {n}"))
    assert [gates.expire_due(limit=2), gates.expire_due(limit=2)] == [2, 1]


def test_a_gate_whose_asker_has_ended_is_cancelled_once(home: make.House) -> None:
    gate = make.open_gate(home)
    assert gates.cancel(gate_id=gate.pk, actor=make.TESTER, reason="The run ended.")
    assert not gates.cancel(gate_id=gate.pk, actor=make.TESTER, reason="Again.")
    assert state_of(gate) == "cancelled"


def test_a_decided_gate_neither_expires_nor_is_cancelled(home: make.House) -> None:
    gate = make.open_gate(home)
    make.review(gate, home.grace)
    overdue(gate)
    assert gates.expire_due() == 0
    assert not gates.cancel(gate_id=gate.pk, actor=make.TESTER, reason="Too late.")
    assert state_of(gate) == "approved"


@pytest.mark.parametrize("act", ["expire", "cancel"])
def test_an_ending_whose_event_fails_leaves_the_gate(home: make.House, act: str) -> None:
    gate = overdue(make.open_gate(home))
    before = size_of_the_log()
    cancel = partial(gates.cancel, gate_id=gate.pk, actor=make.TESTER, reason="x")
    with failing_append(), pytest.raises(AppendFailedError):
        gates.expire_due() if act == "expire" else cancel()
    assert state_of(gate) == "pending"
    assert not Decision.objects.exists()
    assert size_of_the_log() == before


def test_nothing_leads_to_approval_but_waiting() -> None:
    sources = {state for state, onward in GATE_TRANSITIONS.items() if GateState.APPROVED in onward}
    assert sources == {GateState.PENDING}
