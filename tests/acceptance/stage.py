"""What is set up behind the scenes, through the services that the product's own commands call.

Every function runs in the backstage process; identifiers come and go as text.
"""

from datetime import timedelta
from pathlib import Path

from django.db.models.functions import Now

from audit.services.events import recording
from audit.types import Actor
from governance.models import Agent, Domain, Gate, Person
from governance.selectors import signin_links as links
from governance.services import agents, budgets, people, signin_links, tokens
from orchestrator.demo import crowd, seed
from orchestrator.demo.examples import FOLDER
from orchestrator.demo.improvements import FIRST
from orchestrator.demo.seed import Demo
from orchestrator.demo.shop import Shop
from orchestrator.models import Workflow
from orchestrator.services import workflows

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
    secret = people.invite(domain=Domain.objects.get(), inviter=first)
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
        domain=Domain.objects.get(),
        scope="workflow",
        scope_id="nightly-scan",
        unit="micro_usd",
        cap=250_000_000,
        window="month",
        person=person,
    )
    return int(made.pk)


def deactivate(name: str, by: str) -> None:
    """End somebody's access."""
    person, other = (Person.objects.get(display_name=who) for who in (name, by))
    people.deactivate(domain=Domain.objects.get(), person=person, by=other, reason="Has left.")


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
    domain, example = Domain.objects.get(), seed.read_example()
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
