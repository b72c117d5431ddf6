"""A crew of three peers that bid for the work of a real run."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from orchestrator.models import Run
from orchestrator.runners.base import AgentRequest, AgentResult, Heartbeat
from tests.factories import orchestrator as make
from tests.factories.governance import House, house
from tests.factories.orchestrator import started, step

NET = {"award": "lowest_price", "bid_deadline": "30s", "ack_timeout": "30s"}
PRICES = {"ann": 3, "bob": 2, "cid": 1}

Said = Callable[[AgentRequest], Mapping[str, Any]]


class Peer:
    """Bids its price, accepts, and answers a turn as the test says."""

    name, version = "peer", "1"

    def __init__(self) -> None:
        self.asked: list[AgentRequest] = []
        self.accept: Said = lambda _request: {"accept": True}
        self.answer: Said = lambda request: {"by": request.agent_slug}

    def run(self, request: AgentRequest, heartbeat: Heartbeat) -> AgentResult:
        self.asked.append(request)
        if "announcement" in request.task:
            price = PRICES[request.agent_slug]
            return AgentResult({"price_micro_usd": price, "eta_s": 1, "confidence": 1})
        if "award" in request.task:
            return AgentResult(self.accept(request))
        return AgentResult(self.answer(request))

    def turns(self) -> list[AgentRequest]:
        """Return what it was asked to do, which is neither to bid nor to accept."""
        return [request for request in self.asked if "answer" not in request.task]


def furnished(place: Path) -> House:
    """Return a house with the crew."""
    home = house(place)
    for slug in PRICES:
        make.agent(home, slug, "peer")
    return home


def begun(
    home: House,
    *,
    close_sees: Any = ("draft",),
    version: str = "1.0.0",
    terms: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Run:
    """Start a run of a step for the whole crew, and one of Ann's after it.

    `terms` are fields of the topology beside those that it must have.
    """
    crew = {"crew": {"peers": list(PRICES)}}
    refs = {slug: {"ref": f"{slug}@1"} for slug in PRICES}
    steps = [step("draft", "crew", **fields), step("close", "ann", context=_plain(close_sees))]
    topology = {"decentralized": {**NET, **(terms or {})}}
    return started(home, *steps, agents=crew | refs, topology=topology, version=version)


def _plain(sees: Any) -> Any:
    return sees if isinstance(sees, str) else list(sees)
