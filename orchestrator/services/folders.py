"""A folder of files becomes part of a domain: its policies, its agents, its workflows.

What is not in the folder is left as it is, so policies can live in one folder and agents in
another. Loading the same again changes nothing.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from django.utils.translation import gettext as _

from audit.services.events import recording
from audit.types import Actor
from governance.models import Agent, Bundle, Domain, Person
from governance.refusals import Invalid
from governance.services import agents, bundles
from orchestrator.models import Workflow
from orchestrator.services import workflow_files, workflows
from orchestrator.services.product_tools import register_tools

MANIFEST = "agents.yaml"
MANIFESTS = re.compile(r"agents(\..+)?\.yaml")
MOST_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Folder:
    """The files of a folder, read before any transaction opens; what is missing is empty."""

    place: Path
    policies: str
    manifest: Any
    workflows: Sequence[workflow_files.WorkflowFile]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What of a folder the domain has now."""

    bundle: Bundle | None
    agents: Sequence[Agent]
    workflows: Sequence[Workflow]


def read(place: Path) -> Folder:
    """Return `*.cedar` together, agents.yaml, and every other `*.yaml` as a workflow.

    Manifests beside agents.yaml (`agents.openai.yaml`) are for whoever names them.

    Raises Invalid for a folder without any of them, or with a file that cannot be read, and
    WorkflowFileError for a workflow that cannot.
    """
    place = place.resolve()
    policies = "\n".join(_text(file) for file in sorted(place.glob("*.cedar")))
    manifest = place / MANIFEST
    others = [file for file in sorted(place.glob("*.yaml")) if not MANIFESTS.fullmatch(file.name)]
    if not policies and not manifest.is_file() and not others:
        detail = _(
            "%(place)s holds no policies (*.cedar), no agents.yaml and no workflow (*.yaml)."
        )
        raise Invalid("empty_folder", detail % {"place": place})
    return Folder(
        place,
        policies,
        _parsed(manifest) if manifest.is_file() else None,
        [workflow_files.read(file) for file in others],
    )


def load(
    *, domain: Domain, folder: Folder, owner: Person, sponsor: Person, actor: Actor
) -> Loaded:
    """Put everything of the folder in place, or nothing.

    Policies take the place of the domain's; agents get this owner and this sponsor. Raises
    Refusal or WorkflowFileError.
    """
    with recording():
        register_tools(domain, actor)
        bundle = None
        if folder.policies:
            schema = (files("governance.policy") / "schema.cedarschema").read_text()
            bundle = bundles.activate(
                domain=domain, policies=folder.policies, schema=schema, actor=actor
            )
        return Loaded(
            bundle,
            _registered(domain, folder, owner, sponsor, actor),
            [
                workflows.save(
                    domain=domain,
                    text=file.text,
                    filename=file.name,
                    git_commit=file.git_commit,
                    actor=actor,
                )
                for file in folder.workflows
            ],
        )


def _registered(
    domain: Domain, folder: Folder, owner: Person, sponsor: Person, actor: Actor
) -> list[Agent]:
    if folder.manifest is None:
        return []
    return agents.register_manifest(
        domain=domain,
        manifest=folder.manifest,
        base_dir=folder.place,
        owner=owner,
        sponsor=sponsor,
        actor=actor,
    )


def _parsed(file: Path) -> Any:
    try:
        return yaml.safe_load(_text(file))
    except yaml.YAMLError as error:
        raise Invalid("not_readable", f"{file}: {error}") from None


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > MOST_BYTES:
            raise Invalid("not_readable", f"{file} is larger than {MOST_BYTES} bytes.")
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid("not_readable", f"{file}: {error}") from None
