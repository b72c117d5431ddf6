"""What a file may say about blocks, and what it is told when it says something else."""

import json
from dataclasses import asdict
from typing import Any

import pytest

from orchestrator.workflow.assembly import assembled
from orchestrator.workflow.definition import from_plain
from orchestrator.workflow.loading import parse
from orchestrator.workflow.planning import granted, plan_of
from orchestrator.workflow.problems import WorkflowFileError
from orchestrator.workflow.shape import SCHEMA_FILE

HEAD = """\
api: countersign.dev/workflow/v1
name: blocks
version: 1.0.0
inputs: {type: object}
success: ["true"]
limits: {deadline: 1h, max_attempts: 3, max_rounds: 4, max_parallel: 8}
budget: {usd: 1.00, tokens: 100000}
agents:
  ann: {ref: ann@1}
  bob: {ref: bob@1}
steps:
"""
FAN = """\
  - id: first
    agent: bob
    timeouts: {start_to_close: 30s}
  - id: fan
    pattern: concurrent
    foreach: {in: inputs.modules, as: module, cap: 5}
    do:
      pattern: sequential
      steps:
        - id: look
          agent: ann
          timeouts: {start_to_close: 30s}
          with: {module: "{{ module }}"}
        - id: tell
          agent: bob
          timeouts: {start_to_close: 30s}
          when: steps.look.outputs.ok && steps.first.outputs.ok
          on_failure: {to: look, max: 2}
    max_parallel: 2
"""
TALK = """\
  - id: talk
    pattern: group_chat
    participants: [ann, bob]
    terminate: {max_rounds: 3}
    consensus: {method: majority, tie_break: [human]}
    timeouts: {start_to_close: 30s}
"""
SHIP = """\
  - id: ship
    pattern: handoff
    start: ann
    transitions: {ann: [bob]}
    timeouts: {start_to_close: 30s}
"""
BRANCHES = """\
  - id: both
    pattern: concurrent
    branches:
      left: {agent: ann, timeouts: {start_to_close: 30s}}
      right: {agent: bob, timeouts: {start_to_close: 30s}}
"""


def complaints(text: str) -> list[str]:
    with pytest.raises(WorkflowFileError) as caught:
        parse(text, "blocks.yaml")
    return [str(problem) for problem in caught.value.problems]


def test_the_published_schema_is_what_the_patterns_say_today() -> None:
    assert json.loads(SCHEMA_FILE.read_text()) == assembled()


@pytest.mark.parametrize("steps", [FAN, TALK, SHIP, BRANCHES, FAN + TALK + SHIP + BRANCHES])
def test_a_file_with_blocks_reads_back_the_same_from_what_is_stored(steps: str) -> None:
    definition = parse(HEAD + steps, "blocks.yaml")
    assert asdict(from_plain(definition.plain)) == asdict(definition)


def test_a_block_is_planned_with_everything_in_it() -> None:
    [_first, fan] = plan_of(parse(HEAD + FAN, "blocks.yaml"))
    assert (fan.pattern, fan.options["max_parallel"]) == ("concurrent", 2)
    [do] = fan.plan
    assert (do.path, do.pattern, [step.path for step in do.plan]) == (
        "do",
        "sequential",
        ["look", "tell"],
    )
    assert do.plan[1].jumps["failed"].max == 2


def test_a_limit_of_the_file_bounds_a_block_that_says_nothing() -> None:
    [both] = plan_of(parse(HEAD + BRANCHES, "blocks.yaml"))
    assert both.options["max_parallel"] == 8


def test_what_the_file_says_of_a_step_is_found_by_its_place_in_a_run() -> None:
    definition = parse(HEAD + FAN + TALK, "blocks.yaml")
    assert definition.step("fan/3#1/tell#2").id == "tell"
    turn = definition.step("talk/turn#4")
    assert (turn.on_failure, turn.timeouts.start_to_close.total_seconds()) == ("stop", 30)
    for nobody in ("nobody", "first/turn"):
        with pytest.raises(LookupError):
            definition.step(nobody)


def test_a_step_sees_what_went_before_it_in_its_block_and_around_it() -> None:
    definition = parse(HEAD + FAN + TALK, "blocks.yaml")
    assert granted(definition, "fan/0/tell") == ["look"]
    assert granted(definition, "fan/0/look") == ["first"]
    assert granted(definition, "talk/turn") == ["fan"]


@pytest.mark.parametrize(
    ("steps", "old", "new", "message"),
    [
        (FAN, "pattern: concurrent", "pattern: sideways", "steps[1].pattern: "),
        (FAN, "    max_parallel: 2", "    max_parallell: 2", "unknown key 'max_parallell'"),
        (FAN, "    max_parallel: 2", "    max_parallel: 9", "limits.max_parallel allows 8"),
        (FAN, "cap: 5", "cup: 5", "unknown key 'cup' in steps[1].foreach"),
        (FAN, ", cap: 5", "", "'cap' is missing in steps[1].foreach"),
        (FAN, "in: inputs.modules", "in: modules", "unknown name 'modules'"),
        (FAN, "{{ module }}", "{{ modul }}", "unknown name 'modul'"),
        (FAN, "steps.look.outputs.ok", "steps.tell.outputs.ok", "steps.tell is not a step"),
        (FAN, "{to: look,", "{to: first,", "'first' is neither this step nor one before it"),
        (FAN, "id: look", "id: first", "step id 'first' is used twice"),
        (FAN, "          agent: ann\n", "          agent: eve\n", "unknown agent 'eve'"),
        (TALK, "[ann, bob]", "[ann, eve]", "unknown agent 'eve'"),
        (TALK, "max_rounds: 3", "max_rounds: 5", "limits.max_rounds allows 4"),
        (TALK, "terminate: {max_rounds: 3}", "terminate: {}", "'max_rounds' is missing"),
        (TALK, ", tie_break: [human]", "", "'tie_break' is missing"),
        (TALK, "    timeouts: {start_to_close: 30s}\n", "", "'timeouts' is missing"),
        (SHIP, "{ann: [bob]}", "{ann: [bob, eve]}", "unknown agent 'eve'"),
        (SHIP, "{ann: [bob]}", "{ann: [ann, bob]}", "'ann' hands over to itself"),
        (BRANCHES, "left: {agent: ann,", "left: {id: x, agent: ann,", "branches.left.id: "),
        (
            BRANCHES,
            "left: {agent: ann,",
            "left: {agent: ann, on_failure: continue,",
            "a branch does not go on or back by itself",
        ),
    ],
)
def test_a_mistake_in_a_block_is_said_at_its_line(
    steps: str, old: str, new: str, message: str
) -> None:
    assert old in steps
    text = HEAD + steps.replace(old, new, 1)
    found = complaints(text)
    assert any(message in said for said in found), found
    line = HEAD.count("\n") + steps[: steps.index(old)].count("\n") + 1
    place = min(int(said.split(":")[1]) for said in found if message in said)
    assert line - 6 <= place <= line + 1, found


def nested(depth: int) -> dict[str, Any]:
    step: dict[str, Any] = {"agent": "ann", "timeouts": {"start_to_close": "30s"}}
    for level in range(depth):
        step = {"pattern": "sequential", "steps": [{"id": f"s{level}", **step}]}
    return {"id": "root", **step}


def test_blocks_nest_as_deep_as_a_file_may() -> None:
    head = HEAD.replace("steps:\n", "").replace("  bob: {ref: bob@1}\n", "")
    text = f"{head}steps: [{json.dumps(nested(6))}]"
    assert parse(text, "deep.yaml").steps[0].pattern == "sequential"
