"""An example: a folder with a workflow, a manifest of agents, policies, and a stage.

All examples live in one domain, whose policies are those of the house and of every example, so
that loading one takes nothing away from another. `stage.py` is a program that makes what a run
is about: it is given an empty folder and the faults to plant, and prints the run's inputs.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings
from django.utils.translation import gettext as _

from audit.services.events import recording
from audit.types import Actor
from governance.models import Domain, Person
from governance.refusals import Invalid, Refusal
from governance.services import agents, bundles, domains, people
from orchestrator.demo.history import INES, OLGA
from orchestrator.models import Run, Workflow
from orchestrator.runners.reach import STAGES
from orchestrator.services import runs, workflow_files, workflows
from orchestrator.services.product_tools import register_tools

FOLDER = settings.BASE_DIR / "examples"
SLUG = "demo"
ACTOR = Actor.system("demo")
STAGE_SECONDS = 120
_PEOPLE = (
    ("demo-owner", OLGA[0]),
    ("demo-sponsor", "Sam Adeyemi"),
    ("demo-initiator", INES[0]),
)


@dataclass(frozen=True, slots=True)
class Example:
    """The files of an example, read before any transaction opens."""

    name: str
    workflow: workflow_files.WorkflowFile
    manifest: Any
    policies: str
    schema: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a run of an example is started from."""

    workflow: Workflow
    initiator: Person


def names() -> list[str]:
    """Return the examples of this installation."""
    return sorted(file.parent.name for file in FOLDER.glob("*/workflow.yaml"))


def read(name: str, agents_file: str = "agents.yaml") -> Example:
    """Return an example as it lies in this installation; raises Invalid for an unknown one."""
    folder = FOLDER / name
    if name not in names() or not (folder / agents_file).is_file():
        detail = _("There is no such example; there are %(names)s.")
        raise Invalid("unknown_example", detail % {"names": ", ".join(names())})
    return Example(
        name=name,
        workflow=workflow_files.read(folder / "workflow.yaml"),
        manifest=_manifest(folder, agents_file),
        policies=_policies(),
        schema=(files("governance.policy") / "schema.cedarschema").read_text(),
    )


def load(example: Example) -> Loaded:
    """Put everything into place that a run of the example needs. Joins the recording().

    Raises Refusal in a house that has a domain of its own, whose policies would be replaced.
    """
    domain = _domain()
    olga, sam, ines = (_person(domain, *who) for who in _PEOPLE)
    register_tools(domain, ACTOR)
    bundles.activate(domain=domain, policies=example.policies, schema=example.schema, actor=ACTOR)
    agents.register_manifest(
        domain=domain,
        manifest=example.manifest,
        base_dir=FOLDER,
        owner=olga,
        sponsor=sam,
        actor=ACTOR,
    )
    return Loaded(_workflow(domain, example.workflow), ines)


def start(name: str, *, faults: Sequence[str] = (), agents_file: str = "agents.yaml") -> Run:
    """Set a new stage for an example and start the run over it."""
    example = read(name, agents_file)
    place = _new_place(name)
    inputs = staged(name, place, faults)
    with recording():
        loaded = load(example)
        return runs.start(
            workflow=loaded.workflow,
            initiator=loaded.initiator,
            inputs=inputs,
            dedupe_key=f"demo:{name}:{place.name}",
        )


def staged(name: str, place: Path, faults: Sequence[str] = ()) -> dict[str, Any]:
    """Let an example's stage make what its run is about in an empty folder."""
    command = [sys.executable, str(FOLDER / name / "stage.py"), str(place), *faults]
    done = subprocess.run(  # noqa: S603 - a program of this installation, never a shell
        command, capture_output=True, timeout=STAGE_SECONDS, check=False
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise Invalid("stage_failed", said or _("The example could not be set up."))
    inputs: dict[str, Any] = json.loads(done.stdout)
    return inputs


def _manifest(folder: Path, chosen: str) -> Any:
    """Return the example's agents; those of another file take the place of their namesakes."""
    usual, other = (
        yaml.safe_load((folder / name).read_text()) for name in ("agents.yaml", chosen)
    )
    chosen_ones = {entry["slug"]: entry for entry in other["agents"]}
    entries = [chosen_ones.pop(entry["slug"], entry) for entry in usual["agents"]]
    return {**other, "agents": [*entries, *chosen_ones.values()]}


def _new_place(name: str) -> Path:
    stages = Path(settings.DATA_DIR).resolve() / STAGES
    number = 1
    while True:
        place = stages / f"{name}-{number}"
        try:
            place.mkdir(parents=True)
        except FileExistsError:
            number += 1
        else:
            return place


def _policies() -> str:
    texts = [FOLDER / "house.cedar", *sorted(FOLDER.glob("*/policies.cedar"))]
    return "\n".join(text.read_text() for text in texts)


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


def _workflow(domain: Domain, file: workflow_files.WorkflowFile) -> Workflow:
    return workflows.save(
        domain=domain,
        text=file.text,
        filename=file.name,
        git_commit=file.git_commit,
        actor=ACTOR,
    )
