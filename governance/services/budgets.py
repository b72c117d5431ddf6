"""People set and raise budgets. Agents never do (DESIGN law 7)."""

import re
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.db.models.functions import Greatest
from django.utils.translation import gettext as _

from audit.services.events import record, recording
from audit.types import Actor, StreamKey
from governance.budgeting.amounts import MOST, UNITS, Amounts
from governance.budgeting.answers import Answer, Held, Short, Wait
from governance.models import (
    ALERTS,
    Agent,
    Budget,
    BudgetScope,
    Domain,
    Holding,
    HoldingState,
    Person,
    Team,
    Unit,
    Window,
)
from governance.refusals import Forbidden, Invalid, Refusal
from governance.selectors import people
from governance.selectors.budgets import name_of, share_of, words_of
from governance.services import holdings

PERMISSION = "manage_budgets"
REASON_LENGTH = 2000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,119}")


def create(
    *,
    domain: Domain,
    scope: str,
    scope_id: str,
    unit: str,
    cap: int,
    window: str,
    person: Person,
) -> Budget:
    """Set a budget. It counts for runs that are admitted and turns that begin from now on."""
    _require(person, domain)
    _refuse_unless_meant(domain, scope, scope_id)
    _refuse_unless_amount(cap)
    if unit not in Unit.values or window not in Window.values:
        raise _invalid("unit", _("Choose a unit and a window from the list."))
    fields = {"scope": scope, "scope_id": scope_id, "unit": unit, "window": window}
    try:
        with recording():
            with transaction.atomic():
                budget = Budget.objects.create(domain=domain, cap=cap, **fields)
            _tell(budget, "budget.created", person)
    except IntegrityError:
        detail = _("There is such a budget already; change that one.")
        raise Refusal("budget_exists", detail) from None
    return budget


def change(*, budget_id: int, cap: int, person: Person, reason: str) -> Budget:
    """Raise a budget, or lower it to no less than what is held and spent."""
    budget = Budget.objects.select_related("domain").filter(pk=budget_id).first()
    if budget is None or not people.permissions_for(person, budget.domain):
        raise Refusal("not_found", _("There is no such budget."), status=404)
    _require(person, budget.domain)
    _refuse_unless_amount(cap)
    said = _said(reason)
    with recording():
        used = F("held") + F("spent")
        # Whether this raises or lowers it is for the row to say: somebody may have changed it.
        fits = Q(cap__lte=cap) | Q(used__lte=cap)
        enough = Budget.objects.annotate(used=used).filter(fits, pk=budget_id, held__lte=cap)
        share = share_of(budget.spent, cap)
        following = next((alert for alert in ALERTS if alert > share), None)
        beyond = Greatest(0, used - cap)
        if not enough.update(cap=cap, overrun=beyond, next_alert=following):
            raise Refusal("budget_in_use", _("More than that is held and spent already."))
        budget.refresh_from_db()
        _tell(budget, "budget.changed", person, reason=said)
    return budget


def raise_run(*, run_id: UUID, caps: Amounts, person: Person, reason: str) -> Holding:
    """Let a run that has not ended use more; what is more must fit on every level above.

    Raises Refusal with `budget_exhausted` or `budget_awaited` where it does not, and then nothing
    changed.
    """
    holding = Holding.objects.select_related("domain").filter(pk=run_id).first()
    if holding is None or not people.permissions_for(person, holding.domain):
        raise Refusal("not_found", _("There is no such run."), status=404)
    _require(person, holding.domain)
    said = _said(reason)
    with recording():
        open_one = Holding.objects.exclude(state=HoldingState.CLOSED)
        holding = open_one.select_for_update().filter(pk=run_id).first()
        if holding is None:
            raise Refusal("run_over", _("The run has ended; it can use nothing more."))
        _refuse_unless_more(holding, caps)
        _give(holding, caps)
        refuse_short(holdings.hold_more(run_id=run_id))
        amounts = ", ".join(words_of(unit, cap) for unit, cap in caps.items())
        record(
            stream=StreamKey("run", str(run_id)),
            type="budget.run_raised",
            actor=Actor.person(person.pk),
            domain_id=holding.domain_id,
            payload={"caps": dict(caps), "amounts": amounts, "reason": said},
        )
    return holding


def refuse_short(answer: Answer) -> None:
    """Raise Refusal for whoever asked for a budget and cannot simply wait for it."""
    if not isinstance(answer, Held):
        raise Refusal(code_of(answer), sentence_of(answer))


