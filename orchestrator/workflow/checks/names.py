"""Names in a file: what they must mean, and that each means one thing."""

from collections import Counter
from collections.abc import Iterator, Sequence

from orchestrator.workflow import references
from orchestrator.workflow.blocks import fields_of
from orchestrator.workflow.nodes import Node
from orchestrator.workflow.problems import Problem
from orchestrator.workflow.shape import input_validator
from orchestrator.workflow.source import Source

_OF_SLOTS = frozenset({"environment", "max_price_usd"})


def inputs_are_a_schema(source: Source, _every: Sequence[Node]) -> Iterator[Problem]:
    """Yield what keeps `inputs` from being a JSON Schema that is safe to use."""
    try:
        references.check(source.value["inputs"])
        input_validator(source.value["inputs"])
    except references.EntangledError as error:
        place = ("inputs", *error.place)
        yield source.problem(place, f"inputs is not a JSON Schema to be used: {error}")
    except ValueError as error:
        yield source.problem(("inputs",), f"inputs is not a JSON Schema: {error}")


def agents_are_used(source: Source, every: Sequence[Node]) -> Iterator[Problem]:
    """Yield every agent that the file names and gives nothing to do."""
    used = {node.plain["agent"] for node in every if not node.pattern}
    for node in every:
        used |= fields_of(node.pattern).agents_named(node.plain)
    for crew in used & set(source.value["agents"]):
        used |= set(source.value["agents"][crew].get("peers", ()))
    for alias in source.value["agents"]:
        if alias not in used:
            yield source.problem(("agents", alias), f"agent {alias!r} is not used by any step")


def other_domains_are_bound(source: Source, _every: Sequence[Node]) -> Iterator[Problem]:
    """Yield every agent of another domain that nothing lets the file ask."""
    topology = source.value.get("topology", "centralized")
    for alias, agent in source.value["agents"].items():
        if "contract" in agent and "domain" not in agent:
            message = f"agent {alias!r} has a contract and no domain to be asked under it"
            yield source.problem(("agents", alias, "contract"), message)
        if "domain" not in agent:
            continue
        place = ("agents", alias, "domain")
        if topology != "federated":
            message = f"agent {alias!r} is of another domain; that needs topology: federated"
            yield source.problem(place, message)
        if "contract" not in agent:
            message = f"agent {alias!r} is of another domain; that needs a contract"
            yield source.problem(place, message)


def alias_means_one_thing(source: Source, _every: Sequence[Node]) -> Iterator[Problem]:
    """Yield every alias that asks for capabilities and names somebody, or asks for nobody."""
    for alias, agent in source.value["agents"].items():
        if "capabilities" not in agent:
            for key in sorted(_OF_SLOTS & agent.keys()):
                message = f"{key} says who may fill a slot; {alias!r} has no capabilities"
                yield source.problem(("agents", alias, key), message)
        elif {"ref", "peers"} & agent.keys():
            message = f"agent {alias!r} has capabilities and somebody's name; one of them is meant"
            yield source.problem(("agents", alias), message)


def ids_are_unique(source: Source, every: Sequence[Node]) -> Iterator[Problem]:
    """Yield every step whose name another one has: expressions would not know which is meant."""
    seen: Counter[str] = Counter()
    for node in every:
        name = node.plain["id"]
        is_do = node.place[-1] == "do"
        if seen[name] and not is_do:
            yield source.problem((*node.place, "id"), f"step id {name!r} is used twice")
        if name == "do" and not is_do:
            yield source.problem((*node.place, "id"), "'do' is what a foreach does, not an id")
        if name == "undo":
            message = "'undo' is where a run keeps what it undoes, not an id"
            yield source.problem((*node.place, "id"), message)
        seen[name] += 1


def agent_is_known(source: Source, node: Node) -> Iterator[Problem]:
    """Yield a step whose agent the file does not name."""
    if not node.pattern and node.plain["agent"] not in source.value["agents"]:
        message = f"unknown agent {node.plain['agent']!r}"
        yield source.problem((*node.place, "agent"), message)
