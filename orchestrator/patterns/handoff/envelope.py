"""What goes over with the work, and how a holder's answer is read. Nothing is guessed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.patterns.children import Fault, misfit
from orchestrator.patterns.handoff.rules import Rules
from orchestrator.workflow.expressions import holds

_TEXT = {"type": "string", "minLength": 1, "maxLength": 4000}
_TEXTS = {"type": "array", "maxItems": 100, "items": _TEXT}
_ARTIFACT = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "digest"],
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 200},
        "digest": {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"},
    },
}
_WORDS_OF_HANDOFF = frozenset({"handoff", "done", "decline"})


@dataclass(frozen=True, slots=True)
class Handed:
    """A handoff that keeps every rule, and what the holder leaves behind."""

    to: str
    envelope: Mapping[str, Any]
    output: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Done:
    """The work ends here, with this output."""

    output: Mapping[str, Any]


Reading = Handed | Done | Fault


def envelope_schema(targets: Sequence[str], data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of an envelope; `data` is the file's schema of its own part."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["to", "reason", "task", *(["data"] if data.get("required") else [])],
        "properties": {
            "to": {"enum": list(targets)},
            "reason": _TEXT,
            "task": _TEXT,
            "artifacts": {"type": "array", "maxItems": 100, "items": _ARTIFACT},
            "open_questions": _TEXTS,
            "completed_checks": _TEXTS,
            "evidence": _TEXTS,
            "data": dict(data),
        },
    }


def answer_schema(rules: Rules, agent: str, *, is_offer: bool) -> dict[str, Any]:
    """Return the JSON Schema of an agent's answer: its output, and what becomes of the work."""
    properties: dict[str, Any] = {}
    if targets := rules.targets(agent):
        properties["handoff"] = envelope_schema(targets, rules.envelope)
    if rules.may_finish(agent):
        properties["done"] = {"const": True}
    if is_offer:
        reason = {"type": "object", "required": ["reason"], "properties": {"reason": _TEXT}}
        properties["decline"] = reason
    ends = [{"required": [word]} for word in properties] if rules.targets(agent) else [{}]
    return {"type": "object", "properties": properties, "anyOf": ends}


def read_answer(
    answer: Mapping[str, Any], *, agent: str, rules: Rules, scope: Mapping[str, Any]
) -> Reading:
    """Return what a holder's answer means, or the one reason why it means nothing."""
    output = {key: value for key, value in answer.items() if key not in _WORDS_OF_HANDOFF}
    if "decline" in answer:
        return Fault("nothing_to_decline", "You hold the work; hand it over or finish it.")
    if "handoff" not in answer:
        return _finished(answer, output, agent, rules)
    if "done" in answer:
        return Fault("done_and_handoff", "An answer hands over or is done, never both.")
    return _handed(answer["handoff"], output, agent, rules, scope)


def _finished(
    answer: Mapping[str, Any], output: Mapping[str, Any], agent: str, rules: Rules
) -> Reading:
    if not rules.targets(agent):
        return Done(output)
    targets = ", ".join(rules.targets(agent))
    if not rules.may_finish(agent):
        return Fault("handoff_missing", f"Your turn has to end with a handoff to {targets}.")
    if answer.get("done") is True:
        return Done(output)
    return Fault("handoff_missing", f"Hand over to {targets}, or say that you are done.")


def _handed(
    handoff: Any,
    output: Mapping[str, Any],
    agent: str,
    rules: Rules,
    scope: Mapping[str, Any],
) -> Reading:
    if isinstance(handoff, Sequence) and not isinstance(handoff, str) and len(handoff) > 1:
        return Fault("several_handoffs", "A turn ends with one handoff; there were several.")
    if fault := _malformed(handoff, rules.targets(agent), rules.envelope):
        return fault
    edge = (agent, handoff["to"])
    required = rules.requires.get(edge, "true")
    if not holds(required, {**scope, "outputs": output, "handoff": handoff}):
        detail = f"A handoff to {handoff['to']} requires {required}, which does not hold."
        return Fault("requirement_unmet", detail)
    return Handed(handoff["to"], handoff, output)


def _malformed(handoff: Any, targets: Sequence[str], data: Mapping[str, Any]) -> Fault | None:
    to = handoff.get("to", "") if isinstance(handoff, Mapping) else ""
    if isinstance(to, str) and to and to not in targets:
        offered = ", ".join(targets) or "nobody"
        return Fault("undeclared_target", f"{to[:60]!r} is no target here; offered: {offered}.")
    return misfit(handoff, envelope_schema(targets, data), "invalid_envelope")
