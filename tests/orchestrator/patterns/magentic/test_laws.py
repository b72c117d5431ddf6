"""What holds of every magentic block, whatever its manager and its team answer."""

from collections import Counter
from collections.abc import Mapping
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.patterns.base import Ask, Finish, Start
from orchestrator.patterns.magentic.drift import drift_of
from orchestrator.patterns.magentic.task_ledger import Item
from tests.harness.examples import tried
from tests.orchestrator.patterns.magentic.team import (
    AUDITED,
    GREEN,
    SATISFIED,
    STUCK,
    WANTED,
    as_item,
    claim,
    item,
    magentic,
    member,
    options,
    plan,
    progress,
)
from tests.orchestrator.patterns.world import Ended, World, failed, said

REVIEWS = ("initial", "replan", "risk>=high", "always", "never")
CRITERIA = ([GREEN], [AUDITED], [WANTED, AUDITED], [AUDITED, GREEN], [WANTED, AUDITED, GREEN])
TEAM = ("fixer", "tester", "profiler")
GARBAGE: list[dict[str, Any]] = [
    {},
    {"is_request_satisfied": True},
    {"next_speaker": "mallory"},
    {"status": "succeeded", "criteria": [{"id": "green", "met": True}]},
    progress("mallory"),
    progress("fix", satisfied=True),
    progress("test", amend={"plan": [item("test", "mallory")]}),
    progress("fix", needs_human=claim(answer=True)),
    SATISFIED,
    STUCK,
    plan(team=("mallory",)),
    plan(item("fix", "fixer", "fix")),
    {"met": "yes", "reason": ""},
    {"artifacts": "many", "failures": 0},
    {"errors": -1},
]


@st.composite
def blocks(draw: st.DrawFn) -> dict[str, Any]:
    limits = {
        "max_rounds": draw(st.integers(1, 8)),
        "max_stalls": draw(st.integers(1, 3)),
        "max_replans": draw(st.integers(0, 2)),
        "max_ledger_retries": draw(st.integers(0, 3)),
        "max_plan_revisions": draw(st.integers(0, 2)),
        "max_team": draw(st.integers(1, 3)),
    }
    chosen = draw(st.sampled_from(CRITERIA))
    return options(*chosen, review=draw(st.sampled_from(REVIEWS)), **limits)


class Adversary:
    """Answers at random: well, with garbage, or not at all; it keeps what each criterion got."""

    def __init__(self, random: Random, honesty: float) -> None:
        self.random, self.honesty = random, honesty
        self.items: list[dict[str, Any]] = []
        self.failures: int | None = None
        self.verdicts: dict[str, bool] = {}

    def __call__(self, ask: Ask) -> Ended:
        ended = self._people() if ask.kind == "approval" else self._agent(ask)
        output = ended.output if ended.state == "succeeded" else {}
        if ask.agent == "tester":
            self.failures = output.get("failures") if "artifacts" not in output else None
        if ask.path == "check_audited":
            self.verdicts["audited"] = output.get("met") is True
        if ask.path == "check_wanted":
            self.verdicts["wanted"] = ended.state == "succeeded" and not output
        return ended

    def _people(self) -> Ended:
        dice = self.random.random()
        if dice < 0.7:
            return said()
        if dice < 0.9:
            return said(revise="Otherwise, please")
        return Ended(self.random.choice(["rejected", "timed_out", "cancelled"]), {})

    def _agent(self, ask: Ask) -> Ended:
        if self.random.random() < self.honesty:
            return said(**self._honest(ask))
        if self.random.random() < 0.3:
            return failed(self.random.choice(["crashed", "timed_out"]))
        return said(**self.random.choice(GARBAGE))

    def _honest(self, ask: Ask) -> dict[str, Any]:
        if ask.path == "plan":
            return self._plan(ask)
        if ask.path == "progress":
            return self._progress(ask)
        if ask.path.startswith("check_"):
            return {"met": self.random.random() < 0.7, "reason": "looked"}
        return {"failures": self.random.randrange(2), "n": self.random.randrange(3)}

    def _plan(self, ask: Ask) -> dict[str, Any]:
        team = self.random.sample(TEAM, self.random.randint(1, ask.task["max_team"]))
        known: list[str] = []
        items = []
        for name in ("fix", "test", "look")[: self.random.randint(1, 3)]:
            items.append(self._item(name, self.random.choice(team), known))
            known.append(name)
        replan = {"reason": "stuck", "root_cause": "unclear"} if "stall" in ask.task else None
        return plan(*items, team=tuple(team)) | ({"replan": replan} if replan else {})

    def _item(self, name: str, agent: str, known: list[str]) -> dict[str, Any]:
        needs = self.random.sample(known, self.random.randint(0, len(known)))
        return item(
            name,
            agent,
            *needs,
            risk=self.random.choice(["low", "high", "critical"]),
            scopes=self.random.sample(["repo", "production"], self.random.randint(0, 2)),
            est_cost_micro_usd=self.random.choice([0, 1000, 1200, 1201]),
            needs_approval=self.random.random() < 0.2,
        )

    def _progress(self, ask: Ask) -> dict[str, Any]:
        dice = self.random.random()
        if dice < 0.25:
            return SATISFIED
        if dice < 0.35:
            return STUCK
        if dice < 0.5:
            agent = self.random.choice(TEAM)
            amend = {"team": [member(agent)], "plan": [self._item("more", agent, [])]}
            return progress("more", amend=amend)
        ready = ask.task["ready"]
        return progress(*ready[:1], moves=self.random.random() < 0.8)


