"""What holds of every chat, whatever its agents answer."""

from collections import Counter
from collections.abc import Mapping
from random import Random
from typing import Any

import jsonschema_rs
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.patterns.base import Ask
from orchestrator.patterns.group_chat.checks import problems
from tests.harness.examples import tried
from tests.orchestrator.patterns.group_chat.panel import chat
from tests.orchestrator.patterns.world import Ended, World, failed, said

METHODS = (
    "majority",
    "supermajority",
    "unanimous",
    "veto",
    "judge",
    "borda",
    "ranked_pairs",
    "score",
)
GARBAGE: list[dict[str, Any]] = [
    {},
    {"kind": "proposal"},
    {"kind": "vote", "text": "p1"},
    {"speaker": "mallory"},
    {"speaker": ["ada", "ben"]},
    {"vote": "p99"},
    {"vote": None, "abstain": True},
    {"ranking": ["p1", "p1"]},
    {"scores": {"p1": 10**9}},
    {"bid": -1},
    {"approved": True, "decision": "consensus"},
]


@st.composite
def chats(draw: st.DrawFn) -> dict[str, Any]:
    names = [f"agent{n}" for n in range(draw(st.integers(2, 5)))]
    some = st.lists(st.sampled_from(names), unique=True, max_size=2)
    by = draw(st.sampled_from(["round_robin", "rule", "manager", "bid"]))
    speaker: dict[str, Any] = {
        "by": by,
        "fallback": draw(st.sampled_from(["escalate", "round_robin_next_eligible"])),
        "allow_repeat": draw(st.booleans()),
        "never_after": draw(st.dictionaries(st.sampled_from(names), some, max_size=2)),
        "must_speak": draw(some),
    }
    speaker |= {"agent": "chair"} if by == "manager" else {}
    rule = draw(st.sampled_from(["eligible[0]", "last", "'agent1'"]))
    speaker |= {"rule": rule} if by == "rule" else {}
    return {
        "participants": names,
        "speaker": speaker,
        "terminate": {"max_rounds": draw(st.integers(1, 4)), "no_progress": draw(st.booleans())},
        "consensus": _consensus(draw, names),
    }


def _consensus(draw: st.DrawFn, names: list[str]) -> dict[str, Any]:
    method = draw(st.sampled_from(METHODS))
    tie_breaks = [["human"], ["earliest_proposal", "human"], ["judge", "human"]]
    consensus: dict[str, Any] = {"method": method, "tie_break": draw(st.sampled_from(tie_breaks))}
    consensus |= {"judge": "dora", "vetoers": names[:1] if method == "veto" else []}
    if method != "judge":
        consensus["quorum"] = draw(st.integers(1, len(names)))
    return consensus | {"max_proposals": draw(st.integers(1, 6))}


