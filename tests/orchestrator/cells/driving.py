"""Drives runs to their end in this process, as workers and a steward would together."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from governance.models import Agent, Contract
from orchestrator.models import Run, Step
from orchestrator.runners.base import AgentRequest, AgentResult, Heartbeat, Proposal
from orchestrator.runners.registry import runners
from orchestrator.services import execution, turns
from orchestrator.topologies.papers import ANNOUNCED_AGAIN
from tests.factories import federation, governance
from tests.factories import orchestrator as make
from tests.factories.federation import Alliance
from tests.factories.orchestrator import WORKER
from tests.orchestrator.cells.files import (
    AGENTS,
    FILES,
    INPUTS,
    PEERS,
    TOPOLOGIES,
    on_strict_terms,
)
from tests.orchestrator.cells.player import answer, proposals

PLAYER = "player"


class PlayerRunner:
    """The agent of these tests, without a program around it."""

    name = PLAYER
    version = "1"

    def run(self, request: AgentRequest, heartbeat: Heartbeat) -> AgentResult:
        """Answer at once; `config.output` is said instead, and `config.at` at steps so named.

        Who is `config.reluctant` takes no work before people have announced it again.
        """
        heartbeat()
        plain = {
            "agent": request.agent_slug,
            "step": request.step_path,
            "task": request.task,
            "inputs": dict(request.inputs),
            "context": dict(request.context),
        }
        wanted = proposals(plain, request.config.get("places", ()), request.config.get("ledger"))
        asked = [Proposal(one["tool"], one["arguments"]) for one in wanted]
        name = request.step_path.rpartition("/")[2].partition("#")[0]
        instead = request.config.get("output", {}) | request.config.get("at", {}).get(name, {})
        if request.config.get("reluctant") and _is_new(request.task):
            instead = {"accept": False}
        return AgentResult({**answer(plain), **instead}, proposals=asked)


def _is_new(task: Mapping[str, Any]) -> bool:
    """Whether the task is to accept work that nobody has announced again."""
    return "award" in task and ANNOUNCED_AGAIN not in task["work"]


@contextmanager
def player_installed() -> Iterator[None]:
    """Let agents be played."""
    runners()[PLAYER] = (PlayerRunner(), "player 1 (test)")
    try:
        yield
    finally:
        del runners()[PLAYER]


def cast(home: governance.House, runner: str = PLAYER, **config: Any) -> None:
    """Register everybody who works in the files."""
    for slug in (*AGENTS, *(f"{name}-{peer}" for name in AGENTS for peer in PEERS)):
        make.agent(home, slug, runner, **config)


def bob_abroad(home: governance.House, runner: str = PLAYER, **config: Any) -> Alliance:
    """Let Bob of these files be an agent of the other domain."""
    ally = federation.allied(home)
    federation.agent(ally, "bob", runner=runner, runner_config=config)
    return ally


def begun(
    home: governance.House, pattern: str, topology: str = "centralized", **fields: Any
) -> Run:
    """Start a run of the file for a pattern, under a topology."""
    steps = FILES[pattern]()
    if topology == "federated" and not Contract.objects.exists():
        bob = Agent.objects.get(domain=home.domain, slug="bob")
        bob_abroad(home, bob.runner, **bob.runner_config)
    given = {**TOPOLOGIES, "strict": on_strict_terms}[topology](agents_of(steps))
    fields = {**given, **fields}
    return make.start(make.workflow(home, *steps, **fields), home.ines, INPUTS)


def agents_of(value: Any) -> list[str]:
    """Return who of the cast is named anywhere in a file."""
    text = str(value)
    return [slug for slug in AGENTS if f"'{slug}'" in text]


def worked_off(run: Run, most: int = 200) -> Run:
    """Do what there is to do until nothing is; people's part is left to them."""
    for _ in range(most):
        ready = Step.objects.filter(run=run, state="ready").order_by("created_at").first()
        if ready is None:
            run.refresh_from_db()
            return run
        if ready.action_id:
            execution.execute(step_id=ready.pk, worker=WORKER)
        else:
            turns.drive(step_id=ready.pk, worker=WORKER)
    raise AssertionError("there is always more to do")
