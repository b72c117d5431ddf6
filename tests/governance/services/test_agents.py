from pathlib import Path
from typing import Any

import pytest

from governance.models import Agent, Domain, Grant, Lifecycle, Person
from governance.refusals import Forbidden, Invalid, Refusal
from governance.services import agents
from tests.factories import identity
from tests.factories.audit import AppendFailedError, failing_append, recorded, size_of_the_log
from tests.harness.races import Race

db = pytest.mark.django_db


@db
def test_a_registered_agent_is_active_and_has_its_grants() -> None:
    scout = identity.agent(identity.domain(), scopes=["merge:repo/*", "repo.read:*"])

    assert scout.lifecycle == Lifecycle.ACTIVE
    assert set(scout.grants.values_list("scope", flat=True)) == {"merge:repo/*", "repo.read:*"}
    assert set(scout.grants.values_list("granted_by", flat=True)) == {scout.sponsor_id}
    assert recorded(f"agent:{scout.pk}") == ["agent.registered"]


@db
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("slug", "Not A Slug"),
        ("slug", ""),
        ("version", 0),
        ("name", " "),
        ("name", "a\u202eb"),
        ("purpose", "  "),
        ("environment", "moon"),
        ("scopes", ["merge"]),
        ("scopes", ["*:repo"]),
        ("scopes", ["merge:re*po"]),
        ("scopes", ["merge:repo/* "]),
        ("scopes", ["merge:"]),
        ("classes", ["In tegrator"]),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_registered(field: str, value: object) -> None:
    domain = identity.domain()

    with pytest.raises(Invalid) as refused:
        identity.agent(domain, **{field: value})

    assert [error["pointer"] for error in refused.value.extra["errors"]] == [f"/{field}"]
    assert not Agent.objects.exists()
    assert not Grant.objects.exists()
    assert "agent.registered" not in recorded()


@db
def test_the_sponsor_is_somebody_else_than_the_owner() -> None:
    ada = identity.seeded("Ada")

    with pytest.raises(Invalid):
        identity.agent(identity.domain(), owner=ada, sponsor=ada)

    assert not Agent.objects.exists()


@db
@pytest.mark.parametrize("role", ["owner", "sponsor"])
def test_owner_and_sponsor_are_active_people(role: str) -> None:
    eve = identity.seeded("Eve")
    Person.objects.filter(pk=eve.pk).update(is_active=False)

    with pytest.raises(Invalid) as refused:
        identity.agent(identity.domain(), **{role: eve})

    assert refused.value.extra["errors"][0]["pointer"] == f"/{role}"
    assert not Agent.objects.exists()


@db
def test_one_version_is_registered_once() -> None:
    domain = identity.domain()
    identity.agent(domain)
    before = size_of_the_log()

    with pytest.raises(Refusal) as refused:
        identity.agent(domain, name="Other")

    assert refused.value.code == "agent_exists"
    assert Agent.objects.get().name == "Scout"
    assert size_of_the_log() == before
    assert identity.agent(domain, version=2).version == 2


@db
def test_a_registration_whose_event_fails_registers_nothing() -> None:
    domain, ada, sam = identity.domain(), identity.seeded("Ada"), identity.seeded("Sam")

    with failing_append(), pytest.raises(AppendFailedError):
        identity.agent(domain, owner=ada, sponsor=sam)

    assert not Agent.objects.exists()
    assert not Grant.objects.exists()


@db
def test_suspending_and_resuming_need_a_reason_and_are_recorded() -> None:
    domain = identity.domain()
    grace = identity.first_person()
    scout = identity.agent(domain)

    agents.suspend(agent=scout, person=grace, reason=" Too eager. ")
    assert (scout.lifecycle, scout.lifecycle_reason) == (Lifecycle.SUSPENDED, "Too eager.")
    agents.resume(agent=scout, person=grace, reason="Calmed down.")
    assert scout.lifecycle == Lifecycle.ACTIVE
    with pytest.raises(Invalid):
        agents.suspend(agent=scout, person=grace, reason="  ")

    assert recorded(f"agent:{scout.pk}") == [
        "agent.registered",
        "agent.suspended",
        "agent.resumed",
    ]


