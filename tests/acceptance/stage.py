"""What is set up behind the scenes, through the services that the product's own commands call.

Every function runs in the backstage process; identifiers come and go as text.
"""

import secrets
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from django.db.models.functions import Now

from audit.services.events import recording
from audit.types import Actor
from governance.contract_terms import Terms
from governance.models import Agent, Contract, Domain, Gate, Person, Receipt
from governance.refusals import Refusal
from governance.selectors import signin_links as links
from governance.selectors.clock import database_now
from governance.services import (
    agents,
    budgets,
    contracts,
    domains,
    people,
    signin_links,
    tokens,
)
from orchestrator.demo import crowd, seed
from orchestrator.demo.examples import FOLDER, SLUG
from orchestrator.demo.improvements import FIRST
from orchestrator.demo.seed import Demo
from orchestrator.demo.shop import Shop
from orchestrator.models import AttemptKind, Run, Step, Workflow
from orchestrator.runners.base import AgentFailedError
from orchestrator.services import claims, pausing, runs, turns, workflows

CONSOLE = Actor.system("console")
HOUR = timedelta(hours=1)


def signin_link(name: str) -> str:
    """Return a link that signs somebody in; whoever is new is enrolled before."""
    known = Person.objects.filter(display_name=name).first()
    return links.address_of(signin_links.issue(person=known or _enrolled(name)))


def _enrolled(name: str) -> Person:
    first = Person.objects.filter(may_sign_in=True).order_by("date_joined").first()
    if first is None:
        return people.enrol_first(link_secret=signin_links.issue(), display_name=name)
    secret = people.invite(domain=_home(), inviter=first)
    return people.accept(link_secret=secret, display_name=name)


def token_of_person(name: str) -> str:
    """Issue an API token for somebody."""
    person = Person.objects.get(display_name=name)
    return tokens.issue(person=person, name="test", ttl=HOUR, actor=CONSOLE)[1]


def token_of_agent(slug: str) -> str:
    """Issue a token for the newest version of an agent."""
    agent = Agent.objects.filter(slug=slug).latest("version")
    return tokens.issue(agent=agent, name="test", ttl=HOUR, actor=CONSOLE)[1]


def budget(manager: str) -> int:
    """Set a budget that no run of the demo draws on; returns its id."""
    person = Person.objects.get(display_name=manager)
    made = budgets.create(
        domain=_home(),
        scope="workflow",
        scope_id="nightly-scan",
        unit="micro_usd",
        cap=250_000_000,
        window="month",
        person=person,
    )
    return int(made.pk)


def contract(name: str) -> str:
    """Let somebody's domain and another one sign a contract, under which work was done."""
    person, elsewhere = Person.objects.get(display_name=name), "elsewhere"
    callee = domains.found(slug=elsewhere, name="Elsewhere", actor=CONSOLE)
    other = people.seed(username=elsewhere, display_name="Una of Elsewhere")
    with recording():
        domains.admit(domain=callee, person=other, permissions=("sign_contracts",))
    terms = Terms(
        name="ledgers",
        agents=["scribe@1"],
        actions=["git.commit"],
        scopes=["repo.read:*"],
        data_classes=["internal"],
        budget_cap_micro_usd=1_000_000,
        expires_at=database_now() + timedelta(days=30),
    )
    made = contracts.draft(caller=_home(), callee=callee, terms=terms, person=person)
    for domain, signer in ((_home(), person), (callee, other)):
        contracts.sign(contract=made, domain=domain, person=signer, shown=made.digest)
    _receive(made, Run.objects.earliest("created_at"))
    return str(made.pk)


def _receive(under: Contract, run: Run) -> None:
    ends = {
        end: {"domain": str(domain.pk), "run": str(run.pk)}
        for end, domain in (("caller", under.caller), ("callee", under.callee))
    }
    Receipt.objects.create(
        contract=under,
        holder=under.caller,
        message=secrets.token_hex(32),
        spent_micro_usd=250_000,
        body={**ends, "outcome": "succeeded", "decisions": []},
        digest="0" * 64,
        signature="",
    )


