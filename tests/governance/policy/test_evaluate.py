from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.policy.bundle import compile_bundle
from governance.policy.evaluate import EntityRef, PolicyRequest, PolicyVerdict, evaluate
from governance.policy.obligations import Obligations
from tests.governance.policy.world import BOUNDARY, GATE, PERMIT, SCHEMA, request
from tests.harness.examples import tried

CODE_REVIEW = PERMIT + GATE + BOUNDARY


def judge(text: str, asked: PolicyRequest) -> PolicyVerdict:
    return evaluate(compile_bundle(text, SCHEMA), asked.document())


def test_what_a_permit_covers_and_nothing_forbids_is_allowed() -> None:
    verdict = judge(CODE_REVIEW, request(target_protected=False))
    assert verdict.outcome == "allow"
    assert [policy.meta.id for policy in verdict.policies] == ["permit.merge"]


def test_a_gate_asks_for_people_with_its_obligations() -> None:
    verdict = judge(CODE_REVIEW, request())
    assert verdict.outcome == "require_approval"
    assert verdict.reasons == ("protected_branch",)
    assert [policy.meta.id for policy in verdict.policies] == ["gate.protected"]
    assert verdict.obligations == Obligations(
        seats=(("maintainers", 1),), distinct_from=("initiator", "owner")
    )


def test_a_boundary_denies_whatever_else_matches() -> None:
    verdict = judge(CODE_REVIEW, request(signatures_required=True, unsigned_commits={"abc"}))
    assert verdict.outcome == "deny"
    assert verdict.reasons == ("unsigned_commits",)
    assert verdict.obligations == Obligations()


def test_an_approval_cannot_create_authority() -> None:
    verdict = judge(CODE_REVIEW, request(classes=()))
    assert (verdict.outcome, verdict.reasons) == ("deny", ("no_grant",))


def test_what_no_policy_speaks_about_is_denied() -> None:
    verdict = judge(BOUNDARY, request())
    assert (verdict.outcome, verdict.reasons) == ("deny", ("no_grant",))


@pytest.mark.parametrize(
    "facts",
    [
        {"commit_count": None},
        {"commit_count": "2"},
        {"commit_count": 2.5},
        {"commit_count": 2**63},
        {"head_sha": 7},
        {"unsigned_commits": "abc"},
        {"invented": True},
        {"target_protected": None},
    ],
)
def test_facts_that_do_not_fit_the_schema_deny(facts: dict[str, Any]) -> None:
    verdict = judge(CODE_REVIEW, request(**facts))
    assert (verdict.outcome, verdict.reasons) == ("deny", ("fact_unavailable",))
    assert verdict.errors


@pytest.mark.parametrize(
    "change",
    [
        {"action": "deploy"},
        {"args": {}},
        {"base": {}},
        {"principal": replace(request().principal, attributes={})},
        {"resource": replace(request().resource, ref=EntityRef("Bench", "x"))},
    ],
)
def test_a_request_that_does_not_fit_the_schema_denies(change: dict[str, Any]) -> None:
    assert judge(CODE_REVIEW, replace(request(), **change)).outcome == "deny"


def test_a_policy_that_fails_denies_even_where_a_permit_matches() -> None:
    overflow = PERMIT + (
        '@id("boundary.sum") @tier("boundary") @reason("r") '
        'forbid (principal, action == Countersign::Action::"merge", resource) '
        "when { context.facts.commit_count * 9007199254740991 < 0 };"
    )
    verdict = judge(overflow, request(target_protected=False, commit_count=2**52))
    assert (verdict.outcome, verdict.reasons) == ("deny", ("policy_error",))
    assert "overflow" in verdict.errors[0]


def test_a_request_survives_being_kept_as_json() -> None:
    bundle = compile_bundle(CODE_REVIEW, SCHEMA)
    document = request().document()
    assert document["context"]["base"]["now"] == {
        "__extn": {"fn": "datetime", "arg": "2026-11-20T10:00:00.000Z"}
    }
    assert evaluate(bundle, document) == evaluate(bundle, request().document())


TIERS = st.sampled_from(["boundary", "gate", "permit"])
POLICIES = st.lists(st.tuples(TIERS, st.integers(0, 5), st.booleans()), min_size=1, max_size=7)


def written(policies: list[tuple[str, int, bool]], names: list[int]) -> str:
    """Write policies that match when the commit count is at least, or below, a number."""
    return "\n".join(
        f'@id("p{name}") @tier("{tier}") '
        + ("" if tier == "permit" else f'@reason("r{name}") ')
        + (f'@group("g{name}") @quorum("{name % 3 + 1}") ' if tier == "gate" else "")
        + ("permit" if tier == "permit" else "forbid")
        + ' (principal, action == Countersign::Action::"merge", resource) when { '
        + f"context.facts.commit_count {'>=' if above else '<'} {limit} }};"
        for name, (tier, limit, above) in zip(names, policies, strict=True)
    )


def slow_verdict(policies: list[tuple[str, int, bool]], count: int) -> tuple[str, list[str]]:
    """Say in the plainest way what the verdict must be, and which policies make it."""
    matching = [
        (tier, f"p{name}")
        for name, (tier, limit, above) in enumerate(policies)
        if (count >= limit) == above
    ]
    by_tier = {
        tier: sorted(name for t, name in matching if t == tier)
        for tier in ("boundary", "gate", "permit")
    }
    if by_tier["boundary"]:
        return "deny", by_tier["boundary"]
    if not by_tier["permit"]:
        return "deny", []
    if by_tier["gate"]:
        return "require_approval", by_tier["gate"]
    return "allow", by_tier["permit"]


@tried(150)
@given(POLICIES, st.integers(0, 6))
def test_every_verdict_is_that_of_the_slow_model(
    policies: list[tuple[str, int, bool]], count: int
) -> None:
    verdict = judge(written(policies, list(range(len(policies)))), request(commit_count=count))
    outcome, names = slow_verdict(policies, count)
    assert verdict.outcome == outcome
    assert [policy.meta.id for policy in verdict.policies] == names
    if outcome == "require_approval":
        assert {group for group, _ in verdict.obligations.seats} == {f"g{n[1:]}" for n in names}


@tried(60)
@given(POLICIES, st.integers(0, 6), st.randoms())
def test_the_order_of_policies_changes_nothing(
    policies: list[tuple[str, int, bool]], count: int, random: Any
) -> None:
    names = list(range(len(policies)))
    order = list(names)
    random.shuffle(order)
    shuffled = written([policies[n] for n in order], order)
    first = judge(written(policies, names), request(commit_count=count))
    second = judge(shuffled, request(commit_count=count))
    assert (first.outcome, first.reasons, first.obligations) == (
        second.outcome,
        second.reasons,
        second.obligations,
    )


@tried(60)
@given(POLICIES, st.integers(0, 6), st.integers(0, 5))
def test_one_more_gate_or_boundary_never_loosens_a_verdict(
    policies: list[tuple[str, int, bool]], count: int, limit: int
) -> None:
    strictness = ["allow", "require_approval", "deny"]
    names = list(range(len(policies) + 1))
    before = judge(written(policies, names[:-1]), request(commit_count=count))
    for tier in ("gate", "boundary"):
        more = written([*policies, (tier, limit, True)], names)
        after = judge(more, request(commit_count=count))
        assert strictness.index(after.outcome) >= strictness.index(before.outcome)
