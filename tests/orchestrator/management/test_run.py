import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from pytest_django import Settings

from governance.models import Gate
from orchestrator.management import following
from orchestrator.management.commands import run as command
from orchestrator.models import Run, Step, Workflow
from orchestrator.services import execution, turns
from orchestrator.services.sweep import sweep
from orchestrator.supervisor.runtime import Running
from tests.factories import governance
from tests.factories import orchestrator as make
from tests.factories.audit import size_of_the_log
from tests.factories.governance import House, house, lines_in
from tests.factories.orchestrator import document, step
from tests.orchestrator.services.proposing import append

ROOT = Path(__file__).resolve().parents[3]
BASE = "http://localhost:8000"
Turn = Callable[[], object]


class Screen(io.StringIO):
    """A terminal, as far as the command can tell."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def home(db: None, tmp_path: Path, settings: Settings) -> House:
    settings.RUNNING = Running(os.getpid(), BASE, "", "", str(tmp_path))
    settings.BASE_URL = BASE
    return house(tmp_path)


@pytest.fixture
def others_work(monkeypatch: pytest.MonkeyPatch) -> list[Turn]:
    """While the command sleeps the others work: the workers, then whoever is next in the list."""
    queue: list[Turn] = []

    def sleep(_: float) -> None:
        ready = Step.objects.filter(state="ready").first()
        if ready and ready.action_id:
            execution.execute(step_id=ready.pk, worker="effects:1")
        elif ready:
            turns.drive(step_id=ready.pk, worker="agents:1")
        elif queue:
            queue.pop(0)()
            sweep()
        else:
            raise AssertionError("the command waits for something that will not come")

    monkeypatch.setattr(following, "sleep", sleep)
    return queue


def call(path: Path, *options: str, out: io.StringIO | None = None) -> tuple[int, str, str]:
    stdout, stderr = out or io.StringIO(), io.StringIO()
    arguments = [str(path), "--as", "ines", *options]
    with pytest.raises(SystemExit) as left:
        call_command("run", *arguments, stdout=stdout, stderr=stderr)
    assert isinstance(left.value.code, int)
    return left.value.code, stdout.getvalue(), stderr.getvalue()


def written(home: House, tmp_path: Path, *steps: Any, **fields: Any) -> Path:
    path = tmp_path / "flow.yaml"
    path.write_text(document(*(steps or [step("write", "clerk")]), **fields))
    make.agent(home, "clerk", proposals=[append(home.guarded)])
    return path


def test_a_run_that_is_approved_leaves_with_0(
    home: House, tmp_path: Path, others_work: list[Turn]
) -> None:
    others_work.append(lambda: governance.review(Gate.objects.get(), home.grace))
    code, out, _ = call(written(home, tmp_path))
    assert code == 0
    gate = Gate.objects.get()
    assert f"{BASE}/gates/{gate.pk}/" in out
    assert "waiting for a person: Append" in out
    assert "run is succeeded after" in out
    assert lines_in(home.guarded) == 1
    assert Run.objects.get().initiator == home.ines


def test_a_run_that_is_rejected_leaves_with_2_and_says_by_whom(
    home: House, tmp_path: Path, others_work: list[Turn]
) -> None:
    others_work.append(lambda: governance.review(Gate.objects.get(), home.grace, "reject"))
    code, out, _ = call(written(home, tmp_path))
    assert code == 2
    assert "Grace rejected the action" in out
    assert lines_in(home.guarded) == 0


def test_a_run_that_fails_leaves_with_1_and_says_why(
    home: House, tmp_path: Path, others_work: list[Turn]
) -> None:
    code, out, _ = call(written(home, tmp_path, success=["false"]), "--no-wait")
    assert code == 3
    path = tmp_path / "other.yaml"
    path.write_text(document(step("look", "looker"), success=["false"]))
    make.agent(home, "looker")
    code, out, _ = call(path)
    assert code == 1
    assert "this does not hold: false" in out


def test_without_waiting_it_leaves_with_3_once_people_are_asked(
    home: House, tmp_path: Path, others_work: list[Turn]
) -> None:
    code, out, _ = call(written(home, tmp_path), "--no-wait")
    assert code == 3
    assert str(Gate.objects.get().pk) in out
    assert Run.objects.get().state == "waiting"


def test_it_stops_following_after_the_time_given_to_it(
    home: House, tmp_path: Path, others_work: list[Turn]
) -> None:
    assert call(written(home, tmp_path), "--timeout", "0")[0] == 3


def test_a_terminal_shows_a_picture_that_is_drawn_in_place(
    home: House, tmp_path: Path, others_work: list[Turn]
) -> None:
    screen = Screen()
    code, out, _ = call(written(home, tmp_path), "--no-wait", out=screen)
    assert code == 3
    assert "\x1b[1F" in out
    assert any(frame in out for frame in "\u280b\u2819\u2839\u2838")


def test_what_others_wrote_cannot_steer_the_terminal(
    home: House, tmp_path: Path, others_work: list[Turn]
) -> None:
    path = written(home, tmp_path, step("look", "looker"))
    rule = {"require": "false", "message": "no \x1b[2J\u202e way", "route": "stop"}
    path.write_text(document(step("look", "looker", checkpoint=[rule])))
    make.agent(home, "looker")
    _, out, _ = call(path)
    assert "\x1b[2J" not in out
    assert "\u202e" not in out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: x\nsteps: [", "flow.yaml:2: not YAML"),
        ("name: x", "flow.yaml:1: 'limits' is missing"),
        ("x" * 10_000_000, "flow.yaml:1: the file is larger than 256 KiB"),
        ("a: &a [*a]", "flow.yaml:1: anchors"),
    ],
)
def test_a_broken_file_leaves_with_64_and_creates_nothing(
    home: House, tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text(text)
    before = size_of_the_log()
    code, _, errors = call(path)
    assert code == 64
    assert said in errors
    assert not Workflow.objects.exists()
    assert size_of_the_log() == before


SPREAD = """\
api: countersign.dev/workflow/v1
name: spread
version: 1.0.0
inputs:
  type: object
  required: [repo]
  properties:
    repo: {type: string}
    depth: {type: integer}
