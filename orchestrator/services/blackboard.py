"""The blackboard of a run: peers leave entries for one another, each version by one of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db.models import Max, Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from orchestrator.models import Posting, Step, StepKind
from orchestrator.runners.base import AgentFailedError, AgentResult
from orchestrator.services.history import ENGINE, tell_step
from orchestrator.services.sources import source_of
from orchestrator.topologies import blackboard
from orchestrator.topologies.blackboard import POST
from orchestrator.workflow.definition import Definition
from orchestrator.workflow.plain_json import as_stored
from orchestrator.workflow.step_plans import duration

CONFLICT = "posting_conflict"
MOST_SHOWN = 200

Posts = Sequence[Mapping[str, Any]]


def taken_out(
    step: Step, definition: Definition, result: AgentResult
) -> tuple[AgentResult, Posts]:
    """Return the result without what it posts, and that; raises AgentFailedError for a misfit.

    An answer to an announcement posts nothing: it is sealed.
    """
    is_post = POST in result.output and step.kind == StepKind.TURN
    if not is_post or not blackboard.is_kept(definition):
        return result, ()
    output = dict(result.output)
    posts = output.pop(POST)
    if fault := blackboard.fault_of(posts):
        raise AgentFailedError(fault.code, fault.detail, retryable=True, usage=result.usage)
    return replace(result, output=output), posts


def post(step: Step, posts: Posts, *, usage: Mapping[str, Any]) -> None:
    """Write entries, each the version after the one its author has read. Joins the transaction.

    Raises AgentFailedError when somebody wrote in between; another attempt sees what. `usage` is
    what the turn cost all the same.
    """
    for entry in posts:
        last = _last_version(step.run_id, entry["space"], entry["key"])
        if entry["version"] != last:
            detail = _("“%(key)s” in %(space)s has version %(last)d by now, not %(version)d.")
            said = detail % {**entry, "last": last}
            raise AgentFailedError(CONFLICT, said, retryable=True, usage=usage)
        _write(step, entry)


def seen(step: Step, definition: Definition) -> list[dict[str, Any]]:
    """Return the entries that the step's context grants, in the order of space and key."""
    spaces = blackboard.spaces_seen(definition, step.path)
    if spaces == [] or not blackboard.is_kept(definition):
        return []
    chosen = Q() if spaces is None else Q(space__in=spaces)
    live = Q(expires_at__isnull=True) | Q(expires_at__gt=Now())
    rows = Posting.objects.filter(chosen, run_id=step.run_id)
    last = {(row.space, row.key): row for row in rows.order_by("version")}
    fresh = set(rows.filter(live).values_list("pk", flat=True))
    shown = sorted((row for row in last.values() if row.pk in fresh), key=lambda row: row.pk)
    return sorted(map(_as_json, shown[-MOST_SHOWN:]), key=lambda one: (one["space"], one["key"]))


def _last_version(run_id: UUID, space: str, key: str) -> int:
    versions = Posting.objects.filter(run_id=run_id, space=space, key=key)
    return int(versions.aggregate(last=Max("version"))["last"] or 0)


def _write(step: Step, entry: Mapping[str, Any]) -> None:
    source = source_of(step)
    said = {
        "space": entry["space"],
        "key": entry["key"],
        "version": entry["version"] + 1,
        "kind": entry["kind"],
        "body": as_stored(entry["body"]),
        "author": source.author,
        "trust": source.trust.value,
    }
    ttl = entry.get("ttl")
    until = {"expires_at": Now() + duration(ttl)} if ttl else {}
    Posting.objects.create(run_id=step.run_id, step=step.place, **said, **until)
    tell_step(step, "blackboard.posted", ENGINE, ttl=ttl or "", **said)


def _as_json(posting: Posting) -> dict[str, Any]:
    return {
        "space": posting.space,
        "key": posting.key,
        "version": posting.version,
        "kind": posting.kind,
        "body": posting.body,
        "author": posting.author,
        "trust": posting.trust,
        "step": posting.step,
    }
