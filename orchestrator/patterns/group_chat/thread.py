"""The thread: everything said in a chat, in order, as all of its participants see it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from orchestrator.patterns.base import PastStep
from orchestrator.patterns.children import Fault, fault_of

SHOWN = 40
_LONGEST = 8000
_ALL_KINDS = ("message", "proposal", "evidence")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the thread. `refs` name what it is about, `data` is for expressions and code."""

    seq: int
    author: str
    kind: str
    body: str
    refs: Sequence[str] = ()
    data: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the entry as agents and expressions read it."""
        return asdict(self) | {"refs": list(self.refs), "data": dict(self.data)}


@dataclass(frozen=True, slots=True)
class Turn:
    """A participant's turn that ended: what it said, or how it lost the turn."""

    participant: str
    author: str
    answer: Mapping[str, Any]
    fault: Fault | None

    @property
    def kind(self) -> str:
        """Return the kind of what was said, empty for a lost turn."""
        return "" if self.fault else str(self.answer["kind"])

    def entry(self, seq: int) -> Entry:
        """Return the turn as the thread's line number `seq`."""
        refs, data = self.answer.get("refs", ()), self.answer.get("data", {})
        return Entry(seq, self.author, self.kind, self.answer["text"], tuple(refs), data)


def answer_schema(*, may_propose: bool) -> dict[str, Any]:
    """Return the JSON Schema of what a speaker may say; a full list of proposals takes no more."""
    kinds = [kind for kind in _ALL_KINDS if may_propose or kind != "proposal"]
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["kind", "text"],
        "properties": {
            "kind": {"enum": kinds},
            "text": {"type": "string", "minLength": 1, "maxLength": _LONGEST},
            "refs": {
                "type": "array",
                "maxItems": 20,
                "items": {"type": "string", "minLength": 1, "maxLength": 200},
            },
            "data": {"type": "object"},
        },
    }


def turns_of(steps: Iterable[PastStep], *, max_proposals: int) -> tuple[Turn, ...]:
    """Return the turns that ended, each judged by what it was allowed to say."""
    turns: list[Turn] = []
    for step in steps:
        made = sum(turn.kind == "proposal" for turn in turns)
        fault = fault_of(step, answer_schema(may_propose=made < max_proposals))
        participant = step.task["participant"]
        turns.append(Turn(participant, step.agent or participant, step.output, fault))
    return tuple(turns)


def proposals_in(turns: Sequence[Turn]) -> dict[str, dict[str, Any]]:
    """Return the proposals by number, `p1` first."""
    made = [turn for turn in turns if turn.kind == "proposal"]
    return {f"p{n}": _proposal(f"p{n}", turn) for n, turn in enumerate(made, start=1)}


def _proposal(name: str, turn: Turn) -> dict[str, Any]:
    data = dict(turn.answer.get("data", {}))
    return {"id": name, "author": turn.author, "text": turn.answer["text"], "data": data}
