"""Branches side by side until their join is decided, then one result (engine.md 3.2)."""

from collections.abc import Mapping
from typing import Any

from orchestrator.patterns.base import Ask, Finish, History, Move, Note, Start, Wait
from orchestrator.patterns.concurrent.branches import Branch, ExpansionError
from orchestrator.patterns.concurrent.fan import AGGREGATE, DEADLINE, Fan, fan_of
from orchestrator.patterns.concurrent.joins import Verdict, verdict_of
from orchestrator.patterns.concurrent.reducers import ReduceError, answer_schema, reduced
from orchestrator.patterns.states import PASSED, is_under_way, reason_to_wait


class Concurrent:
    """Starts as many branches as may run at once, and ends when their join is decided.

    The output says of every branch what it came to (`branches`, `counts`) and holds the one
    `result` of those that counted.
    """

    name = "concurrent"

    def decide(self, history: History) -> Move:
        """Return what happens next; equal histories give equal moves."""
        try:
            fan = fan_of(history)
        except ExpansionError as error:
            return Finish(error.state, error_code=error.code, detail=error.detail)
        verdict = verdict_of(fan.join, len(fan.branches), fan.ended())
        if verdict is None:
            return _carry_on(fan)
        if verdict.state != "succeeded":
            return _lost(fan, verdict)
        return _hand_over(fan, verdict) if "agent" in fan.aggregate else _reduce(fan, verdict)


def _carry_on(fan: Fan) -> Move:
    """Start what there is room for; else wait; else show a person the branch that needs one."""
    if asks := _next_asks(fan):
        return Start(asks, notes=() if fan.children else (_expanded(fan),))
    under_way = fan.under_way()
    if moving := [child for child in under_way if is_under_way(child)]:
        at_work = [child for child in moving if child.kind != "timer"]
        return Wait(reason_to_wait(at_work or moving))
    return Finish("escalated", under_way[0].path, under_way[0].error_code)


def _next_asks(fan: Fan) -> list[Ask]:
    busy = sum(child.kind != "timer" for child in fan.under_way())
    room = max(0, fan.max_parallel - busy)
    asks = [_ask(fan, branch) for branch in fan.unstarted()[:room]]
    if fan.deadline and DEADLINE not in fan.children:
        asks.append(Ask(DEADLINE, kind="timer", task={"after": fan.deadline}))
    return asks


def _ask(fan: Fan, branch: Branch) -> Ask:
    schema = answer_schema(fan.aggregate)
    return Ask(branch.path, task={"answer": schema} if "required" in schema else {})


def _lost(fan: Fan, verdict: Verdict) -> Finish:
    return Finish(
        verdict.state,
        verdict.cause,
        verdict.error_code,
        verdict.detail,
        output=_output(fan, verdict),
        cancel=fan.losers(verdict),
        notes=[_decided(fan, verdict)],
    )


def _reduce(fan: Fan, verdict: Verdict) -> Finish:
    output, losers = _output(fan, verdict), fan.losers(verdict)
    notes = [_decided(fan, verdict)]
    try:
        result = reduced(fan.aggregate, fan.results(verdict))
    except ReduceError as error:
        code, detail = error.code, error.detail
        return Finish("failed", "", code, detail, output=output, cancel=losers, notes=notes)
    return Finish("succeeded", output={**output, "result": result}, cancel=losers, notes=notes)


def _hand_over(fan: Fan, verdict: Verdict) -> Move:
    """Let the aggregating agent make one result, and tell it of every branch that gave none."""
    turn = fan.children.get(AGGREGATE)
    if turn is None or turn.state == "blocked":
        ask = Ask(AGGREGATE, agent=fan.aggregate["agent"], task=_for_aggregation(fan, verdict))
        return Start([ask], cancel=fan.losers(verdict), notes=[_decided(fan, verdict)])
    if is_under_way(turn):
        return Wait(turn.state)
    if turn.state in PASSED:
        output = {**_output(fan, verdict), "result": dict(turn.output)}
        return Finish("succeeded", output=output)
    state = turn.state if turn.state in {"escalated", "rejected"} else "failed"
    return Finish(state, turn.path, turn.error_code, output=_output(fan, verdict))


def _for_aggregation(fan: Fan, verdict: Verdict) -> dict[str, Any]:
    results = fan.results(verdict)
    outputs = {path: {"output": dict(result)} for path, result in results.items()}
    lines = [line | outputs.get(line["branch"], {}) for line in fan.report(verdict)]
    return {"branches": lines, "counts": fan.counts(verdict)}


def _output(fan: Fan, verdict: Verdict) -> Mapping[str, Any]:
    return {"branches": fan.report(verdict), "counts": fan.counts(verdict)}


def _decided(fan: Fan, verdict: Verdict) -> Note:
    last = verdict.counted[-1].path if verdict.counted else ""
    payload = {"policy": fan.join.policy, "state": verdict.state, "last": last}
    return Note("join.fired", "rule", payload | {"counts": fan.counts(verdict)})


def _expanded(fan: Fan) -> Note:
    payload = {"branches": len(fan.branches), "max_parallel": fan.max_parallel}
    return Note("branches.expanded", "rule", payload)
