"""Many runs that wait at their gates, for pages and measurements that need a full house.

Every run takes the real road: it is started, its steps are claimed, turns are committed, the
merge is proposed and judged. Only what takes seconds is taken once for each branch and used
again: what the agents answer, and the facts that were collected.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from audit.services.events import recording
from governance.services import actions
from governance.services.actions import Prepared
from orchestrator.demo.seed import Demo, fresh, load, read_example, shop_here
from orchestrator.models import AttemptKind, Run
from orchestrator.runners.base import AgentRequest, AgentResult
from orchestrator.runners.registry import runner_for
from orchestrator.services import claims, runs, turns
from orchestrator.services.intake import prepare
from orchestrator.services.turns import Turn
from orchestrator.workflow.checkpoints import judge
from orchestrator.workflow.inputs import places
from orchestrator.workflow.planning import granted

WORKER = "demo"
BRANCHES = 12
BATCH = 25


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """One branch as the agents see it, and the merge that the last of them proposes."""

    inputs: Mapping[str, str]
    turns: Sequence[Turn]
    prepared: Prepared

    def turns_of(self, run_id: uuid.UUID) -> list[Turn]:
        """Return the turns of one run over this branch."""
        *before, last = self.turns
        proposed = replace(self.prepared, run_id=run_id)
        return [*before, replace(last, prepared=proposed)]


def gather(count: int) -> int:
    """Let `count` more runs wait at their gates, over at most a dozen branches."""
    shop, example = shop_here(), read_example()
    with recording():
        demo = load(shop, example)
    branches = [fresh(shop) for _ in range(min(count, BRANCHES))]
    rehearsed = [rehearse(demo, demo.inputs_for(branch)) for branch in branches]
    for first in range(0, count, BATCH):
        with recording():
            for number in range(first, min(first + BATCH, count)):
                play(demo, rehearsed[number % len(rehearsed)])
    return count


def rehearse(demo: Demo, inputs: Mapping[str, str]) -> Rehearsed:
    """Let the agents look at a branch once, outside of any run."""
    intake = prepare(workflow=demo.workflow, inputs=inputs)
    outputs: dict[str, dict[str, object]] = {}
    taken = []
    for path, agent in [(p.path, p.agent) for p in intake.steps if p.agent is not None]:
        plan = intake.definition.step(path)
        runner, _ = runner_for(agent.runner)
        seen = granted(intake.definition, path)
        request = AgentRequest(
            run_id="rehearsal",
            step_path=path,
            agent_slug=agent.slug,
            config=agent.runner_config,
            inputs=inputs,
            context={"inputs": inputs, "steps": {name: outputs[name] for name in seen}},
            deadline=plan.timeouts.start_to_close,
            idempotency_key=f"rehearsal/{path}",
            paths=places(intake.definition.inputs, inputs),
        )
        result = runner.run(request, lambda: None)
        outputs[path] = {"outputs": result.output}
        judged = judge(plan.checkpoint, outputs=result.output, inputs=inputs)
        taken.append(Turn(result, judged, rationale=_rationale(result)))
    proposal = taken[-1].result.proposals[0]
    prepared = actions.prepare(
        agent=agent,
        tool_slug=proposal.tool,
        arguments=proposal.arguments,
        on_behalf_of=demo.initiator,
        step_path=path,
    )
    return Rehearsed(inputs, taken, prepared)


def _rationale(result: AgentResult) -> str:
    return result.proposals[0].rationale if result.proposals else ""


def play(demo: Demo, rehearsed: Rehearsed) -> Run:
    """Start a run and bring it to its gate. Joins the recording(), so no worker sees it before."""
    run = runs.start(
        workflow=demo.workflow,
        initiator=demo.initiator,
        inputs=rehearsed.inputs,
        dedupe_key=f"demo:{uuid.uuid4().hex}",
    )
    first = run.steps.earliest("position")
    claim = claims.claim(step_id=first.pk, kind=AttemptKind.TURN, worker=WORKER)
    for turn in rehearsed.turns_of(run.pk):
        if claim is None:
            raise RuntimeError(f"run {run.pk} took another road than the one rehearsed")
        claim = turns.commit(claim, turn)
    return run
