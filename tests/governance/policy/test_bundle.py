import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.policy.bundle import PolicyError, compile_bundle, statement_lines
from governance.policy.obligations import Obligations
from tests.governance.policy.world import BOUNDARY, GATE, PERMIT, SCHEMA

ONE = '== Countersign::Action::"merge"'
ANOTHER = PERMIT.replace("merge", "commit")
EVERYTHING = '@id("b") @tier("boundary") @reason("r") forbid (principal, action, resource);'


def problem_of(text: str, schema: str = SCHEMA) -> str:
    with pytest.raises(PolicyError) as caught:
        compile_bundle(text, schema)
    return str(caught.value)


def hash_of(text: str) -> str:
    (policy,) = compile_bundle(text, SCHEMA).policies.values()
    return policy.content_hash


def test_the_engines_ids_are_mapped_to_the_policies_own() -> None:
    bundle = compile_bundle(PERMIT + GATE + BOUNDARY, SCHEMA)
    assert {key: policy.meta.id for key, policy in bundle.policies.items()} == {
        "policy0": "permit.merge",
        "policy1": "gate.protected",
        "policy2": "boundary.signed",
    }


def test_more_than_ten_policies_keep_their_lines() -> None:
    many = "".join(PERMIT.replace("permit.merge", f"permit.n{n}") for n in range(12))
    bundle = compile_bundle(many, SCHEMA)
    assert bundle.policies["policy11"].meta.id == "permit.n11"
    assert bundle.policies["policy11"].line == 2 + 11 * PERMIT.count("\n")


def test_a_policy_tells_which_attributes_it_reads() -> None:
    policies = compile_bundle(BOUNDARY + PERMIT, SCHEMA).policies
    assert policies["policy0"].reads == (
        "context.facts.signatures_required",
        "context.facts.unsigned_commits",
    )
    assert policies["policy1"].reads == ()


def test_layout_and_comments_do_not_change_a_content_hash() -> None:
    other = "// why\n" + GATE.replace("\n", "\n\n   ") + "// the end"
    assert hash_of(other) == hash_of(GATE)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('@quorum("1")', '@quorum("2")'),
        ('@reason("protected_branch")', '@reason("other")'),
        ("context.facts.target_protected", "!context.facts.target_protected"),
        ('action == Countersign::Action::"merge"', "action"),
    ],
)
def test_any_change_of_meaning_changes_the_content_hash(before: str, after: str) -> None:
    if after == "action":
        before, after = "target_protected };", "target_protected && true };"
    assert hash_of(GATE.replace(before, after)) != hash_of(GATE)


def test_a_gate_that_names_nobody_asks_one_owner() -> None:
    bare = '@id("g") @tier("gate") @reason("r") forbid (principal, action, resource);'
    (policy,) = compile_bundle(bare, SCHEMA).policies.values()
    assert policy.meta.obligations == Obligations(seats=(("owner", 1),))


@pytest.mark.parametrize(
    ("policies", "known"),
    [
        (PERMIT, (True, True)),
        (ANOTHER, (False, False)),
        (PERMIT.replace(ONE, ""), (True, True)),
        (PERMIT.replace(ONE, 'in [Countersign::Action::"merge"]'), (True, True)),
        (ANOTHER + GATE, (True, False)),
        (ANOTHER + EVERYTHING, (False, False)),
    ],
)
def test_a_bundle_knows_of_what_it_names_and_of_everything_that_one_permit_takes_in(
    policies: str, known: tuple[bool, bool]
) -> None:
    bundle = compile_bundle(policies, SCHEMA)
    assert (bundle.is_about("merge"), bundle.may_permit("merge")) == known


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (GATE.replace("@quorum", "@quorom"), "line 2: gate.protected: @quorom is not allowed"),
        (GATE.replace('"gate"', '"boundary"'), "@distinct_from is not allowed in tier boundary"),
        (GATE.replace('@quorum("1")', '@quorum("0")'), "whole number from 1 to 20"),
        (GATE.replace('@quorum("1")', '@quorum("21")'), "whole number from 1 to 20"),
        (GATE.replace('@quorum("1")', '@quorum("many")'), "whole number from 1 to 20"),
        (GATE.replace('@quorum("1")', '@quorum("²")'), "whole number from 1 to 20"),
        (GATE.replace('@quorum("1")', "@quorum"), "whole number from 1 to 20"),
        (GATE.replace('"maintainers"', '""'), "must be a team"),
        (GATE.replace('"initiator,owner"', '"requester"'), "may name initiator, owner, sponsor"),
        (GATE.replace('@reason("protected_branch")', ""), "give it a reason code"),
        (GATE.replace('"gate")', '"gate") @assurance("high")'), "one of session, mfa, passkey"),
        (GATE.replace('"gate")', '"gate") @decide_within("soon")'), "@decide_within: 'soon'"),
        (GATE.replace('"gate")', '"gate") @valid_for("P1Y")'), "@valid_for: 'P1Y'"),
        (GATE.replace('"gate")', '"gate") @comment("maybe")'), "one of required"),
        (GATE.replace('"gate")', '"gate") @severity("bad")'), "one of low, medium"),
        (GATE.replace('@id("gate.protected")', ""), "must be letters, digits"),
        (GATE.replace('"gate.protected"', '"a b"'), "must be letters, digits"),
        (GATE.replace('@tier("gate")', ""), "one of boundary, gate, permit"),
        (GATE.replace('@tier("gate")', '@tier("grant")'), "one of boundary, gate, permit"),
        (PERMIT.replace('"permit")', '"gate")'), "must be written as forbid, not permit"),
        (BOUNDARY.replace('"boundary")', '"permit")'), "must be written as permit, not forbid"),
        (PERMIT.replace('"permit")', '"permit") @reason("x")'), "@reason is not allowed"),
        (PERMIT + PERMIT, "line 6: permit.merge: another policy has this id"),
        (GATE.replace("target_protected", "protected"), "line 2: gate.protected: for policy"),
        (PERMIT.replace('"merge"', '"merj"'), "unrecognized action"),
        ("", "nothing could be permitted"),
        ("// only a comment", "nothing could be permitted"),
        (PERMIT + "\n\nforbid (principal, action resource);", "line 7: does not parse"),
        (PERMIT.replace("principal in", "principal == ?principal || principal in"), "not parse"),
        ("permit (principal == ?principal, action, resource);", "no templates"),
    ],
)
def test_a_broken_bundle_is_refused_with_its_place(policy: str, message: str) -> None:
    assert message in problem_of(policy)


def test_every_problem_is_told_at_once_in_order() -> None:
    text = GATE.replace('"1"', '"0"') + BOUNDARY.replace('"boundary"', '"x"')
    lines = problem_of(text).splitlines()
    assert [line.split(":")[1] for line in lines] == [" gate.protected", " boundary.signed"]


def test_a_broken_schema_is_refused() -> None:
    assert "the schema does not parse" in problem_of(PERMIT, "namespace {")


def test_semicolons_in_strings_and_comments_do_not_end_a_policy() -> None:
    text = '// a; b\n@id("x;\\"y;")\npermit (principal, action, resource); // ;\n\nforbid(p);'
    assert list(statement_lines(text)) == [2, 5]


@given(st.text())
def test_no_text_makes_compiling_fail_otherwise(text: str) -> None:
    with pytest.raises(PolicyError):
        compile_bundle(text, SCHEMA)
