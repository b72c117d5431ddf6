"""A house with one example loaded, and runs of it with its real agents."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from audit.services.events import recording
from governance.models import Gate, GateState, Person
from orchestrator.demo import examples
from orchestrator.models import Run, Step, Workflow
from tests.factories import orchestrator as make
from tests.factories.governance import member


@dataclass(frozen=True)
class House:
    """One example, who starts its runs, and Grace, who may review."""

    workflow: Workflow
    ines: Person
    grace: Person

    def run(self, inputs: Mapping[str, Any]) -> Run:
        """Start a run and let every agent that may work do so."""
        return make.work(make.start(self.workflow, self.ines, inputs))


def house_of(name: str, agents_file: str = "agents.yaml") -> House:
    """Load an example."""
    example = examples.read(name, agents_file)
    with recording():
        loaded = examples.load(example)
    return House(loaded.workflow, loaded.initiator, member("grace", loaded.workflow.domain))


def gate_of(run: Run) -> Gate:
    """Return the one gate at which a run waits."""
    return Gate.objects.get(action__run_id=run.pk, state=GateState.PENDING)


def output_of(run: Run, path: str) -> dict[str, Any]:
    """Return what a step came to; what it holds back counts too."""
    step = Step.objects.filter(run=run, path=path).latest("iteration")
    output: dict[str, Any] = step.output or step.held_output
    return output
