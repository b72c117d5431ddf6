from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

from governance.models import Agent, Bundle, Domain
from governance.refusals import Invalid
from orchestrator.demo import examples, seed
from orchestrator.models import Run
from orchestrator.workflow.loading import parse
from tests.harness.databases import CommittedDatabase

ALL = examples.names()


@pytest.mark.parametrize("name", ALL)
def test_an_example_has_agents_for_its_workflow_and_a_readme_that_names_its_command(
    name: str,
) -> None:
    example = examples.read(name)
    definition = parse(example.workflow.text, "workflow.yaml")
    registered = {entry["slug"] for entry in example.manifest["agents"]}
    assert {agent.slug for agent in definition.agents.values()} <= registered
    readme = (examples.FOLDER / name / "README.md").read_text()
    assert "manage.py demo" in readme or name == seed.EXAMPLE


def test_every_example_is_started_by_one_command_on_a_stage_of_its_own(
    committed_db: CommittedDatabase,
) -> None:
    for name in (each for each in ALL if each != seed.EXAMPLE):
        call_command("demo", name)
        call_command("demo", name)
        first, second = Run.objects.filter(workflow__name=name)
        assert first.inputs != second.inputs
        for mark in Path(settings.DATA_DIR).rglob("service.json"):
            # The service of a stage ends with it.
            mark.unlink()
    assert Domain.objects.get().slug == "demo"
    assert Bundle.objects.filter(is_active=True).count() == 1


def test_loading_an_example_takes_nothing_away_from_another(
    committed_db: CommittedDatabase,
) -> None:
    call_command("demo")
    before = Bundle.objects.get(is_active=True)
    call_command("demo", "security-scanning")
    assert Bundle.objects.get(is_active=True) == before
    assert Agent.objects.filter(slug="integrator").exists()


def test_an_unknown_example_or_fault_starts_nothing(committed_db: CommittedDatabase) -> None:
    with pytest.raises(CommandError, match="there are code-review"):
        call_command("demo", "../orchestrator")
    with pytest.raises(CommandError, match="faults of: secret"):
        call_command("demo", "security-scanning", "--fault", "fire")
    assert not Run.objects.exists()


def test_what_a_stage_says_is_told_when_it_fails(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="faults of"):
        examples.staged("security-scanning", tmp_path, ["fire"])