class Adversary:
    """Answers at random: well, with garbage, or not at all; it keeps its own score of failures."""

    def __init__(self, random: Random, honesty: float) -> None:
        self.random, self.honesty = random, honesty
        self.strikes: Counter[str] = Counter()
        self.spoke: list[str] = []

    def __call__(self, ask: Ask) -> Ended:
        if ask.path == "turn":
            self.spoke.append(ask.agent)
        ended = self._ended(ask)
        counts = ask.path == "turn" or ask.path.startswith("vote_")
        if counts and not _is_valid(ask, ended):
            self.strikes[ask.agent] += 1
        return ended

    def _ended(self, ask: Ask) -> Ended:
        if self.random.random() < self.honesty:
            return said(**self._honest(ask.task["answer"], ask.task.get("turn", 0)))
        if self.random.random() < 0.5:
            return failed(self.random.choice(["crashed", "timed_out"]))
        return said(**self.random.choice(GARBAGE))

    def _honest(self, schema: Mapping[str, Any], turn: int) -> dict[str, Any]:
        fields = schema["properties"]
        if "kind" in fields:
            kind = self.random.choice(fields["kind"]["enum"])
            return {"kind": kind, "text": f"{kind} {self.random.randrange(turn + 4)}"}
        if "bid" in fields:
            return {"bid": self.random.randrange(101)}
        if "abstain" in fields and self.random.random() < 0.2:
            return {"abstain": True}
        return self._choice(fields)

    def _choice(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        if "ranking" in fields:
            names = fields["ranking"]["items"]["enum"]
            return {"ranking": self.random.sample(names, len(names))}
        if "scores" in fields:
            return {
                "scores": {n: self.random.randrange(101) for n in fields["scores"]["required"]}
            }
        key = "speaker" if "speaker" in fields else "vote"
        return {key: self.random.choice(fields[key]["enum"])}


def _is_valid(ask: Ask, ended: Ended) -> bool:
    schema = dict(ask.task["answer"])
    return ended.state == "succeeded" and jsonschema_rs.is_valid(schema, dict(ended.output))


plays = given(
    chats(), st.randoms(use_true_random=True), st.sampled_from([0.0, 0.3, 0.7, 0.95, 1.0])
)


def played(options: Mapping[str, Any], random: Random, honesty: float) -> tuple[World, Adversary]:
    adversary = Adversary(random, honesty)
    return chat(adversary, options), adversary


@plays
@tried(100)
def test_every_chat_ends_within_its_limits(
    options: dict[str, Any], random: Random, honesty: float
) -> None:
    world, _ = played(options, random, honesty)
    present, rounds = len(options["participants"]), options["terminate"]["max_rounds"]
    asked = Counter(ask.path.split("_")[0] for ask in world.asks)
    assert asked["turn"] <= present * rounds
    assert asked["speaker"] <= 3 * (asked["turn"] + 1)
    assert asked["bid"] <= present * (asked["turn"] + 1)
    assert asked["vote"] <= present * rounds + 3 * present
    assert asked["judge"] <= 3
    assert world.end.state in {"succeeded", "escalated"}


@plays
@tried(100)
def test_only_a_proposal_that_was_counted_wins(
    options: dict[str, Any], random: Random, honesty: float
) -> None:
    world, _ = played(options, random, honesty)
    output = world.end.output
    assert set(output) == {"decision", "proposal", "tally", "thread"}
    assert (output["decision"] == "consensus") == (world.end.state == "succeeded")
    if world.end.state == "escalated":
        assert output["proposal"] is None
        assert world.end.error_code
        return
    tally = output["tally"]
    assert output["proposal"]["id"] == tally["winner"]
    assert tally["winner"] in tally["leaders"]
    assert tally["cast"] >= options["consensus"].get("quorum", 1)


@plays
@tried(100)
def test_no_turn_goes_to_one_who_is_removed_or_may_not_follow(
    options: dict[str, Any], random: Random, honesty: float
) -> None:
    speaker = options["speaker"]
    adversary = Adversary(random, honesty)

    def answer(ask: Ask) -> Ended:
        if ask.path == "turn":
            last = adversary.spoke[-1] if adversary.spoke else ""
            assert ask.agent in options["participants"]
            assert speaker["allow_repeat"] or ask.agent != last
            assert last not in speaker["never_after"].get(ask.agent, [])
        assert adversary.strikes[ask.agent] < 3, "a removed participant is asked"
        return adversary(ask)

    chat(answer, options)


@plays
@tried(100)
def test_everything_is_noted_once(options: dict[str, Any], random: Random, honesty: float) -> None:
    world, adversary = played(options, random, honesty)
    chosen = [note["turn"] for note in world.noted("chat.speaker_chosen")]
    rounds = [note["round"] for note in world.noted("chat.ballot_tallied")]
    removed = [note["participant"] for note in world.noted("chat.participant_removed")]
    assert chosen == list(range(len(adversary.spoke)))
    assert sorted(set(rounds)) == rounds
    lost = [name for name, strikes in adversary.strikes.items() if strikes >= 3]
    assert sorted(removed) == sorted(lost)


@given(chats())
def test_a_file_whose_rules_leave_nobody_to_speak_is_refused(options: dict[str, Any]) -> None:
    stuck = ("speaker", "never_after") in {place for place, _ in problems(options)}
    names, speaker = options["participants"], options["speaker"]
    may = {
        last: [
            name
            for name in names
            if (name != last or speaker["allow_repeat"])
            and last not in speaker["never_after"].get(name, [])
        ]
        for last in names
    }
    assert stuck == (not all(may.values()))
