"""One small workflow for each pattern, as people would write it, and the agents it needs."""

from collections.abc import Callable, Sequence
from typing import Any

from tests.factories.orchestrator import step
from tests.orchestrator.federating import ABROAD

TURN = {"start_to_close": "30s"}
AGENTS = ("ann", "bob", "cid")
PEERS = ("a", "b")


def sequential() -> list[dict[str, Any]]:
    """A sequence within the sequence: its second step reads the first, its third is skipped."""
    inner = [
        step("draft", "ann"),
        step(
            "check", "bob", context=["draft"], **{"with": {"of": "{{ steps.draft.outputs.by }}"}}
        ),
        step("mend", "cid", when="steps.check.outputs.of != 'ann'"),
    ]
    return [
        {"id": "work", "pattern": "sequential", "steps": inner},
        step("close", "cid", when="steps.work.outputs.of == 'ann'"),
    ]


def concurrent() -> list[dict[str, Any]]:
    """A fan over a list, two at a time, and then a step that reads what came together."""
    fan = {
        "id": "scans",
        "pattern": "concurrent",
        "foreach": {"in": "inputs.modules", "as": "module", "cap": 10},
        "do": {"agent": "ann", "timeouts": TURN, "with": {"module": "{{ module }}"}},
        "max_parallel": 2,
        "join": {"policy": "all"},
    }
    report = {"of": "{{ steps.scans.outputs.counts.succeeded }}"}
    return [fan, step("report", "bob", **{"with": report})]


def group_chat() -> list[dict[str, Any]]:
    """Three agents talk until more than half of them vote for one proposal."""
    chat = {
        "id": "talk",
        "pattern": "group_chat",
        "participants": list(AGENTS),
        "terminate": {"max_rounds": 3},
        "consensus": {"method": "majority", "tie_break": ["human"]},
        "timeouts": TURN,
        "with": {},
    }
    return [chat, step("close", "cid")]


def handoff() -> list[dict[str, Any]]:
    """The work goes from one to the next, and the last of them ends it."""
    chain = {
        "id": "ship",
        "pattern": "handoff",
        "start": "ann",
        "transitions": {"ann": ["bob"], "bob": ["cid"]},
        "timeouts": TURN,
    }
    return [chain, step("close", "cid", when="steps.ship.outputs.result.shipped")]


def magentic() -> list[dict[str, Any]]:
    """A manager plans, gives out one piece of work and claims success, which is then checked."""
    team = {
        "id": "repair",
        "pattern": "magentic",
        "manager": "ann",
        "goal": "Make it work",
        "team": {"include": ["bob", "cid"]},
        "plan_review": "never",
        "success_criteria": [
            {
                "id": "mended",
                "text": "Bob mended it",
                "check": "cel",
                "expression": "outputs.bob.by == 'bob'",
            }
        ],
        "limits": {
            "max_rounds": 4,
            "max_stalls": 2,
            "max_replans": 1,
            "max_ledger_retries": 2,
            "max_plan_revisions": 1,
            "max_team": 3,
            "max_depth": 2,
        },
        "timeouts": TURN,
    }
    return [team, step("close", "cid")]


FILES = {
    "sequential": sequential,
    "concurrent": concurrent,
    "group_chat": group_chat,
    "handoff": handoff,
    "magentic": magentic,
}


def _by_peers(names: Sequence[str]) -> dict[str, Any]:
    """Return a file's fields where everybody is a crew of two who bid for its work."""
    crews = {name: {"peers": [f"{name}_{peer}" for peer in PEERS]} for name in names}
    refs = {f"{name}_{peer}": {"ref": f"{name}-{peer}@1"} for name in names for peer in PEERS}
    net = {"award": "lowest_price", "bid_deadline": "30s", "ack_timeout": "30s"}
    return {"topology": {"decentralized": net}, "agents": crews | refs}


def on_strict_terms(names: Sequence[str]) -> dict[str, Any]:
    """Return a file's fields where one who leads is in every crew and may win nothing of his own.

    Peers vote, the first two bids count, and half of the voters have to choose.
    """
    fields = _by_peers(names)
    agents = fields["agents"]
    for name in names:
        if name != "ann":
            agents[name]["peers"].insert(0, f"ann_{PEERS[0]}")
    terms = {"award": "vote", "max_bids": 2, "no_self_award": True, "quorum_percent": 50}
    net = {**fields["topology"]["decentralized"], **terms}
    return {"topology": {"decentralized": net}, "agents": agents}


def _as_named(names: Sequence[str]) -> dict[str, Any]:
    return {"agents": {name: {"ref": f"{name}@1"} for name in names}}


def _with_bob_abroad(names: Sequence[str]) -> dict[str, Any]:
    """Return a file's fields where Bob is an agent of another domain, under a contract."""
    here = _as_named([name for name in names if name != "bob"])["agents"]
    return {"topology": "federated", "agents": {**here, "bob": ABROAD}}


TOPOLOGIES: dict[str, Callable[[Sequence[str]], dict[str, Any]]] = {
    "centralized": _as_named,
    "decentralized": _by_peers,
    "federated": _with_bob_abroad,
}
CELLS = [(pattern, topology) for pattern in FILES for topology in TOPOLOGIES]
INPUTS = {"modules": ["a", "b", "c", "d", "e"]}
