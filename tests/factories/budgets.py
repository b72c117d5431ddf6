"""Budgets of a domain, and runs that ask for a part of them."""

import uuid
from typing import Any

from audit.services.events import recording
from audit.types import Actor
from governance.budgeting.answers import Answer, Held
from governance.models import Budget, BudgetScope, Domain, Holding, Unit
from governance.services import domains, holdings
from governance.services.holdings import Draw, Grant

STEP = uuid.UUID(int=1)


def domain(slug: str = "home") -> Domain:
    """Found a domain."""
    return domains.found(slug=slug, name=slug.capitalize(), actor=Actor.system("test"))


def budget(domain: Domain, cap: int, scope_id: str = "", **fields: Any) -> Budget:
    """Put a budget of tokens there: the domain's, or a workflow's."""
    scope = BudgetScope.WORKFLOW if scope_id else BudgetScope.DOMAIN
    return Budget.objects.create(
        **{
            "domain": domain,
            "scope": scope,
            "scope_id": scope_id,
            "unit": Unit.TOKENS,
            "cap": cap,
            **fields,
        }
    )


def opened(domain: Domain, tokens: int = 10, **fields: Any) -> tuple[uuid.UUID, Answer]:
    """Let a run of workflow `review` ask for its holding; return its id and the answer."""
    run_id = uuid.uuid4()
    caps = {"micro_usd": 1_000_000, "tokens": tokens, **fields.pop("caps", {})}
    grant = Grant(
        **{"workflow": "review", "caps": caps, "levels": ["domain:", "workflow:review"], **fields}
    )
    with recording():
        return run_id, holdings.open_for(run_id=run_id, domain_id=domain.pk, grant=grant)


def draw(domain: Domain, run_id: uuid.UUID, tokens: int, **fields: Any) -> Answer:
    """Let an attempt of the run draw tokens."""
    ask = Draw(
        **{
            "run_id": run_id,
            "domain_id": domain.pk,
            "step_id": STEP,
            "epoch": 1,
            "needs": {"tokens": tokens},
            **fields,
        }
    )
    with recording():
        return holdings.draw(ask)


def settle(run_id: uuid.UUID, held: Answer, tokens: int, **fields: Any) -> None:
    """Settle what the attempt drew."""
    assert isinstance(held, Held)
    with recording():
        holdings.settle(
            **{
                "run_id": run_id,
                "step_id": STEP,
                "epoch": 1,
                "held": held,
                "used": {"tokens": tokens},
                **fields,
            }
        )


def figures(row: Budget) -> tuple[int, int, int]:
    """Return what the budget holds, has spent and is overrun by."""
    row.refresh_from_db()
    return row.held, row.spent, row.overrun


def tokens_of(run_id: uuid.UUID) -> tuple[int, int, int]:
    """Return the same of a run's tokens."""
    row = Holding.objects.get(pk=run_id)
    return row.tokens_held, row.tokens_spent, row.tokens_overrun
