import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from governance.models import Contract, Domain
from orchestrator.models.workflow import Workflow


class RunState(models.TextChoices):
    """Where a run stands (engine.md 8.1)."""

    PENDING = "pending", "Pending"
    RUNNING = "running", "Running"
    WAITING = "waiting", "Waiting"
    PAUSED = "paused", "Paused"
    ESCALATED = "escalated", "Needs a person"
    CANCELLING = "cancelling", "Cancelling"
    COMPENSATING = "compensating", "Rolling back"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    REJECTED = "rejected", "Rejected"
    CANCELLED = "cancelled", "Cancelled"
    TIMED_OUT = "timed_out", "Timed out"


_S = RunState
RUN_TRANSITIONS: dict[str, frozenset[str]] = {
    _S.PENDING: frozenset({_S.RUNNING, _S.WAITING, _S.REJECTED, _S.CANCELLED, _S.TIMED_OUT}),
    _S.RUNNING: frozenset(
        {
            _S.WAITING,
            _S.ESCALATED,
            _S.PAUSED,
            _S.CANCELLING,
            _S.COMPENSATING,
            _S.SUCCEEDED,
            _S.FAILED,
            _S.REJECTED,
            _S.TIMED_OUT,
        }
    ),
    _S.WAITING: frozenset(
        {
            _S.RUNNING,
            _S.ESCALATED,
            _S.PAUSED,
            _S.CANCELLING,
            _S.COMPENSATING,
            _S.FAILED,
            _S.REJECTED,
            _S.TIMED_OUT,
        }
    ),
    _S.PAUSED: frozenset(
        {_S.RUNNING, _S.WAITING, _S.ESCALATED, _S.CANCELLING, _S.COMPENSATING, _S.TIMED_OUT}
    ),
    _S.ESCALATED: frozenset(
        {_S.RUNNING, _S.PAUSED, _S.COMPENSATING, _S.FAILED, _S.CANCELLING, _S.TIMED_OUT}
    ),
    _S.CANCELLING: frozenset({_S.COMPENSATING, _S.CANCELLED}),
    _S.COMPENSATING: frozenset({_S.FAILED, _S.REJECTED, _S.CANCELLED, _S.TIMED_OUT, _S.ESCALATED}),
    _S.SUCCEEDED: frozenset(),
    _S.FAILED: frozenset(),
    _S.REJECTED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.TIMED_OUT: frozenset(),
}
RUN_FINAL = frozenset(state for state, onward in RUN_TRANSITIONS.items() if not onward)
# Nothing begins in these any more; what was begun is settled or undone.
RUN_ENDING = frozenset({_S.CANCELLING, _S.COMPENSATING})


class Rollback(models.TextChoices):
    """What became of the effects of a run that did not succeed (engine.md 5.7)."""

    NOT_NEEDED = "not_needed", "Nothing to undo"
    PENDING = "pending", "Under way"
    COMPLETE = "complete", "Everything was undone"
    PARTIAL = "partial", "Something could not be undone"
    SKIPPED = "skipped", "What was done stays"


class PauseMode(models.TextChoices):
    """How a run is paused: turns under way finish, or lose their claim at once."""

    DRAIN = "drain", "Let what is under way finish"
    NOW = "now", "Stop turns at once"


class Run(models.Model):
    """One execution of a workflow. Its history is the stream `run:<id>`.

    `error_code` and `error_detail` say why a run ended without success, in words for people.
    `ending` is the state that a run has once it is wound down and rolled back, `ending_code` and
    `ending_detail` its cause; they are set when the end begins. `cancel_*` and `pause_*` say who
    asked for it and why; a second request to cancel is answered with the id of the first.
    `contract` is the one under which the run is done for another domain, empty for its own.
    `goal`, `constraints` and `success_criteria` are what the initiator told the agents beside the
    inputs; `pinned_agents` are the agents chosen for the workflow's slots, slug@version by alias,
    and `owners` whose the agents were at intake, where the file asks for that. `absent` are the
    voters of its chats that were out of service when it last moved.
    A run that was `forked_from` another began at the step `forked_at`, with what that one's steps
    before it had come to.
    `version` moves on whenever somebody takes hold of the run to change it or its steps.
    `is_budget_lent` says that the run gave back what it held while it waits for people.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    domain = models.ForeignKey(Domain, on_delete=models.PROTECT, related_name="runs")
    workflow = models.ForeignKey(Workflow, on_delete=models.PROTECT, related_name="runs")
    initiator = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="started_runs"
    )
    contract = models.ForeignKey(
        Contract, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    state = models.CharField(max_length=16, choices=RunState, default=RunState.PENDING)
    inputs = models.JSONField()
    input_digest = models.CharField(max_length=64)
    goal = models.TextField(blank=True)
    constraints = models.JSONField(default=list, blank=True)
    success_criteria = models.JSONField(default=list, blank=True)
    pinned_agents = models.JSONField(default=dict, blank=True)
    owners = models.JSONField(default=dict, blank=True)
    absent = models.JSONField(default=list, blank=True)
    error_code = models.CharField(max_length=64, blank=True)
    error_detail = models.TextField(blank=True)
    rollback = models.CharField(max_length=16, choices=Rollback, default=Rollback.NOT_NEEDED)
    ending = models.CharField(max_length=16, blank=True)
    ending_code = models.CharField(max_length=64, blank=True)
    ending_detail = models.TextField(blank=True)
    cancel_id = models.UUIDField(null=True, blank=True)
    cancel_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    cancel_reason = models.TextField(blank=True)
    cancel_at = models.DateTimeField(null=True, blank=True)
    pause_mode = models.CharField(max_length=8, choices=PauseMode, blank=True)
    pause_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    pause_reason = models.TextField(blank=True)
    version = models.PositiveBigIntegerField(default=0)
    is_budget_lent = models.BooleanField(default=False)
    deadline_at = models.DateTimeField()
    dedupe_key = models.CharField(max_length=64, unique=True)
    forked_from = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="forks"
    )
    forked_at = models.CharField(max_length=50, blank=True)
    forked_because = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=RunState.values), name="orchestrator_run_state"
            ),
            models.CheckConstraint(
                condition=Q(rollback__in=Rollback.values), name="orchestrator_run_rollback"
            ),
        ]
        indexes = [
            models.Index(fields=["domain", "-created_at", "id"], name="orchestrator_runs_page"),
            models.Index(
                fields=["domain", "state", "-created_at"], name="orchestrator_run_states"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.workflow} {str(self.id)[:8]}"
