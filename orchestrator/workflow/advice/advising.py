"""From the answers to what is recommended, with a file to start from."""

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.workflow.advice.options import APPROACHES, PATTERNS, TOPOLOGIES, Option
from orchestrator.workflow.advice.questions import ONE, missing
from orchestrator.workflow.advice.starters import starter


@dataclass(frozen=True, slots=True)
class Advice:
    """What fits. A single agent needs neither a pattern nor a topology."""

    approach: Option
    pattern: Option | None
    topology: Option | None
    starter: str


def advise(answers: Mapping[str, str]) -> Advice:
    """Return what fits these answers; raises ValueError while a question is open.

    Human oversight outweighs the rest: what people have to agree to is asked of them, whoever
    coordinates the agents.
    """
    if left := missing(answers):
        raise ValueError(left[0].name)
    asks_people = answers["oversight"] == "yes"
    if answers["agents"] == ONE:
        file = starter("single_agent", "", "centralized", asks_people=asks_people)
        return Advice(APPROACHES["single_agent"], None, None, file)
    approach = _approach(answers)
    pattern, topology = PATTERNS[answers["work"]], TOPOLOGIES[answers["control"]]
    file = starter(approach, pattern.name, topology.name, asks_people=asks_people)
    return Advice(APPROACHES[approach], pattern, topology, file)


def _approach(answers: Mapping[str, str]) -> str:
    if answers["oversight"] == "yes":
        return "human_in_the_loop"
    return "probabilistic" if answers["coordination"] == "uncertain" else "standard"
