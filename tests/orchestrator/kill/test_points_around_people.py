"""A worker dies at seeded points of what people decide about: an undo, and work nobody took."""

from functools import partial

import pytest

from audit.models import Event
from governance.models import Effect, Gate, Warrant
from orchestrator.models import Run
from orchestrator.selectors.replays import Replayed, replay
from orchestrator.services import escalation
from orchestrator.services.product_tools import register_tools
from tests.factories import governance
from tests.factories import orchestrator as make
from tests.factories.audit import recorded
from tests.factories.governance import House
from tests.factories.orchestrator import step, step_of
from tests.orchestrator.cells.driving import PLAYER
from tests.orchestrator.kill.arena import Arena, Played, check, killed_at, point_of
from tests.orchestrator.services.escalating import admit, use

pytestmark = [pytest.mark.kill, pytest.mark.slow]

SEEDS = (1, 2, 3)
UNDO_ASKS = """
@id("permit.undo") @tier("permit")
permit (principal, action == Countersign::Action::"effect.undo", resource);

@id("gate.undo") @tier("gate") @reason("undo_of_high_risk")
@quorum("1") @group("maintainers") @distinct_from("initiator")
@decide_within("PT4H") @valid_for("PT1H")
forbid (principal, action == Countersign::Action::"effect.undo", resource);
"""


@pytest.fixture(scope="module")
def home(arena: Arena) -> House:
    """Let undos need people, and nobody of a crew take work at once."""
    home = arena.home
    governance.bundle(home.domain, governance.POLICIES + UNDO_ASKS)
    register_tools(home.domain, make.TESTER)
    admit(home, home.ines)
    make.broken_agent(home, "broken")
    for slug, config in (
        ("writer", {"places": ["a", "b"]}),
        ("dot", {"places": ["draft"], "reluctant": True}),
        ("eve", {"places": ["draft"], "reluctant": True}),
    ):
        make.agent(home, slug, PLAYER, **config, ledger=str(arena.ledger))
    return home


def write_and_fail(home: House) -> Run:
    """Write two lines, and fail, so that both are taken out again."""
    writes = [step(name, "writer") for name in "ab"]
    return make.started(home, *writes, step("last", "broken", on_failure="stop"))


def approve_undos(home: House, run: Run) -> bool:
    """Approve what is asked about undoing; whether the run is being rolled back."""
    waiting = Gate.objects.filter(action__run_id=run.pk, state="pending")
    for gate in waiting.select_related("action"):
        governance.review(gate, home.grace)
    return run.state == "compensating"


def offer(home: House) -> Run:
    """Announce work that nobody takes until people announce it again."""
    crew = {"crew": {"peers": ["dot", "eve"]}}
    refs = {slug: {"ref": f"{slug}@1"} for slug in ("dot", "eve")}
    net = {"award": "lowest_price", "bid_deadline": "5m", "ack_timeout": "5m"}
    topology = {"decentralized": {**net, "max_reannounce": 0}}
    return make.started(home, step("draft", "crew"), agents=crew | refs, topology=topology)


def announce_again(run: Run) -> bool:
    """Announce it once more where nobody took it; whether that was so."""
    if step_of(run, "draft").error_code != "nobody_took_it":
        return False
    use(escalation.announce_again, run, "draft")
    return True


def compensated(run: Run) -> list[str]:
    """Return the effects that were undone, in the order in which they were."""
    events = Event.objects.filter(stream__object_id=str(run.pk), type="effect.compensated")
    return list(events.order_by("seq").values_list("object_id", flat=True))


def assert_undone_once(undisturbed: Played, killed: Played) -> None:
    run = killed.run
    assert killed.died, "nobody died"
    assert (run.state, run.rollback) == ("failed", "complete")
    assert (killed.effects, killed.lines) == (undisturbed.effects, [])
    done = Effect.objects.filter(run_id=run.pk, state="compensated").order_by("-commit_seq")
    assert compensated(run) == [str(effect.pk) for effect in done]
    used = Warrant.objects.filter(action__run_id=run.pk, action__tool="effect.undo")
    assert [warrant.effect.state for warrant in used] == ["succeeded", "succeeded"]
    assert isinstance(replay(run.pk), Replayed)


def test_a_worker_killed_around_an_undo_that_people_agree_to_leaves_it_done_once(
    arena: Arena, home: House
) -> None:
    play = partial(arena.played, partial(write_and_fail, home), partial(approve_undos, home))
    undisturbed = play()
    assert len(undisturbed.effects) == 4
    for seed in SEEDS:
        later = point_of(seed, ("an", "undo"), undisturbed.passed - undisturbed.before)
        killed = killed_at(play, undisturbed.before + later)
        assert_undone_once(undisturbed, killed)


def test_a_worker_killed_around_work_that_people_announce_again_costs_time_only(
    arena: Arena, home: House
) -> None:
    play = partial(arena.played, partial(offer, home), announce_again)
    undisturbed = play()
    assert undisturbed.lines == ["draft"]
    for seed in SEEDS:
        later = point_of(seed, ("an", "offer"), undisturbed.passed - undisturbed.before)
        killed = killed_at(play, undisturbed.before + later)
        check(undisturbed, killed)
        told = recorded(f"run:{killed.run.pk}")
        assert (told.count("contract.announced"), told.count("step.announced_again")) == (2, 1)
