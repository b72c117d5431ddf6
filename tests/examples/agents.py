"""Runs the agents of the code review example as the engine does."""

from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from governance.manifest import entries_of
from orchestrator.runners.base import AgentRequest, AgentResult
from orchestrator.runners.process import ProcessRunner
from orchestrator.workflow.checkpoints import Judged, judge
from orchestrator.workflow.definition import Definition
from orchestrator.workflow.inputs import places
from orchestrator.workflow.loading import parse

EXAMPLE = Path(__file__).parents[2] / "examples" / "code-review"
REVIEWERS = ("style", "security", "compliance")


@cache
def definition() -> Definition:
    """Return the example's workflow."""
    return parse((EXAMPLE / "workflow.yaml").read_text(), "workflow.yaml")


@cache
def manifest() -> dict[str, dict[str, Any]]:
    """Return the manifest's agents by slug."""
    parsed = yaml.safe_load((EXAMPLE / "agents.yaml").read_text())
    return {entry["slug"]: entry for entry in entries_of(parsed, EXAMPLE.parent)}


def inputs_for(repository: Path, branch: str = "feature", target: str = "main") -> dict[str, str]:
    return {"repo": str(repository), "branch": branch, "target": target}


def turn(step: str, inputs: dict[str, str], **outputs: dict[str, Any]) -> AgentResult:
    """Let the agent of `step` take its turn; `outputs` are those of earlier steps."""
    slug = definition().agents[definition().step(step).agent].slug
    request = AgentRequest(
        run_id="run",
        step_path=step,
        agent_slug=slug,
        config=manifest()[slug]["runner_config"],
        inputs=inputs,
        context={"inputs": inputs, "steps": {n: {"outputs": o} for n, o in outputs.items()}},
        deadline=timedelta(minutes=2),
        idempotency_key="key",
        paths=places(definition().inputs, inputs),
    )
    return ProcessRunner().run(request, lambda: None)


def checkpoint(step: str, output: Any) -> Judged:
    """Say where the example's checkpoint after `step` sends a run with this output."""
    return judge(definition().step(step).checkpoint, outputs=output, inputs={})


def findings(result: AgentResult) -> list[dict[str, Any]]:
    (exhibit,) = result.exhibits
    found: list[dict[str, Any]] = exhibit.content["findings"]
    return found


def rules(result: AgentResult) -> list[str]:
    return [finding["rule"] for finding in findings(result)]
