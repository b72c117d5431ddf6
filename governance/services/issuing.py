"""Where every warrant comes into being: from an allowing verdict or an approved gate."""

from datetime import timedelta

from audit.services.events import record
from audit.types import Actor, ObjectRef
from governance.models import Action, Gate, Verdict, Warrant
from governance.selectors.clock import database_now
from governance.streams import stream_of


def issue(*, action: Action, verdict: Verdict, gate: Gate | None) -> Warrant:
    """Give the action its one warrant. Joins the caller's recording().

    It expires by the database's clock after the time the verdict's policies allow, which for
    an action that policy allowed is a quarter of an hour.
    """
    valid_for = timedelta(seconds=verdict.obligations["valid_for_seconds"])
    warrant = Warrant.objects.create(
        action=action,
        verdict=verdict,
        gate=gate,
        action_digest=action.digest,
        expires_at=database_now() + valid_for,
    )
    record(
        stream=stream_of(action),
        type="warrant.issued",
        actor=Actor.system("governance"),
        domain_id=action.domain_id,
        object=ObjectRef("warrant", str(warrant.pk)),
        payload={
            "action_digest": action.digest,
            "gate": str(gate.pk) if gate else "",
            "minutes": round(valid_for.total_seconds() / 60),
        },
    )
    return warrant