@db
@pytest.mark.parametrize("lifecycle", [state for state in Lifecycle if state != "active"])
def test_only_an_active_agent_is_suspended(lifecycle: Lifecycle) -> None:
    domain = identity.domain()
    grace = identity.first_person()
    scout = identity.agent(domain)
    Agent.objects.filter(pk=scout.pk).update(lifecycle=lifecycle)
    before = size_of_the_log()

    with pytest.raises(Refusal) as refused:
        agents.suspend(agent=scout, person=grace, reason="Why not.")

    assert refused.value.code == "wrong_lifecycle"
    assert Agent.objects.get(pk=scout.pk).lifecycle == lifecycle
    assert size_of_the_log() == before


@db
@pytest.mark.parametrize("lifecycle", [state for state in Lifecycle if state != "suspended"])
def test_only_a_suspended_agent_is_resumed(lifecycle: Lifecycle) -> None:
    domain = identity.domain()
    grace = identity.first_person()
    scout = identity.agent(domain)
    Agent.objects.filter(pk=scout.pk).update(lifecycle=lifecycle)
    before = size_of_the_log()

    with pytest.raises(Refusal) as refused:
        agents.resume(agent=scout, person=grace, reason="Why not.")

    assert refused.value.code == "wrong_lifecycle"
    assert Agent.objects.get(pk=scout.pk).lifecycle == lifecycle
    assert size_of_the_log() == before


@db
def test_an_outsider_suspends_and_resumes_nothing_even_as_superuser() -> None:
    domain = identity.domain()
    identity.first_person()
    scout = identity.agent(domain)
    mallory = Person.objects.create(username="mallory", is_superuser=True, is_staff=True)

    for act in (agents.suspend, agents.resume):
        with pytest.raises(Forbidden):
            act(agent=scout, person=mallory, reason="Because.")

    assert Agent.objects.get(pk=scout.pk).lifecycle == Lifecycle.ACTIVE
    assert recorded(f"agent:{scout.pk}") == ["agent.registered"]


@db
def test_an_agent_whose_owner_left_is_not_resumed() -> None:
    domain = identity.domain()
    grace = identity.first_person()
    scout = identity.agent(domain)
    agents.suspend(agent=scout, person=grace, reason="Pause.")
    Person.objects.filter(pk=scout.owner_id).update(is_active=False)

    with pytest.raises(Invalid):
        agents.resume(agent=scout, person=grace, reason="Go on.")

    assert Agent.objects.get(pk=scout.pk).lifecycle == Lifecycle.SUSPENDED


@db
def test_a_suspension_whose_event_fails_does_not_happen() -> None:
    domain = identity.domain()
    grace = identity.first_person()
    scout = identity.agent(domain)

    with failing_append(), pytest.raises(AppendFailedError):
        agents.suspend(agent=scout, person=grace, reason="Pause.")
    assert Agent.objects.get(pk=scout.pk).lifecycle == Lifecycle.ACTIVE

    agents.suspend(agent=scout, person=grace, reason="Pause.")
    with failing_append(), pytest.raises(AppendFailedError):
        agents.resume(agent=scout, person=grace, reason="Go on.")
    assert Agent.objects.get(pk=scout.pk).lifecycle == Lifecycle.SUSPENDED


def test_of_two_who_suspend_at_once_one_is_told(race: Race) -> None:
    domain = identity.domain()
    grace = identity.first_person()
    scout = identity.agent(domain)

    answers = race(
        *[
            lambda: agents.suspend(
                agent=Agent.objects.get(pk=scout.pk), person=grace, reason="Now."
            )
        ]
        * 2
    )

    assert [a.code for a in answers if isinstance(a, Refusal)] == ["wrong_lifecycle"]
    assert recorded(f"agent:{scout.pk}") == ["agent.registered", "agent.suspended"]


def manifest(**changes: Any) -> dict[str, Any]:
    entry = {
        "slug": "style",
        "name": "Style",
        "purpose": "Reads style.",
        "environment": "development",
        "scopes": ["repo.read:*"],
        "runner": "process",
        "config": {"argv": ["python", "agents/style.py", "--fast"], "env": {"MODE": "x"}},
    }
    return {"version": 1, "agents": [entry | changes]}


