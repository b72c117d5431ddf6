"""The verbs of an escalation by name, for every interface that offers them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from governance.models import Person
from governance.refusals import Invalid
from orchestrator.services import escalation, supplying


@dataclass(frozen=True, slots=True)
class Said:
    """What a person said with a verb; each verb wants some of it."""

    reason: str
    step_id: UUID | None = None
    agent_id: UUID | None = None
    output: Mapping[str, Any] | None = None
    happened: bool | None = None
    response: Mapping[str, Any] | None = None


# What each verb wants besides a reason, by the name that interfaces give it.
_WANTS: Mapping[str, tuple[str, ...]] = {
    "retry": ("step_id",),
    "reroute": ("step_id", "agent_id"),
    "supply_output": ("step_id", "output"),
    "announce_again": ("step_id",),
    "skip": ("step_id",),
    "fail": ("step_id",),
    "reconcile": ("step_id", "happened"),
    "roll_back": (),
    "close": (),
}
_USES: Mapping[str, Callable[..., object]] = {
    "retry": escalation.retry,
    "reroute": escalation.reroute,
    "supply_output": supplying.supply,
    "announce_again": escalation.announce_again,
    "skip": escalation.skip,
    "fail": escalation.fail,
    "reconcile": escalation.reconcile,
    "roll_back": escalation.roll_back,
    "close": escalation.close,
}
VERBS = tuple(_WANTS)


def use(*, verb: str, run_id: UUID, person: Person, said: Said) -> None:
    """Use a verb on a run that needs a person, or on one of its steps.

    Raises Invalid for a verb that does not exist or is said without what it wants, and whatever
    the verb refuses.
    """
    if verb not in _WANTS:
        raise _invalid("verb", _("There is no such verb."))
    given = {name: getattr(said, name) for name in _WANTS[verb]}
    for name, value in given.items():
        if value is None:
            raise _invalid(name.removesuffix("_id"), _("Say this too."))
    if verb == "reconcile":
        given["response"] = said.response
    _USES[verb](run_id=run_id, person=person, reason=said.reason, **given)


def _invalid(name: str, detail: str) -> Invalid:
    whole = _("The verb is not complete. %(name)s: %(detail)s")
    errors = [{"pointer": f"/{name}", "detail": detail}]
    return Invalid("invalid_verb", whole % {"name": name, "detail": detail}, errors=errors)
