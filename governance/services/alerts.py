"""People are told how much of a budget is used: once for each share, by notices.

The steward looks every few seconds, so that no run has to look at every step.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from audit.registry import link_for
from audit.services.events import record, recording
from audit.types import Actor, StreamKey
from governance.models import ALERTS, Budget, Channel, Holding, Notice, Person, Webhook
from governance.selectors import budgets as selector
from governance.selectors import people
from governance.services import notices

BUDGETS = Actor.system("budgets")
PAGE = "/budgets/"


def tell_due(*, limit: int = 100) -> int:
    """Tell people of every budget and run that has used a share they are to hear of."""
    told = sum(_budget(budget) for budget in selector.budgets_to_tell()[:limit])
    return told + sum(_run(holding) for holding in selector.holdings_to_tell()[:limit])


def tell_run(*, run_id: UUID, domain_id: UUID, topic: str, title: str, key: str) -> int:
    """Tell who answers for the domain's budgets something about one run; joins recording().

    The same `key` again is told once.
    """
    stream, path = f"run:{run_id}", link_for("run", str(run_id))
    return _notify(domain_id, topic=topic, title=title, path=path, stream=stream, key=key)


def _budget(budget: Any) -> bool:
    share = selector.share_of(budget.used, budget.cap)
    following = _after(ALERTS, share)
    with recording():
        same = Budget.objects.filter(pk=budget.pk, next_alert=budget.next_alert)
        if not same.update(next_alert=following):
            return False
        name = selector.name_of(budget)
        reached = _reached(ALERTS, share)
        said = {"budget": name, "share": reached, "budget_id": budget.pk}
        stream = StreamKey("domain", str(budget.domain_id))
        _record(stream, budget.domain_id, said)
        title = _("%(share)d %% of the budget of %(budget)s are used") % said
        key = f"budget:{budget.pk}:{budget.window_began:%Y%m%d}:{budget.cap}:{reached}"
        _notify(
            budget.domain_id,
            topic="budget.alerted",
            title=title,
            path=PAGE,
            stream=str(stream),
            key=key,
        )
    return True


def _run(holding: Holding) -> bool:
    share, unit = selector.share_used(holding)
    with recording():
        same = Holding.objects.filter(pk=holding.pk, next_alert=holding.next_alert)
        if not same.update(next_alert=_after(holding.alerts, share)):
            return False
        name = _("a run of %(workflow)s") % {"workflow": holding.workflow}
        reached = _reached(holding.alerts, share)
        said = {"budget": name, "share": reached, "unit": unit}
        _record(StreamKey("run", str(holding.run_id)), holding.domain_id, said)
        cap = getattr(holding, f"{unit}_cap")
        tell_run(
            run_id=holding.run_id,
            domain_id=holding.domain_id,
            topic="budget.alerted",
            title=_("%(share)d %% of the budget of %(budget)s are used") % said,
            key=f"holding:{holding.run_id}:{unit}:{cap}:{reached}",
        )
    return True


def _after(alerts: Sequence[int], share: int) -> int | None:
    return next((alert for alert in alerts if alert > share), None)


def _reached(alerts: Sequence[int], share: int) -> int:
    return max((alert for alert in alerts if alert <= share), default=share)


def _record(stream: StreamKey, domain_id: UUID, said: dict[str, Any]) -> None:
    record(stream=stream, type="budget.alerted", actor=BUDGETS, domain_id=domain_id, payload=said)


def _notify(domain_id: UUID, *, key: str, **words: str) -> int:
    drafts = list(_drafts(domain_id, people.holders_of(domain_id, "manage_budgets")))
    for draft, whom in drafts:
        for name, value in words.items():
            setattr(draft, name, value)
        draft.dedupe_key = f"{key}:{whom}"
    return notices.enqueue(notices=[draft for draft, _whom in drafts])


def _drafts(domain_id: UUID, told: Iterable[Person]) -> Iterable[tuple[Notice, str]]:
    for person in told:
        in_app = Notice(domain_id=domain_id, channel=Channel.IN_APP, person=person)
        yield in_app, f"in_app:{person.pk}"
        if person.email:
            mail = Notice(domain_id=domain_id, channel=Channel.EMAIL, person=person)
            yield mail, f"email:{person.pk}"
    for webhook in Webhook.objects.filter(domain_id=domain_id, is_active=True):
        posted = Notice(domain_id=domain_id, channel=Channel.WEBHOOK, webhook=webhook)
        yield posted, f"webhook:{webhook.pk}"