def register_manifest(parsed: object, base: Path) -> list[Agent]:
    return agents.register_manifest(
        domain=Domain.objects.first() or identity.domain(),
        manifest=parsed,
        base_dir=base,
        owner=identity.seeded("Ada"),
        sponsor=identity.seeded("Sam"),
        actor=identity.SYSTEM,
    )


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "box" / "agents").mkdir(parents=True)
    (tmp_path / "box" / "agents" / "style.py").write_text("")
    (tmp_path / "outside.py").write_text("")
    return tmp_path / "box"


@db
def test_a_manifest_gives_agents_their_programs_by_absolute_path(base: Path) -> None:
    [style] = register_manifest(manifest(), base)

    assert style.runner == "process"
    assert style.runner_config == {
        "argv": ["python", str(base / "agents" / "style.py"), "--fast"],
        "env": {"MODE": "x"},
    }


@db
def test_an_agent_says_what_it_can_do_and_what_a_turn_costs(base: Path) -> None:
    able = {"capabilities": ["security.scan", "read"], "price_micro_usd": 1500}
    [style] = register_manifest(manifest(**able), base)
    assert (style.capabilities, style.price_micro_usd) == (["read", "security.scan"], 1500)
    assert register_manifest(manifest(**able), base) == [style]
    with pytest.raises(Refusal, match="A version never changes"):
        register_manifest(manifest(**{**able, "price_micro_usd": 1501}), base)
    with pytest.raises(Invalid, match="capabilities"):
        register_manifest(manifest(slug="other", capabilities=["Scan it"]), base)


@db
def test_registering_a_manifest_again_changes_nothing(base: Path) -> None:
    [style] = register_manifest(manifest(), base)
    before = size_of_the_log()

    assert register_manifest(manifest(), base) == [style]
    assert size_of_the_log() == before


@db
def test_a_manifest_read_again_leaves_the_limit_that_the_owner_set(base: Path) -> None:
    grace = identity.first_person()
    [style] = register_manifest(manifest(max_parallel=2), base)
    agents.limit(agent=style, most=5, person=grace, reason="The host has grown.")

    register_manifest(manifest(max_parallel=2), base)

    assert Agent.objects.get().max_parallel == 5


@db
@pytest.mark.parametrize(
    "changes", [{"purpose": "Other."}, {"config": {"argv": ["sh"]}}, {"scopes": ["merge:*"]}]
)
def test_a_change_in_a_manifest_is_a_new_version(base: Path, changes: dict[str, Any]) -> None:
    [style] = register_manifest(manifest(), base)
    before = size_of_the_log()

    with pytest.raises(Refusal) as refused:
        register_manifest(manifest(**changes), base)

    assert refused.value.code == "agent_changed"
    assert Agent.objects.get().runner_config == style.runner_config
    assert size_of_the_log() == before
    assert register_manifest(manifest(version=2, **changes), base)[0].version == 2


@db
@pytest.mark.parametrize(
    "parsed",
    [
        None,
        [],
        {"version": 2, "agents": []},
        {"version": 1, "agents": []},
        {**manifest(), "more": 1},
        manifest(unknown=1),
        manifest(runner="../x"),
        manifest(config={"argv": []}),
        manifest(config={"argv": ["python", 1]}),
        manifest(config={"env": {"A": 1}}),
        manifest(config={"shell": True}),
        manifest(config={"argv": ["python", "../outside.py"]}),
        manifest(slug="Bad Slug"),
    ],
)
def test_a_wrong_manifest_registers_nothing(base: Path, parsed: object) -> None:
    with pytest.raises(Invalid):
        register_manifest(parsed, base)

    assert not Agent.objects.exists()


@db
def test_of_a_manifest_with_one_wrong_agent_none_is_registered(base: Path) -> None:
    parsed = manifest()
    parsed["agents"].append(parsed["agents"][0] | {"slug": "other", "environment": "moon"})

    with pytest.raises(Invalid):
        register_manifest(parsed, base)

    assert not Agent.objects.exists()
    assert "agent.registered" not in recorded()
