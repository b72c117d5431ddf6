"""What people asked of a run and did not get is part of its history."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from uuid import UUID

from audit.services.events import recording
from audit.types import Actor
from governance.models import Person
from governance.refusals import Refusal
from orchestrator.models import Run
from orchestrator.services.history import tell_run


@contextmanager
def refusals_recorded(*, run_id: UUID, verb: str, person: Person) -> Iterator[None]:
    """Let a refusal pass, and record it in a transaction of its own if it was illegal (409)."""
    try:
        yield
    except Refusal as refusal:
        if refusal.status == HTTPStatus.CONFLICT:
            with recording():
                actor, run = Actor.person(person.pk), Run.objects.get(pk=run_id)
                said = {"code": refusal.code, "detail": refusal.detail}
                tell_run(run, "run.refused", actor, verb=verb, **said)
        raise
