"""Workflows and runs over the cast of `tests.factories.governance`."""

import json
import uuid
from collections.abc import Mapping
from typing import Any

from django.db.models import Q
from django.db.models.functions import Now

from audit.types import Actor
from governance.models import Agent, Person
from orchestrator.models import RUN_ENDING, Attempt, Run, Step, Workflow
from orchestrator.services import execution, runs, turns, undoing, workflows
from tests.factories import governance

TESTER = Actor.system("test")
WORKER = "test:1"
# What a run in a test may use: more than it needs.
BUDGET = {"usd": "100.00", "tokens": 10_000_000}


def agent(home: governance.House, slug: str, runner: str = "echo", **config: Any) -> Agent:
    """Register an agent that may write ledgers, and the runner that answers for it."""
    return governance.agent(
        home.domain,
        home.ada,
        home.sam,
        slug=slug,
        name=slug.capitalize(),
        runner=runner,
        runner_config=config,
    )


def step(id: str, agent: str, **fields: Any) -> dict[str, Any]:
    """Return a step of a workflow file."""
    return {"id": id, "agent": agent, "timeouts": {"start_to_close": "30s"}, **fields}


def document(*steps: Mapping[str, Any], **fields: Any) -> str:
    """Return a workflow file whose aliases are the slugs of its agents (JSON is YAML)."""
    aliases = {line["agent"]: {"ref": f"{line['agent']}@1"} for line in steps if "agent" in line}
    return json.dumps(
        {
            "api": "countersign.dev/workflow/v1",
            "name": "review",
            "version": "1.0.0",
            "inputs": {"type": "object"},
            "success": ["true"],
            "limits": {"deadline": "1h", "max_attempts": 3},
            "budget": BUDGET,
            "agents": aliases,
            "steps": list(steps),
            **fields,
        }
    )


def workflow(home: governance.House, *steps: Mapping[str, Any], **fields: Any) -> Workflow:
    """Save a workflow with these steps."""
    return workflows.save(
        domain=home.domain,
        text=document(*steps, **fields),
        filename="review.yaml",
        git_commit="",
        actor=TESTER,
    )


def start(
    saved: Workflow,
    initiator: Person,
    inputs: Mapping[str, Any] | None = None,
    dedupe_key: str = "",
) -> Run:
    """Start a run."""
    return runs.start(
        workflow=saved,
        initiator=initiator,
        inputs=inputs or {},
        dedupe_key=dedupe_key or uuid.uuid4().hex,
    )


def started(home: governance.House, *steps: Mapping[str, Any], **fields: Any) -> Run:
    """Save a workflow with these steps and let Ines start it."""
    return start(workflow(home, *steps, **fields), home.ines)


def step_of(run: Run, path: str) -> Step:
    """Return the step as it is now."""
    return Step.objects.select_related("run", "agent").get(run=run, path=path)


def states_of(run: Run) -> dict[str, str]:
    """Return the state of every step by its path, in the order of the file."""
    return dict(Step.objects.filter(run=run).order_by("position").values_list("path", "state"))


def tries_of(run: Run, path: str) -> list[str]:
    """Return how every attempt of the step ended, in order."""
    tries = Attempt.objects.filter(step__run=run, step__path=path).order_by("number")
    return list(tries.values_list("outcome", flat=True))


def drive(run: Run, path: str, worker: str = WORKER) -> int:
    """Do what a worker does when it is rung for the step."""
    return turns.drive(step_id=step_of(run, path).pk, worker=worker)


def broken_agent(home: governance.House, slug: str) -> Agent:
    """Register an agent that no attempt can make work."""
    made = agent(home, slug)
    Agent.objects.filter(pk=made.pk).update(runner="nowhere")
    return made


def work(run: Run, worker: str = WORKER) -> Run:
    """Do everything that workers would do for this run until it waits or has ended."""
    while step := _to_do(run):
        if step.undoes_id:
            undoing.undo(step_id=step.pk, worker=worker)
        elif step.action_id:
            execution.execute(step_id=step.pk, worker=worker)
        else:
            turns.drive(step_id=step.pk, worker=worker)
    run.refresh_from_db()
    return run


def _to_do(run: Run) -> Step | None:
    going = Step.objects.filter(run=run, run__state__in=["running", *RUN_ENDING], state="ready")
    return going.filter(Q(not_before=None) | Q(not_before__lte=Now())).first()