success: ["true"]
limits: {deadline: 1h, max_attempts: 3}
agents:
  clerk: {ref: clerk@1}
  ghost: {ref: ghost@7}
steps:
  - {id: write, agent: clerk, timeouts: {start_to_close: 1m}}
  - {id: haunt, agent: ghost, timeouts: {start_to_close: 1m}}
budget: {usd: 1.00, tokens: 100000}
"""


def test_wrong_inputs_leave_with_64_at_their_lines_and_not_even_the_workflow_is_kept(
    home: House, tmp_path: Path
) -> None:
    written(home, tmp_path).write_text(SPREAD)
    before = size_of_the_log()
    code, _, errors = call(tmp_path / "flow.yaml", "--input", "depth=deep")
    assert code == 64
    assert 'flow.yaml:9: input depth: "deep" is not of type "integer"' in errors
    assert 'flow.yaml:7: "repo" is a required property' in errors
    assert not Workflow.objects.exists()
    assert size_of_the_log() == before


def test_an_agent_that_is_not_registered_leaves_with_64_at_its_line(
    home: House, tmp_path: Path
) -> None:
    written(home, tmp_path).write_text(SPREAD)
    code, _, errors = call(tmp_path / "flow.yaml", "--input", "repo=here")
    assert code == 64
    assert "flow.yaml:14: no active agent is registered as ghost@7" in errors
    assert not Workflow.objects.exists()


def test_inputs_get_their_types_and_paths_become_absolute(
    home: House, tmp_path: Path, others_work: list[Turn], monkeypatch: pytest.MonkeyPatch
) -> None:
    properties = {"depth": {"type": "integer"}, "repo": {"type": "string", "format": "path"}}
    path = written(home, tmp_path, inputs={"type": "object", "properties": properties})
    monkeypatch.chdir(tmp_path)
    call(path, "--input", "depth=3", "--input", "repo=here", "--no-wait")
    assert Run.objects.get().inputs == {"depth": 3, "repo": str(tmp_path / "here")}


@pytest.mark.parametrize("given", [["novalue"], ["=x"], ["a=1", "a=2"]])
def test_an_input_that_is_no_pair_leaves_with_64(
    home: House, tmp_path: Path, given: list[str]
) -> None:
    options = [word for text in given for word in ("--input", text)]
    code, _, errors = call(written(home, tmp_path), *options)
    assert (code, Run.objects.count()) == (64, 0)
    assert "NAME=VALUE" in errors


def test_an_unknown_person_or_a_deactivated_one_leaves_with_64(
    home: House, tmp_path: Path
) -> None:
    path = written(home, tmp_path)
    assert call(path, "--as", "nobody")[0] == 64
    type(home.ines).objects.filter(username="grace").update(is_active=False)
    assert call(path, "--as", "grace")[0] == 64
    assert not Run.objects.exists()


def test_somebody_of_no_domain_has_to_be_told_which_one_is_meant(
    home: House, tmp_path: Path, others_work: list[Turn]
) -> None:
    path = written(home, tmp_path)
    code, _, errors = call(path, "--as", "sam")
    assert code == 64
    assert "--domain" in errors
    assert not Workflow.objects.exists()
    assert call(path, "--as", "sam", "--domain", "home", "--no-wait")[0] == 3


def test_the_demo_initiator_starts_it_when_nobody_is_named(
    home: House, tmp_path: Path, others_work: list[Turn]
) -> None:
    type(home.ines).objects.filter(pk=home.ines.pk).update(username=command.DEMO_INITIATOR)
    stdout = io.StringIO()
    with pytest.raises(SystemExit) as left:
        call_command("run", str(written(home, tmp_path)), "--no-wait", stdout=stdout)
    assert left.value.code == 3
    assert "started as Ines" in stdout.getvalue()


def test_without_an_instance_it_leaves_with_69(
    home: House, tmp_path: Path, settings: Settings
) -> None:
    settings.RUNNING = None
    settings.DATABASE_URL = ""
    code, _, errors = call(written(home, tmp_path))
    assert (code, Run.objects.count()) == (69, 0)
    assert "manage.py up" in errors


def test_a_wrong_command_line_is_bad_input_and_no_rejection(tmp_path: Path) -> None:
    environment = os.environ | {"COUNTERSIGN_DATA_DIR": str(tmp_path)}
    for arguments, code in ([], 64), (["--surprise"], 64), (["some.yaml"], 69):
        done = subprocess.run(
            [sys.executable, "manage.py", "run", *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
