from dataclasses import asdict
from pathlib import Path

import pytest

from orchestrator.workflow.definition import from_plain
from orchestrator.workflow.loading import parse
from orchestrator.workflow.problems import WorkflowFileError
from orchestrator.workflow.source import MAX_BYTES, decode

SAMPLE = (Path(__file__).parent / "files" / "review.yaml").read_text()


def complaints(text: str) -> list[str]:
    with pytest.raises(WorkflowFileError) as caught:
        parse(text, "review.yaml")
    return [str(problem) for problem in caught.value.problems]


def changed(old: str, new: str) -> str:
    assert SAMPLE.count(old) >= 1
    return SAMPLE.replace(old, new, 1)


def line_of(fragment: str, text: str = SAMPLE) -> int:
    return text[: text.index(fragment)].count("\n") + 1


def test_the_sample_is_read() -> None:
    definition = parse(SAMPLE, "review.yaml")
    assert [step.id for step in definition.steps] == ["style", "security", "merge"]
    assert definition.deadline.total_seconds() == 6 * 3600
    assert definition.agents["merger"].version == 2
    assert definition.step("merge").context == ("style", "security")
    assert definition.step("security").needs == ("style",)
    assert [rule.route for rule in definition.step("style").checkpoint] == ["stop", "postpone"]


def test_money_is_never_a_float() -> None:
    text = changed("usd: 12.00", "usd: 0.29").replace("reserve_usd: 1.50", "reserve_usd: '0.07'")
    rule = parse(text, "review.yaml").budget
    assert rule.caps == {"micro_usd": 290_000, "tokens": 2_000_000}
    assert (rule.reserve, rule.alerts, rule.on_exhausted) == (70_000, (50, 80, 100), "escalate")


def test_only_budgets_of_the_file_and_its_nodes_are_money() -> None:
    text = changed('note: "Look at', 'budget: {usd: 0.5}, note: "Look at')
    step = parse(text, "review.yaml").step("style")
    assert step.arguments is not None
    assert step.arguments["budget"] == {"usd": 0.5}


def test_a_definition_reads_back_the_same_from_what_is_stored() -> None:
    definition = parse(SAMPLE, "review.yaml")
    assert asdict(from_plain(definition.plain)) == asdict(definition)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("owners:", "owner:", "unknown key 'owner'"),
        ("    on_failure: stop", "    on_fail: stop", "unknown key 'on_fail' in steps[1]"),
        (", max_attempts: 3", "", "'max_attempts' is missing in limits"),
        ("deadline: 6h, ", "", "'deadline' is missing in limits"),
        ("max_attempts: 3", "max_attempts: three", "limits.max_attempts: "),
        ("max_attempts: 3", "max_attempts: 4", "limits.max_attempts: 4 is greater"),
        ("deadline: 6h", "deadline: 6 hours", "limits.deadline: "),
        ("usd: 12.00, tokens", "tokens", "'usd' is missing in budget"),
        ("usd: 12.00", "usd: 12.0000001", "budget.usd: "),
        ("usd: 12.00", "usd: -1", "budget.usd: "),
        ("usd: 12.00", "usd: .inf", "budget.usd: "),
        ("tokens: 2000000", "tokens: 1.5", "budget.tokens: 1.5 is not of type"),
        ("usd: 12.00", "usd: 12.00, on_exhausted: approve", "budget.on_exhausted: "),
        ("version: 1.2.0", "version: 1.2", "version: 1.2 is not of type"),
        ("api: countersign.dev/workflow/v1", "api: v2", "api: "),
        ("    agent: security\n", "    agent: sekurity\n", "unknown agent 'sekurity'"),
        ("merger@2", "merger", "agents.merger.ref: "),
        ("needs: [style]", "needs: [stile]", "needs names an unknown step 'stile'"),
        ("needs: [style]", "needs: [security]", "step 'security' waits for itself"),
        ("needs: [style]", "needs: [merge]", "step 'security' waits for itself through 'merge'"),
        ("[style, security]\n", "[style, merge]\n", "context names 'merge', which has not run"),
        ("outputs.critical == 0", "outputs.critical ==", "not a CEL expression: "),
        ("outputs.critical == 0", "output.critical == 0", "unknown name 'output'"),
        ("steps.merge.outputs", "steps.marge.outputs", "steps.marge is not a step"),
        ("inputs.repo }}", "input.repo }}", "unknown name 'input'"),
        (
            "outputs.critical == 0",
            "outputs.l.all(a, outputs.l.all(b, outputs.l.exists(c, c == a)))",
            "macros (all, exists, map, filter) stand at most 2 deep, not 3",
        ),
        (
            "steps.merge.outputs.merged == true",
            f"steps.merge.outputs.merged == '{'x' * 500}'",
            "success[0]: ",
        ),
        (
            "inputs.repo }}",
            f"inputs.repo{' ' * 500}}}}}",
            "an expression has at most 500 characters",
        ),
        ("route: stop", "route: shrug", "steps[0].checkpoint[0].route: "),
        ("type: string, title: Repository", "type: strong", "inputs is not a JSON Schema"),
        ("topology: centralized", "topology: anarchic", "topology: "),
        ("id: security", "id: style", "step id 'style' is used twice"),
        ("name: review", "name: review\nname: twice", "key 'name' is written twice"),
        ("[team:maintainers]", "&a [team:maintainers]", "anchors (&name) are not allowed"),
        ("[team:maintainers]", "*a", "aliases (*name) are not allowed"),
        ("[team:maintainers]", "!!set {a}", "tags (!name) are not allowed"),
        ("owners: [", "owners: [[", "not YAML: "),
    ],
)
def test_a_mistake_is_refused_with_file_line_and_reason(old: str, new: str, message: str) -> None:
    found = complaints(changed(old, new))
    assert any(message in text for text in found), found
    assert all(text.startswith("review.yaml:") for text in found)


