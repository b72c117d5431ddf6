"""Loads the code review example into an empty house, with a shop whose branches it reviews."""

from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from audit.services.events import recording
from governance.models import Person
from orchestrator.demo import examples
from orchestrator.demo.examples import Example
from orchestrator.demo.improvements import FIRST, Improvement, further
from orchestrator.demo.shop import BRANCH, Shop
from orchestrator.models import Run, Workflow
from orchestrator.services import runs

EXAMPLE = "code-review"


@dataclass(frozen=True, slots=True)
class Demo:
    """What a run of the demo is started from."""

    shop: Shop
    workflow: Workflow
    initiator: Person

    def start(self, improvement: Improvement) -> Run:
        """Start the review of a branch; the same branch again is the same run."""
        inputs = self.inputs_for(improvement)
        key = f"demo:{improvement.branch}"
        return runs.start(
            workflow=self.workflow, initiator=self.initiator, inputs=inputs, dedupe_key=key
        )

    def inputs_for(self, improvement: Improvement) -> dict[str, str]:
        """Return what a run over this branch is given."""
        return {"repo": str(self.shop.path), "branch": improvement.branch, "target": BRANCH}


def first() -> Run:
    """Load the demo and start its run; doing it again changes nothing."""
    shop, example = shop_here(), read_example()
    shop.add(FIRST)
    with recording():
        return load(shop, example).start(FIRST)


def another() -> Run:
    """Add one more branch to the demo's repository and start the review of it."""
    shop, example = shop_here(), read_example()
    improvement = fresh(shop)
    with recording():
        return load(shop, example).start(improvement)


def fresh(shop: Shop) -> Improvement:
    """Add a branch that the repository does not have yet."""
    number = 1
    while not shop.add(improvement := further(number)):
        number += 1
    return improvement


def shop_here() -> Shop:
    """Return the demo's repository in the data directory, made when it is not there."""
    shop = Shop(Path(settings.DATA_DIR))
    shop.ensure()
    return shop


def read_example() -> Example:
    """Return the example as it lies in this installation."""
    return examples.read(EXAMPLE)


def load(shop: Shop, example: Example) -> Demo:
    """Put everything into place that a run of the example needs. Joins the recording()."""
    loaded = examples.load(example)
    return Demo(shop, loaded.workflow, loaded.initiator)
