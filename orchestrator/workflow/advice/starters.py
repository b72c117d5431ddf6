"""A workflow file to start from, for every answer of the decision tree."""

from collections.abc import Mapping, Sequence

_HEAD = """\
# {comment}
api: countersign.dev/workflow/v1
name: {name}
version: 0.1.0
inputs:
  type: object
  additionalProperties: false
  required: [task]
  properties:
    task: {{type: string, title: Task, minLength: 1, maxLength: 2000}}
success:
  - {success}
limits: {{deadline: 1d, max_attempts: 3}}
budget: {{usd: 5.00, tokens: 200000}}
"""
_DECENTRALIZED = """\
topology:
  decentralized: {award: lowest_price, bid_deadline: 1m, ack_timeout: 1m}
"""
_TOPOLOGIES = {"decentralized": _DECENTRALIZED, "federated": "topology: federated\n"}
_TURN = "timeouts: {start_to_close: 10m}"
# Where the rule does not hold, people are asked by a gate whether the run goes on.
_ASK = """\
    checkpoint:
      - require: outputs.approved_by_rule == true
        message: Somebody has to look at this before the run goes on.
        route: postpone
"""
_STEP = """\
  - id: {id}
    agent: {agent}
    timeouts: {{start_to_close: 10m}}
"""
_WORKERS = ("worker", "reviewer")


def starter(approach: str, pattern: str, topology: str, *, asks_people: bool) -> str:
    """Return the file. Whoever starts from it puts its own agents and conditions in."""
    single = approach == "single_agent"
    comment = "Replace the agents by registered ones, and the conditions by yours."
    head = _HEAD.format(
        comment=comment,
        name="starter-single" if single else f"starter-{pattern.replace('_', '-')}",
        success="has(steps.work.outputs)" if single else _SUCCESS[pattern],
    )
    rules = "decisions: rules_only\n" if approach == "standard" and pattern in _BY_RULE else ""
    ask = _ASK if asks_people else ""
    body = _single(ask) if single else _PATTERNS[pattern](ask)
    placed = _TOPOLOGIES.get(topology, "")
    return f"{head}{rules}{placed}{_agents(pattern, topology)}{body}"


def _agents(pattern: str, topology: str) -> str:
    names = list(_NAMES[pattern])
    lines = [f"  {name}: {_agent(name, topology)}" for name in names]
    if topology == "decentralized":
        last = names.pop()
        lines[-1] = f"  {last}: {{peers: [{last}_one, {last}_two]}}"
        lines += [f"  {last}_{n}: {{ref: {last}-{n}@1}}" for n in ("one", "two")]
    return "\n".join(["agents:", *lines, "steps:\n"])


def _agent(name: str, topology: str) -> str:
    """Return who the alias means; in a federation the reviewer is of the other domain."""
    foreign = topology == "federated" and name in _FOREIGN
    where = ", domain: partner, contract: shared-work" if foreign else ""
    return f"{{ref: {name}@1{where}}}"


def _single(ask: str) -> str:
    return _STEP.format(id="work", agent="worker") + ask


def _sequential(ask: str) -> str:
    last = _STEP.format(id="review", agent="reviewer") + ask
    return _STEP.format(id="work", agent="worker") + last


def _concurrent(ask: str) -> str:
    fan = f"""\
  - id: looks
    pattern: concurrent
    branches:
      first: {{agent: worker, {_TURN}}}
      second: {{agent: reviewer, {_TURN}}}
    join: {{policy: all}}
"""
    return fan + _closing("looks", ask)


def _group_chat(ask: str) -> str:
    chat = f"""\
  - id: talk
    pattern: group_chat
    participants: [worker, reviewer, sceptic]
    terminate: {{max_rounds: 4}}
    consensus: {{method: majority, tie_break: [human]}}
    {_TURN}
"""
    return chat + _closing("talk", ask)


def _handoff(ask: str) -> str:
    edge = '    gates: {reviewer: {closer: "May the work be closed?"}}\n' if ask else ""
    return f"""\
  - id: case
    pattern: handoff
    start: worker
    transitions: {{worker: [reviewer, closer], reviewer: [worker, closer]}}
    max_handoffs: 6
{edge}    {_TURN}
"""


def _magentic(ask: str) -> str:
    review = "always" if ask else "initial"
    return f"""\
  - id: project
    pattern: magentic
    manager: manager
    goal: Do what the task says.
    team: {{include: [worker, reviewer]}}
    plan_review: {review}
    success_criteria:
      - {{id: reviewed, text: Nothing is left to do., check: agent, agent: reviewer}}
    limits:
      max_rounds: 12
      max_stalls: 3
      max_replans: 2
      max_ledger_retries: 3
      max_plan_revisions: 3
      max_team: 3
      max_depth: 2
    {_TURN}
"""


def _closing(needed: str, ask: str) -> str:
    close = _STEP.format(id="close", agent="closer") + f"    needs: [{needed}]\n"
    return close + ask


_PATTERNS = {
    "sequential": _sequential,
    "concurrent": _concurrent,
    "group_chat": _group_chat,
    "handoff": _handoff,
    "magentic": _magentic,
}
_NAMES: Mapping[str, Sequence[str]] = {
    "": ("worker",),
    "sequential": _WORKERS,
    "concurrent": (*_WORKERS, "closer"),
    "group_chat": (*_WORKERS, "sceptic", "closer"),
    "handoff": (*_WORKERS, "closer"),
    "magentic": ("manager", *_WORKERS),
}
_FOREIGN = frozenset({"reviewer"})
_SUCCESS: Mapping[str, str] = {
    "sequential": "has(steps.review.outputs)",
    "concurrent": "has(steps.close.outputs)",
    "group_chat": "has(steps.close.outputs)",
    "handoff": "has(steps.case.outputs)",
    "magentic": "has(steps.project.outputs)",
}
# Patterns whose course no model decides.
_BY_RULE = frozenset({"sequential", "concurrent"})
