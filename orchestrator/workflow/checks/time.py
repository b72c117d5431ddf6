"""Time in a file: the deadline of the run leaves its steps the time that they may take.

So the maximum of every timeout is the deadline; that of a heartbeat is ten minutes, because
nobody learns before that a worker is lost.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from orchestrator.workflow.guarding import gates_in
from orchestrator.workflow.nodes import Node
from orchestrator.workflow.problems import Problem
from orchestrator.workflow.source import Source
from orchestrator.workflow.step_plans import children_of, duration

_NO_TIME = timedelta()
LEAST_HEARTBEAT = timedelta(seconds=5)
MOST_HEARTBEAT = timedelta(minutes=10)


def deadline_leaves_time(source: Source, _every: Sequence[Node]) -> Iterator[Problem]:
    """Yield a deadline that passes before every step that has to run took its one turn."""
    plain = source.value
    deadline = duration(plain["limits"]["deadline"])
    gates = {name: duration(gate.expires) for name, gate in gates_in(plain).items()}
    needed = sum((_needed(step, gates) for step in plain["steps"]), _NO_TIME)
    if needed > deadline:
        message = f"the steps may take {needed} one after another, longer than the deadline"
        yield source.problem(("limits", "deadline"), message)


def _needed(plain: Mapping[str, Any], gates: Mapping[str, timedelta]) -> timedelta:
    """Return how long a node may take, done once, with the time that people have at its gate.

    What may be skipped takes no time.
    """
    if "when" in plain:
        return _NO_TIME
    children = [_needed(child, gates) for child in children_of(plain)]
    inner = sum(children, _NO_TIME) if "steps" in plain else max(children, default=_NO_TIME)
    timeouts = plain.get("timeouts")
    turn = duration(timeouts["start_to_close"]) if timeouts else _NO_TIME
    return inner + turn + gates.get(plain.get("gate", ""), _NO_TIME)


def timeouts_fit(source: Source, node: Node) -> Iterator[Problem]:
    """Yield every timeout that could never pass, because another one passes before it."""
    given = {name: duration(text) for name, text in node.plain.get("timeouts", {}).items()}
    deadline = duration(source.value["limits"]["deadline"])
    bounds = {
        "start_to_close": given.get("schedule_to_close", deadline),
        "schedule_to_start": given.get("schedule_to_close", deadline),
        "schedule_to_close": deadline,
        "heartbeat": min(MOST_HEARTBEAT, given.get("start_to_close", deadline)),
    }
    for name, time in given.items():
        place = (*node.place, "timeouts", name)
        if time > bounds[name]:
            yield source.problem(place, f"{name} is {time}; at most {bounds[name]} makes sense")
        elif name == "heartbeat" and time < LEAST_HEARTBEAT:
            message = f"heartbeat is {time}; workers are heard of every few seconds only"
            yield source.problem(place, message)