def code_of(answer: Short) -> str:
    """Return the one code of a refusal."""
    return "budget_awaited" if isinstance(answer, Wait) else "budget_exhausted"


def sentence_of(answer: Short) -> str:
    """Say which budget has no room, how much is left of it and how much was needed."""
    where = _("The budget of this run") if answer.where == "run" else answer.where
    words = {
        "where": where,
        "left": words_of(answer.unit, answer.left),
        "need": words_of(answer.unit, answer.need),
    }
    if not answer.need:
        return _("%(where)s is limited: the workflow file has to say what a run may use.") % words
    if code_of(answer) == "budget_awaited":
        return _("%(where)s: %(left)s are left and %(need)s are needed; others hold it.") % words
    return _("%(where)s: %(left)s are left and %(need)s are needed; raise it first.") % words


def _require(person: Person, domain: Domain) -> None:
    if not isinstance(person, Person):
        raise Forbidden("agent_principal", _("Only people can do this, never an agent."))
    people.require(person, domain, PERMISSION)


def _refuse_unless_meant(domain: Domain, scope: str, scope_id: str) -> None:
    """Raise Invalid unless the scope names something that is there, or may be one day."""
    known = {
        BudgetScope.TEAM: Team.objects.filter(domain=domain, slug=scope_id),
        BudgetScope.AGENT: Agent.objects.filter(domain=domain, slug=scope_id),
    }
    if scope not in BudgetScope.values:
        raise _invalid("scope", _("Choose whose budget it is from the list."))
    if scope == BudgetScope.DOMAIN:
        if scope_id:
            raise _invalid("scope_id", _("The budget of the domain needs no name."))
    elif not _NAME.fullmatch(scope_id):
        raise _invalid("scope_id", _("Say the name of the team, workflow, agent or model."))
    elif (found := known.get(BudgetScope(scope))) is not None and not found.exists():
        raise _invalid("scope_id", _("There is nothing of this name here."))


def _refuse_unless_amount(cap: int) -> None:
    if not 0 <= cap <= MOST:
        raise _invalid("cap", _("A budget is a whole amount and not negative."))


def _refuse_unless_more(holding: Holding, caps: Amounts) -> None:
    if not caps:
        raise _invalid("caps", _("Say how much the run may use."))
    for unit, cap in caps.items():
        if unit not in UNITS:
            raise _invalid("caps", _("Choose a unit from the list."))
        _refuse_unless_amount(cap)
        before = getattr(holding, f"{unit}_cap")
        if before is None or cap <= before:
            raise _invalid(unit, _("Say more than the run may use now."))


def _give(holding: Holding, caps: Amounts) -> None:
    """Raise the caps; what went beyond the old ones may lie within the new ones."""
    changes: dict[str, Any] = {}
    for unit, cap in caps.items():
        changes[f"{unit}_cap"] = cap
        changes[f"{unit}_overrun"] = Greatest(0, F(f"{unit}_held") + F(f"{unit}_spent") - cap)
    Holding.objects.filter(pk=holding.pk).update(next_alert=_next_alert(holding, caps), **changes)


def _next_alert(holding: Holding, caps: Amounts) -> int | None:
    """Return the share at which people are told next, now that there is more."""
    spent = holdings.spent_of(holding)
    after = {unit: caps.get(unit, getattr(holding, f"{unit}_cap")) for unit in UNITS}
    shares = [share_of(spent[unit], cap) for unit, cap in after.items() if cap is not None]
    return next((alert for alert in holding.alerts if alert > max(shares, default=0)), None)


def _said(reason: str) -> str:
    said = reason.strip()
    if not 1 <= len(said) <= REASON_LENGTH or "\0" in said:
        raise _invalid("reason", _("Say why, in 1 to 2000 characters."))
    return said


def _invalid(name: str, detail: str) -> Invalid:
    return Invalid("invalid_budget", detail, errors=[{"pointer": f"/{name}", "detail": detail}])


def _tell(budget: Budget, type: str, person: Person, **payload: Any) -> None:
    record(
        stream=StreamKey("domain", str(budget.domain_id)),
        type=type,
        actor=Actor.person(person.pk),
        domain_id=budget.domain_id,
        payload={
            "budget": name_of(budget),
            "budget_id": budget.pk,
            "cap": budget.cap,
            "unit": budget.unit,
            "window": budget.window,
            "amount": words_of(budget.unit, budget.cap),
            **payload,
        },
    )
