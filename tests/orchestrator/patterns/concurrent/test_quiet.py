"""What a quiet fan absorbs, the pattern would only have waited for."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.patterns.base import History, PastStep, PlannedStep, Wait
from orchestrator.patterns.concurrent.pattern import Concurrent
from orchestrator.patterns.concurrent.quiet import quiet_of

_JOINS: list[dict[str, Any]] = [
    {"policy": "all"},
    {"policy": "all_settled"},
    {"policy": "any"},
    {"policy": "race"},
    {"policy": "quorum", "success": 2},
    {"policy": "all_settled", "on_branch_reject": "wait"},
]
_ENDS = st.sampled_from(["succeeded", "succeeded", "succeeded", "failed", "rejected", "skipped"])
_STATES = st.sampled_from(["ready", "running", "backoff", "awaiting_approval", "escalated"])


def history(states: list[str], join: dict[str, Any], *, vote: bool) -> History:
    plan = [PlannedStep(f"b{n}", "ann") for n in range(len(states))]
    past = [PastStep(f"b{n}", 0, state) for n, state in enumerate(states)]
    aggregate = {"reduce": "vote", "by": "choice"} if vote else {"reduce": "collect"}
    return History(plan, past, {"join": join, "aggregate": aggregate})


@given(
    st.lists(_STATES, min_size=1, max_size=6),
    st.sampled_from(_JOINS),
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 5), _ENDS, st.booleans()), max_size=8),
)
def test_whatever_is_absorbed_leaves_the_pattern_waiting(
    states: list[str],
    join: dict[str, Any],
    vote: bool,  # noqa: FBT001 - drawn by Hypothesis, never passed by people
    ends: list[tuple[int, str, bool]],
) -> None:
    now = history(states, join, vote=vote)
    quiet = quiet_of(now)
    if quiet is None or not isinstance(Concurrent().decide(now), Wait):
        return
    for order, (number, state, is_fit) in enumerate(ends, 1):
        child = next((c for c in now.past if c.path == f"b{number}"), None)
        if child is None or child.order or state != "succeeded":
            continue
        ended = replace(child, state=state, order=order, output={"choice": "a"} if is_fit else {})
        absorbed = quiet.absorbs(child.path, ended)
        now = replace(now, past=[ended if c is child else c for c in now.past])
        if not absorbed:
            return
        assert isinstance(Concurrent().decide(now), Wait)
        assert any(c.state in {"ready", "running"} for c in now.past)
