"""Two domains with a contract that both signed.

The house is the caller. In `elsewhere`, Olga signs, reviews and operates beside Mallory; Pete owns
its agents and Rosa sponsors them.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from audit.services.events import recording
from governance.contract_terms import Terms
from governance.models import Agent, Contract, Domain, Person, Receipt
from governance.selectors.clock import database_now
from governance.services import contracts, domains
from tests.factories import governance as make
from tests.factories.governance import House

NAME = "ledgers"
SIGNATORY = ("review_gates", "operate_runs", "register_agents", "sign_contracts")


@dataclass(frozen=True)
class Alliance:
    """The house, the other domain with its people, and the contract between them."""

    home: House
    callee: Domain
    olga: Person
    pete: Person
    rosa: Person
    contract: Contract


def terms(**fields: Any) -> Terms:
    """Return terms that let `bob` of the callee write ledgers for a dollar."""
    return Terms(
        **{
            "name": NAME,
            "agents": ["bob@1"],
            "actions": ["ledger.append"],
            "scopes": ["ledger:*"],
            "data_classes": ["internal"],
            "budget_cap_micro_usd": 1_000_000,
            "expires_at": database_now() + timedelta(days=1),
            **fields,
        }
    )


def signatory(username: str, domain: Domain) -> Person:
    """Create somebody who may sign for the domain, operate its runs and review."""
    someone = make.person(username)
    with recording():
        domains.admit(domain=domain, person=someone, permissions=SIGNATORY)
    return someone


def draft(home: House, callee: Domain, person: Person, **fields: Any) -> Contract:
    """Draft a contract between the house and the callee."""
    return contracts.draft(caller=home.domain, callee=callee, terms=terms(**fields), person=person)


def signed(contract: Contract, domain: Domain, person: Person) -> Contract:
    """Sign what this person was shown."""
    return contracts.sign(contract=contract, domain=domain, person=person, shown=contract.digest)


def allied(home: House, agents: Sequence[str] = ("bob",), **fields: Any) -> Alliance:
    """Let both domains sign a contract over these agents of the callee, which do not exist yet.

    The callee has the policies of the house, and in it Olga decides.
    """
    callee = home.mallory.teams.get().domain
    una, olga = signatory("una", home.domain), signatory("olga", callee)
    fields.setdefault("agents", [f"{slug}@1" for slug in agents])
    contract = draft(home, callee, una, **fields)
    signed(contract, home.domain, una)
    contract = signed(contract, callee, olga)
    make.bundle(callee)
    return Alliance(home, callee, olga, make.person("pete"), make.person("rosa"), contract)


def agent(ally: Alliance, slug: str = "bob", **fields: Any) -> Agent:
    """Register an agent of the callee."""
    return make.agent(
        ally.callee, ally.pete, ally.rosa, slug=slug, name=slug.capitalize(), **fields
    )


def spent(
    ally: Alliance, holder: Domain, micro_usd: int, body: dict[str, Any] | None = None
) -> None:
    """Let one side hold a receipt over work that cost so much."""
    Receipt.objects.create(
        contract=ally.contract,
        holder=holder,
        message=secrets.token_hex(32),
        spent_micro_usd=micro_usd,
        body=body or {},
        digest="0" * 64,
        signature="",
    )
