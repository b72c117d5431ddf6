"""Every static check of a workflow file. A check that is not listed here is not made."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from orchestrator.workflow.checks import (
    blocks,
    conditions,
    guarding,
    money,
    mutexes,
    names,
    order,
    peers,
    sharing,
    simplicity,
    terms,
    time,
)
from orchestrator.workflow.nodes import Node, nodes
from orchestrator.workflow.problems import Problem
from orchestrator.workflow.source import Source

FileCheck = Callable[[Source, Sequence[Node]], Iterator[Problem]]
NodeCheck = Callable[[Source, Node], Iterator[Problem]]

OF_FILES: Sequence[FileCheck] = (
    names.inputs_are_a_schema,
    names.agents_are_used,
    names.other_domains_are_bound,
    names.alias_means_one_thing,
    names.ids_are_unique,
    peers.peers_can_bid,
    terms.bidding_can_be_bound,
    conditions.success_can_be_read,
    time.deadline_leaves_time,
    mutexes.mutexes_keep_one_order,
    guarding.gate_can_be_decided,
    guarding.gates_are_used,
    sharing.state_is_typed,
    sharing.state_is_written,
)
OF_NODES: Sequence[NodeCheck] = (
    names.agent_is_known,
    peers.board_is_kept,
    terms.crews_outlast_their_leader,
    order.needs_are_siblings,
    order.context_has_run,
    order.needs_stand_before,
    order.jumps_go_back,
    order.branches_do_not_jump,
    time.timeouts_fit,
    order.step_can_be_reached,
    order.skipped_needs_are_answered,
    conditions.expressions_can_be_read,
    guarding.gate_is_known,
    guarding.action_says_its_effect,
    guarding.risky_action_is_guarded,
    guarding.scopes_are_the_agents,
    guarding.other_domains_guard_themselves,
    sharing.writes_are_known,
    sharing.state_seen_is_known,
    sharing.writers_do_not_race,
    blocks.pattern_holds_together,
    blocks.agents_are_known,
    blocks.turns_end,
    blocks.limits_are_kept,
    money.budget_fits,
)
WARNINGS: Sequence[FileCheck] = (
    simplicity.one_step_is_enough,
    simplicity.pattern_is_used,
)


def problems_of_meaning(source: Source) -> list[Problem]:
    """Return everything wrong with a file whose shape is right."""
    return sorted({problem for found in by_check(source).values() for problem in found})


def by_check(source: Source) -> Mapping[str, list[Problem]]:
    """Return what each check finds in a file whose shape is right, by the name of the check."""
    every = list(nodes(source))
    found = {check.__name__: list(check(source, every)) for check in OF_FILES}
    for check in OF_NODES:
        found[check.__name__] = [problem for node in every for problem in check(source, node)]
    return found


def warnings_of(source: Source) -> Mapping[str, list[Problem]]:
    """Return what could be simpler in a file that is in order, by the name of the check."""
    every = list(nodes(source))
    return {check.__name__: list(check(source, every)) for check in WARNINGS}