def escalated() -> str:
    """Let a run need a person, whose first agent failed as often as it may; returns the run."""
    shop = seed.shop_here()
    demo, inputs = _demo(shop), {"repo": str(shop.path), "branch": FIRST.branch, "target": "main"}
    with recording():
        run = runs.start(
            workflow=demo.workflow,
            initiator=demo.initiator,
            inputs=inputs,
            dedupe_key=secrets.token_hex(8),
        )
        step = run.steps.earliest("position")
        Step.objects.filter(pk=step.pk).update(attempts=2)
        claim = claims.claim(step_id=step.pk, kind=AttemptKind.TURN, worker="stage")
        assert claim is not None
        turns.fail(claim, AgentFailedError("crashed", "It's out of memory.", retryable=True))
    run.refresh_from_db()
    assert run.state == "escalated", run.state
    return str(run.pk)


def resume_in_vain(run_id: str, name: str) -> None:
    """Ask for what a run that is not paused refuses, which its stream tells."""
    person = Person.objects.get(display_name=name)
    with suppress(Refusal):
        pausing.resume(run_id=UUID(run_id), person=person, reason="Go on.")


def deactivate(name: str, by: str) -> None:
    """End somebody's access."""
    person, other = (Person.objects.get(display_name=who) for who in (name, by))
    people.deactivate(domain=_home(), person=person, by=other, reason="Has left.")


def repository_in(place: str) -> str:
    """Make a repository of really signed commits with a branch to merge; returns its path."""
    shop = Shop(Path(place))
    shop.ensure()
    shop.add(FIRST)
    return str(shop.path)


def gates(count: int) -> list[str]:
    """Let `count` runs over one new branch of the demo's repository wait; returns their gates."""
    return _waiting(_demo(seed.shop_here()), count, seed.fresh(seed.shop_here()).branch)


def gate_in(place: str) -> str:
    """Let one run over a repository of `repository_in` wait; returns its gate."""
    return _waiting(_demo(Shop(Path(place))), 1, FIRST.branch)[0]


def gate_between(place: str, initiator: str, owner: str) -> str:
    """Let a run wait that one person started and whose last agent another one owns."""
    demo = _demo(Shop(Path(place)))
    ines, ada = (Person.objects.get(display_name=name) for name in (initiator, owner))
    owned = Demo(demo.shop, _workflow_of(ada), ines)
    return _waiting(owned, 1, FIRST.branch)[0]


def _home() -> Domain:
    return Domain.objects.get(slug=SLUG)


def lapse(gate_id: str) -> None:
    """Let a gate's time be over, as the database's clock tells it."""
    assert Gate.objects.filter(pk=gate_id, state="pending").update(expires_at=Now()) == 1


def _demo(shop: Shop) -> Demo:
    with recording():
        return seed.load(shop, seed.read_example())


def _waiting(demo: Demo, count: int, branch: str) -> list[str]:
    inputs = {"repo": str(demo.shop.path), "branch": branch, "target": "main"}
    rehearsed = crowd.rehearse(demo, inputs)
    with recording():
        runs = [crowd.play(demo, rehearsed).pk for _ in range(count)]
    found = Gate.objects.filter(action__run_id__in=runs).order_by("opened_at")
    return [str(pk) for pk in found.values_list("pk", flat=True)]


def _workflow_of(owner: Person) -> Workflow:
    """Save the example's workflow anew, with a last agent that this person owns."""
    domain, example = _home(), seed.read_example()
    (entry,) = (agent for agent in example.manifest["agents"] if agent["slug"] == "integrator")
    agents.register_manifest(
        domain=domain,
        manifest={"version": 1, "agents": [{**entry, "version": 2}]},
        base_dir=FOLDER,
        owner=owner,
        sponsor=Person.objects.get(username="demo-sponsor"),
        actor=CONSOLE,
    )
    text = example.workflow.text.replace("integrator@1", "integrator@2").replace("1.0.0", "1.0.1")
    return workflows.save(
        domain=domain, text=text, filename="workflow.yaml", git_commit="", actor=CONSOLE
    )
