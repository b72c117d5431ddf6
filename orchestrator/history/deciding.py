"""The one decision of the engine: given everything that happened in a run, what happens next.

The engine calls it under the lock of the run and replay calls it over the stream, so what the
engine did can be derived again.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from orchestrator.patterns.base import (
    Ask,
    Finish,
    History,
    Move,
    PastStep,
    PlannedStep,
    Start,
)
from orchestrator.patterns.changes import TreeMove
from orchestrator.patterns.placing import Assign
from orchestrator.patterns.spending import Charges, spent_by_block
from orchestrator.patterns.tree import decide_run
from orchestrator.topologies.registry import topology_named
from orchestrator.workflow.definition import Definition
from orchestrator.workflow.expressions import steps_named, unmet
from orchestrator.workflow.planning import plan_of

_NOTHING: Mapping[str, Any] = {}
_NOTHING_CHARGED: Charges = {}
_NOBODYS: Mapping[str, str] = {}


def next_move(
    definition: Definition,
    past: Sequence[PastStep],
    inputs: Mapping[str, Any],
    state: Mapping[str, Any] = _NOTHING,
    *,
    charges: Charges = _NOTHING_CHARGED,
    owners: Mapping[str, str] = _NOBODYS,
    absent: Collection[str] = (),
) -> TreeMove:
    """Return the run's next move, every step of it assigned to somebody.

    `state` is what the keys of the shared state hold, which conditions of steps may read.
    `charges` are what each step cost so far; they count only where a block has a budget.
    `owners` are the agents' by alias, where the file asks whose they are, `absent` the voters of
    its chats that are out of service. Where the file wants rules only, a move that a model
    decided ends the run instead.
    """
    plan = plan_of(definition)
    spent = spent_by_block(past, charges) if definition.limits_blocks else {}
    scope = {"inputs": inputs, "state": state}
    assign = assigner(definition, owners)
    move = decide_run(plan, past, scope, spent=spent, assign=assign, absent=absent)
    if definition.decisions == "rules_only" and (refused := _refused(move)):
        return refused
    if not isinstance(move.move, Start):
        return move
    asks = [replace(ask, agent=_agent(definition, past, ask)) for ask in move.move.steps]
    return replace(move, move=replace(move.move, steps=asks))


def assigner(definition: Definition, owners: Mapping[str, str]) -> Assign:
    """Return who says who does a step: the file's topology, with its fields of the file."""
    topology = topology_named(definition.topology)
    options = terms_of(definition, owners)

    def assign(step: PlannedStep, history: History) -> str | Move:
        return topology.assign(step, replace(history, options=options))

    return assign


def terms_of(definition: Definition, owners: Mapping[str, str]) -> Mapping[str, Any]:
    """Return what a topology decides by: its own fields of the file, and whom aliases mean."""
    who = {alias: ref.slug for alias, ref in definition.agents.items()}
    whose = {"who": who, "owners": owners}
    return {**definition.topology_options, "peers": definition.peers, **whose}


def unmet_success(
    definition: Definition,
    inputs: Mapping[str, Any],
    steps: Mapping[str, Any],
    state: Mapping[str, Any] = _NOTHING,
) -> list[str]:
    """Return what the file calls success and does not hold of a run whose steps are done.

    With what is not known it says why.
    """
    seen = {"inputs": inputs, "steps": steps, "state": state}
    return [why for text in definition.success if (why := unmet(text, seen))]


def success_reads(definition: Definition) -> frozenset[str]:
    """Return the steps whose outputs decide whether a run succeeded."""
    return frozenset(name for text in definition.success for name in steps_named(text))


def _refused(move: TreeMove) -> TreeMove | None:
    for note in move.notes:
        if note.decider == "model":
            detail = f"A model decided ({note.type}), and the workflow allows rules only."
            cause = str(note.payload.get("block", ""))
            return TreeMove(Finish("failed", cause, "model_decision_forbidden", detail))
    return None


def _agent(definition: Definition, past: Sequence[PastStep], ask: Ask) -> str:
    """Return the alias of who does it, in whose name people are asked; nobody for a timer."""
    if ask.kind == "timer":
        return ""
    if ask.kind == "approval" and ask.agent not in definition.workers:
        return _asking(definition, past, ask)
    return ask.agent


def _asking(definition: Definition, past: Sequence[PastStep], ask: Ask) -> str:
    """Return in whose name people are asked: who worked last in the block, or else in the run."""
    block = ask.path.rpartition("/")[0]
    worked = [step for step in past if step.kind == "turn" and step.agent and step.order]
    near = [step for step in worked if step.path.startswith(f"{block}/")]
    last = max(near or worked, key=lambda step: step.order, default=None)
    return last.agent if last else definition.workers[0]
