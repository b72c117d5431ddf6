"""Policies as text become policies that can be evaluated, or an error that says where and why."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cedarpy

from audit.canonical import digest
from governance.policy.annotations import Meta, Tier, read

_TOKENS = re.compile(r'//[^\n]*|"(?:\\.|[^"\\])*"|[^ \t\r\n]')


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a bundle: the line it begins on, the policy's id, and what to do."""

    line: int
    policy: str
    message: str

    def __str__(self) -> str:
        name = f"{self.policy}: " if self.policy else ""
        return f"line {self.line}: {name}{self.message}"


class PolicyError(ValueError):
    """The bundle cannot be used; `problems` lists every reason found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Policy:
    """One compiled policy. `content_hash` ignores layout and comments.

    `reads` are the attributes its conditions look at, such as `context.facts.commit_count`.
    """

    meta: Meta
    content_hash: str
    line: int
    reads: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CompiledBundle:
    """Parsed handles of one bundle. `policies` maps the engine's `policyN` to what it is.

    `names` are the actions that a policy names itself, `permits` those that a permit names;
    `permits_all` says that some permit is about every action.
    """

    schema: cedarpy.Schema
    full: cedarpy.PolicySet
    without_gates: cedarpy.PolicySet
    policies: Mapping[str, Policy]
    names: frozenset[str] = frozenset()
    permits: frozenset[str] = frozenset()
    permits_all: bool = False

    def is_about(self, action: str) -> bool:
        """Whether the policies rule on this action as on something they know of.

        A policy names it, or a permit takes in every action. A boundary around all actions is
        not enough: without a permit it could only ever be denied.
        """
        return self.permits_all or action in self.names

    def may_permit(self, action: str) -> bool:
        """Whether any permit could let this action happen."""
        return self.permits_all or action in self.permits


def compile_bundle(policies: str, schema: str) -> CompiledBundle:
    """Parse, check against the closed annotations and the schema; raises PolicyError."""
    parsed_schema = _schema(schema)
    lines = list(statement_lines(policies))
    source = _source(policies, lines)
    compiled, problems = _policies(source, lines)
    problems += _findings(policies, parsed_schema, compiled, lines)
    if problems:
        raise PolicyError(sorted(problems, key=lambda problem: problem.line))
    gates = {key for key, policy in compiled.items() if policy.meta.tier is Tier.GATE}
    permits = [policy for policy in source.values() if policy["effect"] == "permit"]
    return CompiledBundle(
        schema=parsed_schema,
        full=_policy_set(source),
        without_gates=_policy_set({k: v for k, v in source.items() if k not in gates}),
        policies=compiled,
        names=_named_by(source.values()),
        permits=_named_by(permits),
        permits_all=any(policy["action"]["op"] == "All" for policy in permits),
    )


def statement_lines(text: str) -> Iterator[int]:
    """Yield the line on which each policy begins, comments and strings left aside."""
    begins = 0
    for token in _TOKENS.finditer(text):
        if token.group().startswith("//"):
            continue
        begins = begins or text.count("\n", 0, token.start()) + 1
        if token.group() == ";":
            yield begins
            begins = 0
    if begins:
        yield begins


def _schema(text: str) -> cedarpy.Schema:
    try:
        return cedarpy.Schema.from_str(text)
    except ValueError as error:
        raise PolicyError([Problem(1, "", f"the schema does not parse: {error}")]) from error


def _source(text: str, lines: Sequence[int]) -> dict[str, Any]:
    try:
        parsed = json.loads(cedarpy.policies_to_json_str(text))
    except ValueError as error:
        raise PolicyError([_syntax_problem(text, lines, error)]) from error
    if parsed["templates"]:
        raise PolicyError([Problem(1, "", "write out ?principal and ?resource; no templates")])
    if not parsed["staticPolicies"]:
        raise PolicyError([Problem(1, "", "there is no policy, so nothing could be permitted")])
    return dict(parsed["staticPolicies"])


def _syntax_problem(text: str, lines: Sequence[int], error: ValueError) -> Problem:
    # The engine does not say where, so the policies are tried one by one.
    rows = text.split("\n")
    for begin, end in zip(lines, [*lines[1:], len(rows) + 1], strict=False):
        statement = "\n".join(rows[begin - 1 : max(end - 1, begin)])
        try:
            cedarpy.PolicySet.from_str(statement)
        except ValueError as found:
            return Problem(begin, "", f"does not parse: {found}")
    return Problem(1, "", f"does not parse: {error}")


def _policies(
    source: Mapping[str, Any], lines: Sequence[int]
) -> tuple[dict[str, Policy], list[Problem]]:
    compiled: dict[str, Policy] = {}
    problems: list[Problem] = []
    seen: set[str] = set()
    for key in sorted(source, key=_position):
        line, named = lines[_position(key)], source[key].get("annotations", {}).get("id") or ""
        try:
            compiled[key] = _policy(source[key], line)
        except ValueError as error:
            problems.append(Problem(line, named, str(error)))
        if named and named in seen:
            problems.append(Problem(line, named, "another policy has this id already"))
        seen.add(named)
    return compiled, problems


def _position(key: str) -> int:
    return int(key.removeprefix("policy"))


def _policy(source: Mapping[str, Any], line: int) -> Policy:
    texts = {name: value or "" for name, value in source.get("annotations", {}).items()}
    reads = sorted({path for condition in source["conditions"] for path in _reads(condition)})
    return Policy(read(texts, source["effect"]), digest(source), line, tuple(reads))


def _named_by(policies: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Return the actions in the scopes of policies; none of one that is about all of them."""
    scopes = [policy["action"] for policy in policies]
    one = [scope["entity"] for scope in scopes if "entity" in scope]
    several = [entity for scope in scopes for entity in scope.get("entities", ())]
    return frozenset(str(entity["id"]) for entity in (*one, *several))


def _reads(node: Any) -> Iterator[str]:
    path = _path(node)
    if path:
        yield path
    elif isinstance(node, dict | list):
        for child in node.values() if isinstance(node, dict) else node:
            yield from _reads(child)


def _path(node: Any) -> str:
    """Return `context.facts.x` for the engine's nested form of it, and nothing for the rest."""
    match node:
        case {".": access} | {"has": access}:
            before = _path(access["left"])
            return f"{before}.{access['attr']}" if before else ""
        case {"Var": str(root)}:
            return root
        case _:
            return ""


def _findings(
    text: str,
    schema: cedarpy.Schema,
    compiled: Mapping[str, Policy],
    lines: Sequence[int],
) -> list[Problem]:
    return [
        Problem(
            lines[_position(finding.policy_id)] if finding.policy_id else 1,
            compiled[finding.policy_id].meta.id if finding.policy_id in compiled else "",
            finding.error,
        )
        for finding in cedarpy.validate_policies(text, schema).errors
    ]


def _policy_set(source: Mapping[str, Any]) -> cedarpy.PolicySet:
    document = {"staticPolicies": source, "templates": {}, "templateLinks": []}
    return cedarpy.PolicySet.from_json_str(json.dumps(document))