plays = given(
    blocks(), st.randoms(use_true_random=True), st.sampled_from([0.0, 0.5, 0.9, 0.97, 1.0])
)
claims = given(
    st.sampled_from([block for block in CRITERIA if len(block) > 1]).map(
        lambda criteria: options(*criteria, max_rounds=8, max_stalls=8)
    ),
    st.randoms(use_true_random=True),
    st.sampled_from([0.9, 1.0]),
)


def played(fields: Mapping[str, Any], random: Random, honesty: float) -> tuple[World, Adversary]:
    adversary = Adversary(random, honesty)
    return magentic(adversary, fields), adversary


@plays
@tried(100)
def test_every_block_ends_within_its_limits(
    fields: dict[str, Any], random: Random, honesty: float
) -> None:
    world, _ = played(fields, random, honesty)
    limits = fields["limits"]
    asked = Counter(ask.path.partition("_")[0] for ask in world.asks)
    tries, rounds = 1 + limits["max_ledger_retries"], limits["max_rounds"]
    plans = 1 + limits["max_replans"] + limits["max_plan_revisions"]
    assert asked["plan"] <= plans * tries
    assert asked["review"] <= plans
    assert asked["progress"] <= rounds * tries
    assert asked["item"] <= rounds
    assert asked["allow"] <= rounds
    assert asked["check"] <= rounds * len(fields["success_criteria"])
    assert len(world.noted("ledger.progress")) <= rounds
    assert world.end.state in {"succeeded", "escalated", "rejected"}
    assert world.end.state == "succeeded" or world.end.error_code or world.end.cause


@claims
@tried(150)
def test_nothing_succeeds_before_every_criterion_was_found_to_hold(
    fields: dict[str, Any], random: Random, honesty: float
) -> None:
    world, adversary = played(fields, random, honesty)
    if world.end.state != "succeeded":
        return
    names = {criterion["id"] for criterion in fields["success_criteria"]}
    assert {found["id"] for found in world.end.output["criteria"] if found["met"]} == names
    assert all(adversary.verdicts[name] for name in names - {"green"})
    assert "green" not in names or adversary.failures == 0


@plays
@tried(100)
def test_only_members_work_and_only_on_what_was_approved(
    fields: dict[str, Any], random: Random, honesty: float
) -> None:
    world, _ = played(fields, random, honesty)
    review, past = fields["plan_review"], {(p.path, p.iteration): p for p in world.history.past}
    agreed: dict[str, Item] = {}
    people: set[Item] = set()
    for ask in world.asks:
        outcome = past[ask.path, ask.iteration]
        yes = ask.kind == "approval" and outcome.state == "succeeded" and not outcome.output
        if yes and ask.path == "review":
            agreed = {plain["id"]: read(plain) for plain in ask.task["plan"]["plan"]}
        if yes and ask.path.startswith("allow_"):
            people.add(read(ask.task["item"]))
        if ask.path.startswith("item_"):
            work = read(ask.task["item"])
            assert ask.agent == work.agent
            assert ask.agent in TEAM
            assert work in people or not work.needs_approval
            if review in {"initial", "always"}:
                assert work in people or not drift_of(work, agreed.get(work.id))
            if review == "risk>=high" and work.is_high_risk:
                assert work in people or not drift_of(work, agreed.get(work.id))


@plays
@tried(75)
def test_every_plan_is_noted_before_it_is_worked_by(
    fields: dict[str, Any], random: Random, honesty: float
) -> None:
    world, _ = played(fields, random, honesty)
    known: set[int] = {0}
    for move in world.moves:
        notes = move.notes if isinstance(move, Start | Finish) else ()
        plans = {"ledger.planned": "version", "ledger.replanned": "version"}
        plans |= {"ledger.progress": "plan_version"}
        known |= {note.payload[plans[note.type]] for note in notes if note.type in plans}
        for ask in move.steps if isinstance(move, Start) else ():
            assert ask.task.get("plan_version", 0) in known


def read(plain: Mapping[str, Any]) -> Item:
    return as_item(**plain)
