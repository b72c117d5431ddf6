"""Actions and gates of a file: what is risky is agreed to and can be undone, and somebody may."""

from collections.abc import Iterator, Sequence

from orchestrator.workflow.guarding import RISKY, GateRule, gates_in, guard_in
from orchestrator.workflow.nodes import Node
from orchestrator.workflow.problems import Problem
from orchestrator.workflow.selection import covers
from orchestrator.workflow.source import Source

# What only the domain that acts can hold itself to.
_OF_WHO_ACTS = ("action", "effect", "gate", "compensate")
# Groups of exactly one person, who may be the initiator.
_ALONE = frozenset({"owner", "sponsor"})


def gate_can_be_decided(source: Source, _every: Sequence[Node]) -> Iterator[Problem]:
    """Yield every gate that nobody, or perhaps only the initiator, could agree to."""
    for name, gate in gates_in(source.value).items():
        place = ("gates", name)
        for group in _stuck(gate):
            message = f"only the {group} sits there, who may be whom separation keeps out"
            yield source.problem((*place, "approvers"), message)
        for group in sorted(_ALONE & set(gate.groups)):
            if gate.quorum > 1:
                message = f"a quorum of {gate.quorum} of {group!r}, which is one person"
                yield source.problem((*place, "quorum"), message)


def gates_are_used(source: Source, every: Sequence[Node]) -> Iterator[Problem]:
    """Yield every gate that no step names."""
    used = {name for node in every for name in _gates_of(node)}
    for name in source.value.get("gates", {}):
        if name not in used:
            yield source.problem(("gates", name), f"gate {name!r} is not used by any step")


def gate_is_known(source: Source, node: Node) -> Iterator[Problem]:
    """Yield a step whose gate the file does not declare."""
    declared = source.value.get("gates", {})
    for name, place in _gates_of(node).items():
        if not node.pattern and name not in declared:
            yield source.problem((*node.place, *place), f"unknown gate {name!r}")


def action_says_its_effect(source: Source, node: Node) -> Iterator[Problem]:
    """Yield an action of which it is not said how it is told apart from its repetition."""
    if "action" in node.plain and "effect" not in node.plain:
        message = f"{node.plain['action']!r} acts outside; say effect: {{class: ...}}"
        yield source.problem((*node.place, "action"), message)


def risky_action_is_guarded(source: Source, node: Node) -> Iterator[Problem]:
    """Yield a high-risk action that nobody agrees to, or that cannot be undone and is no pivot."""
    guard = guard_in(node.plain)
    if node.pattern or not guard.tool or node.plain.get("risk") not in RISKY:
        return
    if not guard.gate:
        message = f"{guard.tool!r} is of high risk; name a gate that has to agree to it"
        yield source.problem((*node.place, "action"), message)
    if not guard.undone and not node.plain.get("pivot"):
        message = f"{guard.tool!r} is of high risk; say compensate: tool, or pivot: true"
        yield source.problem((*node.place, "action"), message)


def scopes_are_the_agents(source: Source, node: Node) -> Iterator[Problem]:
    """Yield every scope that a step needs and that its agent is not said to have."""
    agent = source.value["agents"].get(node.plain.get("agent"), {})
    for number, scope in enumerate(node.plain.get("scopes", ())):
        if not covers(agent.get("scopes", ()), scope):
            message = f"scope {scope!r} is none of those of agent {node.plain['agent']!r}"
            yield source.problem((*node.place, "scopes", number), message)


def other_domains_guard_themselves(source: Source, node: Node) -> Iterator[Problem]:
    """Yield what a step says of an action that is proposed, decided and undone elsewhere.

    Nothing here would hold to it, so it would be a promise that nobody keeps.
    """
    domain = source.value["agents"].get(node.plain.get("agent"), {}).get("domain")
    for key in _OF_WHO_ACTS if domain else ():
        if key in node.plain:
            message = f"{key} is decided in domain {domain!r}, where the step is done, not here"
            yield source.problem((*node.place, key), message)


def _gates_of(node: Node) -> dict[str, tuple[str, ...]]:
    """Return the gates that a step names, and where."""
    guard = guard_in(node.plain)
    named = {guard.undo_gate: ("compensate", "gate"), guard.gate: ("gate",)}
    return {name: place for name, place in named.items() if name}


def _stuck(gate: GateRule) -> list[str]:
    kept_out = set(gate.separation)
    return [g for g in gate.groups if g in _ALONE and ({g, "initiator"} & kept_out)]
