"""Loads the code review example into an empty house, with people who own its agents."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings
from django.utils.translation import gettext as _

from audit.services.events import recording
from audit.types import Actor
from governance.models import Domain, Person, Reversibility, Risk
from governance.refusals import Refusal
from governance.services import agents, bundles, domains, people, tools
from orchestrator.demo.history import INES, OLGA
from orchestrator.demo.improvements import FIRST, Improvement, further
from orchestrator.demo.shop import BRANCH, Shop
from orchestrator.models import Run, Workflow
from orchestrator.runners import checkpoint, supply
from orchestrator.runners.git import merge
from orchestrator.services import runs, workflow_files, workflows

EXAMPLE = settings.BASE_DIR / "examples" / "code-review"
SLUG = "demo"
ACTOR = Actor.system("demo")


@dataclass(frozen=True, slots=True)
class Example:
    """The files of the example, read before any transaction opens."""

    workflow: workflow_files.WorkflowFile
    manifest: Any
    policies: str
    schema: str


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
    return Example(
        workflow=workflow_files.read(EXAMPLE / "workflow.yaml"),
        manifest=yaml.safe_load((EXAMPLE / "agents.yaml").read_text()),
        policies=(EXAMPLE / "policies.cedar").read_text(),
        schema=(files("governance.policy") / "schema.cedarschema").read_text(),
    )


def load(shop: Shop, example: Example) -> Demo:
    """Put everything into place that a run of the example needs. Joins the recording().

    Raises Refusal in a house that has a domain of its own, whose policies the demo would replace.
    """
    domain = _domain()
    olga, sam, ines = (_person(domain, *who) for who in _PEOPLE)
    _register_tools(domain)
    bundles.activate(
        domain=domain,
        policies=example.policies,
        schema=example.schema,
        actor=ACTOR,
    )
    agents.register_manifest(
        domain=domain,
        manifest=example.manifest,
        base_dir=EXAMPLE,
        owner=olga,
        sponsor=sam,
        actor=ACTOR,
    )
    return Demo(shop, _workflow(domain, example.workflow), ines)


_PEOPLE = (
    ("demo-owner", OLGA[0]),
    ("demo-sponsor", "Sam Adeyemi"),
    ("demo-initiator", INES[0]),
)


def _domain() -> Domain:
    known = Domain.objects.filter(slug=SLUG).first()
    if known:
        return known
    if Domain.objects.exists():
        detail = _("The demo goes into an empty data directory; name one and start there.")
        raise Refusal("not_empty", detail)
    return domains.found(slug=SLUG, name="Demo", actor=ACTOR)


def _person(domain: Domain, username: str, display_name: str) -> Person:
    return people.seed(username=username, display_name=display_name, domain=domain, actor=ACTOR)


def _register_tools(domain: Domain) -> None:
    tools.register(
        slug=merge.SLUG,
        name="Merge branches",
        description="Merges one branch of a local repository into another by a merge commit.",
        schema=merge.SCHEMA,
        risk=Risk.HIGH,
        reversibility=Reversibility.COMPENSABLE,
        actor=ACTOR,
        domain=domain,
    )
    tools.register(
        slug=checkpoint.SLUG,
        name=checkpoint.NAME,
        description=checkpoint.DESCRIPTION,
        schema=checkpoint.SCHEMA,
        risk=Risk.MEDIUM,
        reversibility=Reversibility.READ_ONLY,
        actor=ACTOR,
        domain=domain,
    )
    tools.register(
        slug=supply.SLUG,
        name=supply.NAME,
        description=supply.DESCRIPTION,
        schema=supply.SCHEMA,
        risk=Risk.MEDIUM,
        reversibility=Reversibility.READ_ONLY,
        actor=ACTOR,
        domain=domain,
    )


def _workflow(domain: Domain, file: workflow_files.WorkflowFile) -> Workflow:
    return workflows.save(
        domain=domain,
        text=file.text,
        filename=file.name,
        git_commit=file.git_commit,
        actor=ACTOR,
    )
