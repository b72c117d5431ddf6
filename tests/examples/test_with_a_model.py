"""The same workflow files with a model in the place of a program, behind a loopback endpoint."""

from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from audit.services.events import recording
from governance.models import Gate, GateState
from orchestrator.demo import examples
from orchestrator.demo.scripted.script import script_of
from orchestrator.demo.scripted.server import serving
from orchestrator.models import Run, Step
from orchestrator.services.sweep import sweep
from tests.examples.houses import House, output_of
from tests.factories import orchestrator as make
from tests.factories.governance import member, review
from tests.harness.databases import CommittedDatabase

ADVICE = {"advice": [{"file": "a", "line": 1, "rule": "r", "text": "Revoke it today."}]}
NOTES = {"notes": "# 1.1.0\n\nPrices are rounded."}


def run_with_model(name: str, place: Path, base_url: str, *faults: str) -> Run:
    """Run an example with `agents.openai.yaml` at another address; Grace agrees to everything."""
    example = examples.read(name, "agents.openai.yaml")
    for entry in example.manifest["agents"]:
        if entry["runner"] == "openai":
            entry["config"]["base_url"] = base_url
    with recording():
        loaded = examples.load(example)
    house = House(loaded.workflow, loaded.initiator, member("grace", loaded.workflow.domain))
    run = house.run(examples.staged(name, place, faults))
    for gate in Gate.objects.filter(action__run_id=run.pk, state=GateState.PENDING):
        review(gate, house.grace)
    make.work(run)
    while Step.objects.filter(run=run, state="backoff").update(not_before=Now()):
        sweep()
        make.work(run)
    return run


@pytest.mark.parametrize(
    ("name", "step", "said"),
    [
        ("security-scanning", "advice", ADVICE),
        ("release", "notes", NOTES),
    ],
)
def test_a_model_says_its_part_in_an_example(
    committed_db: CommittedDatabase,
    tmp_path: Path,
    name: str,
    step: str,
    said: dict[str, Any],
) -> None:
    faults = {"security-scanning": ["secret"]}.get(name, [])
    with serving(script_of([{"json": said}])) as model:
        run = run_with_model(name, tmp_path, model.base_url, *faults)
    assert (run.state, run.error_detail) == ("succeeded", "")
    assert output_of(run, step) == said


def test_a_release_stands_without_notes_when_the_model_only_talks(
    committed_db: CommittedDatabase, tmp_path: Path
) -> None:
    with serving(script_of([{"text": "Great release!", "always": True}])) as model:
        run = run_with_model("release", tmp_path, model.base_url)
    assert (run.state, run.rollback) == ("succeeded", "not_needed")
    assert '"1.1.0"' in (tmp_path / "production/current/shop/__init__.py").read_text()
