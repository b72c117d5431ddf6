"""What a file says of a step's action: which tool, how it recovers, who agrees, how it is undone.

All of it only tightens: policy is asked as ever, and what it denies stays denied.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

RISKY = frozenset({"high", "critical"})


@dataclass(frozen=True, slots=True)
class Guard:
    """What holds of the action that a step proposes; empty says nothing.

    `tool` is the only one it may use, `effect_class` what that tool's effect must be, `gate` who
    has to agree beside whom policy asks, `undone` whether an undo has to be registered before it
    acts, `undo_gate` who has to agree to that undo. `scopes` are what its agent needs for it. A no
    of people is `decisive` where the file asks them or says what follows: it ends even the step of
    an agent that could go on.
    """

    tool: str = ""
    effect_class: str = ""
    gate: str = ""
    undone: bool = False
    undo_gate: str = ""
    scopes: tuple[str, ...] = ()
    decisive: bool = False


@dataclass(frozen=True, slots=True)
class GateRule:
    """Who has to agree, `quorum` of each group, none of them one of `separation`."""

    groups: tuple[str, ...]
    quorum: int
    separation: tuple[str, ...]
    expires: str
    on_expire: str


NOTHING = Guard()


def guard_in(plain: Mapping[str, Any]) -> Guard:
    """Return what a node of the file says of its action."""
    compensate = plain.get("compensate")
    return Guard(
        tool=plain.get("action", ""),
        effect_class=plain.get("effect", {}).get("class", ""),
        gate=plain.get("gate", ""),
        undone=compensate is not None,
        undo_gate=compensate["gate"] if isinstance(compensate, Mapping) else "",
        scopes=tuple(plain.get("scopes", ())),
        decisive="gate" in plain or "on_reject" in plain,
    )


def gates_in(plain: Mapping[str, Any]) -> dict[str, GateRule]:
    """Return the gates that a file declares, by name."""
    return {name: _gate(gate) for name, gate in plain.get("gates", {}).items()}


def _gate(plain: Mapping[str, Any]) -> GateRule:
    return GateRule(
        groups=tuple(plain["approvers"]["groups"]),
        quorum=plain.get("quorum", 1),
        separation=tuple(plain.get("separation", ("initiator",))),
        expires=plain["expires"],
        on_expire=plain.get("on_expire", "reject"),
    )
