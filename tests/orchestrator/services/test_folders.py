"""A folder of policies, agents and workflows becomes part of a domain, or nothing of it does."""

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from governance.models import Agent, Bundle
from governance.refusals import Invalid, Refusal
from orchestrator.demo import examples
from orchestrator.models import Workflow
from orchestrator.services import folders
from orchestrator.workflow.problems import WorkflowFileError
from tests.factories.audit import recorded
from tests.factories.governance import House, house
from tests.factories.orchestrator import TESTER, document, step

AGENTS = """
version: 1
agents:
  - slug: reader
    name: Reader
    purpose: Reads what it is given and says what is in it.
    environment: development
    scopes: ["repo.read:*"]
    classes: [reader]
    runner: process
    config: {argv: [python, reader.py]}
"""


@pytest.fixture
def home(db: None, tmp_path: Path) -> House:
    return house(tmp_path)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    place = tmp_path / "ours"
    place.mkdir()
    (place / "house.cedar").write_text((examples.FOLDER / "house.cedar").read_text())
    (place / "agents.yaml").write_text(AGENTS)
    (place / "reader.py").write_text("print('{}')\n")
    (place / "read.yaml").write_text(document(step("read", "reader")))
    return place


def load(home: House, place: Path) -> folders.Loaded:
    return folders.load(
        domain=home.domain,
        folder=folders.read(place),
        owner=home.ada,
        sponsor=home.sam,
        actor=TESTER,
    )


def test_everything_in_the_folder_is_put_in_place_and_again_changes_nothing(
    home: House, place: Path
) -> None:
    first = load(home, place)
    assert first.bundle is not None
    assert [agent.slug for agent in first.agents] == ["reader"]
    assert [workflow.name for workflow in first.workflows] == ["review"]
    before = len(recorded())
    again = load(home, place)
    assert (again.bundle, list(again.agents)) == (first.bundle, list(first.agents))
    assert len(recorded()) == before


@pytest.mark.parametrize(
    ("file", "text", "error"),
    [
        ("house.cedar", "permit (", Invalid),
        ("agents.yaml", "version: 9", Invalid),
        ("agents.yaml", "a: [", Invalid),
        ("read.yaml", "api: x", WorkflowFileError),
    ],
)
def test_one_bad_file_leaves_all_as_it_was(
    home: House, place: Path, file: str, text: str, error: type[Exception]
) -> None:
    was = (Bundle.objects.count(), Agent.objects.count(), Workflow.objects.count())
    (place / file).write_text(text)
    with pytest.raises(error):
        load(home, place)
    assert (Bundle.objects.count(), Agent.objects.count(), Workflow.objects.count()) == was


def test_a_folder_of_policies_alone_leaves_agents_and_workflows(home: House, place: Path) -> None:
    for name in ("agents.yaml", "read.yaml"):
        (place / name).unlink()
    loaded = load(home, place)
    assert loaded.bundle is not None
    assert (loaded.agents, loaded.workflows) == ([], [])


def test_the_command_says_what_it_loaded_and_what_is_wrong(
    home: House, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    who = ["--domain", home.domain.slug, "--owner", "ada", "--sponsor", "sam"]
    call_command("load", str(place), *who)
    said = capsys.readouterr().out
    assert "Agent: reader@1" in said
    assert "Workflow: review 1.0.0" in said
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(CommandError, match="holds no policies"):
        call_command("load", str(empty), *who)
    with pytest.raises(CommandError, match="nobody called"):
        call_command("load", str(place), *who[:3], "nobody", *who[4:])


def test_another_manifest_of_the_folder_is_no_workflow(home: House, place: Path) -> None:
    (place / "agents.openai.yaml").write_text(AGENTS.replace("Reader", "Model"))
    assert [workflow.name for workflow in load(home, place).workflows] == ["review"]
    assert Agent.objects.get(slug="reader").name == "Reader"


def test_a_manifest_with_another_runner_is_told_what_differs_and_what_to_write(
    home: House, place: Path
) -> None:
    load(home, place)
    model = "runner: echo\n    config: {output: {}}"
    changed = AGENTS.replace("runner: process\n    config: {argv: [python, reader.py]}", model)
    (place / "agents.yaml").write_text(changed)
    with pytest.raises(Refusal) as no:
        load(home, place)
    assert no.value.code == "agent_changed"
    assert "another runner, runner_config" in no.value.detail
    assert "name reader@2 in the workflows" in no.value.detail
    assert Agent.objects.get(slug="reader").runner == "process"
    (place / "agents.yaml").write_text(
        changed.replace("slug: reader", "slug: reader\n    version: 2")
    )
    assert [agent.version for agent in load(home, place).agents] == [2]
    assert Agent.objects.get(slug="reader", version=1).runner == "process"