def test_a_mistake_points_at_its_own_line() -> None:
    text = changed("    agent: security\n", "    agent: sekurity\n")
    line = line_of("agent: sekurity", text)
    assert f"review.yaml:{line}: unknown agent 'sekurity'" in complaints(text)


def test_every_mistake_is_reported_at_once_in_the_order_of_the_file() -> None:
    text = changed("owners:", "owner:").replace(", max_attempts: 3", "")
    text = text.replace("route: stop", "route: shrug")
    found = complaints(text)
    assert len(found) == 3
    assert found == sorted(found, key=lambda said: int(said.split(":")[1]))


def test_a_step_that_needs_a_later_one_is_told_to_move() -> None:
    text = changed("needs: [style]", "needs: []").replace("    needs: [security]\n", "")
    text = text.replace("  - id: style\n", "  - id: style\n    needs: [merge]\n")
    text = text.replace("  - id: merge\n", "  - id: merge\n    needs: []\n")
    assert any("needs 'merge', which stands after it" in said for said in complaints(text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1: the file is empty"),
        ("just words", "1: a workflow file is a mapping"),
        ("\x00", "1: not YAML"),
        ("a: 1\n---\nb: 2", "2: a workflow file holds one document"),
        ("? [a]\n: 1", "1: a key must be text"),
        ("[" * 50_000, "1: nested deeper than 32 levels"),
        ("- a\n" * 20_000, "10000: more than 10000 values"),
        ("x: " + "a" * MAX_BYTES, "1: the file is larger than 256 KiB"),
    ],
)
def test_what_is_no_workflow_file_at_all_is_refused(text: str, message: str) -> None:
    assert any(message in said for said in complaints(text))


def test_a_bomb_of_aliases_is_refused_without_expanding_it() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    found = complaints("\n".join(lines))
    assert any("aliases" in said for said in found)


def test_words_that_older_yaml_would_turn_into_something_else_stay_text() -> None:
    text = changed("title: Branch", "title: on").replace("default: feature", "default: 2026-11-20")
    branch = parse(text, "review.yaml").inputs["properties"]["branch"]
    assert branch["title"] == "on"
    assert branch["default"] == "2026-11-20"


def test_bytes_that_are_too_many_or_no_text_are_refused_before_parsing() -> None:
    with pytest.raises(WorkflowFileError, match="larger than 256 KiB"):
        decode(b"x" * (MAX_BYTES + 1), "big.yaml")
    with pytest.raises(WorkflowFileError, match=r"latin\.yaml:2: the file is not UTF-8"):
        decode(b"a: 1\nb: \xff", "latin.yaml")


def test_a_remote_schema_is_never_fetched() -> None:
    text = changed("type: string, title: Repository", "$ref: 'https://example.com/s.json', x: y")
    (said,) = complaints(text)
    assert "inputs is not a JSON Schema to be used: $ref leads to a place in this schema" in said
    assert said.startswith(f"review.yaml:{line_of('https://example.com', text)}: ")
