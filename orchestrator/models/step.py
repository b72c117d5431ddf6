import uuid

from django.db import models
from django.db.models import Q

from governance.models import Action, Agent, Effect
from orchestrator.models.run import Run
from orchestrator.patterns.paths import inside


class StepState(models.TextChoices):
    """Where a step stands (engine.md 8.2)."""

    BLOCKED = "blocked", "Blocked"
    READY = "ready", "Ready"
    RUNNING = "running", "Running"
    AWAITING_APPROVAL = "awaiting_approval", "Waiting for approval"
    AWAITING_INPUT = "awaiting_input", "Waiting for input"
    AWAITING_AUTH = "awaiting_auth", "Waiting for sign-in"
    AWAITING_BUDGET = "awaiting_budget", "Waiting for budget"
    BACKOFF = "backoff", "Waiting to retry"
    ESCALATED = "escalated", "Needs a person"
    SUCCEEDED = "succeeded", "Done"
    FAILED = "failed", "Failed"
    REJECTED = "rejected", "Rejected"
    SKIPPED = "skipped", "Skipped"
    CANCELLED = "cancelled", "Cancelled"
    TIMED_OUT = "timed_out", "Timed out"


_S = StepState
_CANCEL = frozenset({_S.CANCELLED})
STEP_TRANSITIONS: dict[str, frozenset[str]] = {
    # Escalated: whether its condition holds cannot be said.
    _S.BLOCKED: frozenset({_S.READY, _S.SKIPPED, _S.ESCALATED}) | _CANCEL,
    _S.READY: frozenset(
        {_S.RUNNING, _S.AWAITING_APPROVAL, _S.AWAITING_BUDGET, _S.FAILED, _S.TIMED_OUT}
    )
    | _CANCEL,
    _S.RUNNING: frozenset(
        {
            _S.SUCCEEDED,
            _S.BACKOFF,
            _S.ESCALATED,
            _S.FAILED,
            # Rejected: by another domain, which a step was handed to.
            _S.REJECTED,
            _S.AWAITING_APPROVAL,
            _S.AWAITING_INPUT,
            _S.AWAITING_AUTH,
            _S.READY,
            _S.TIMED_OUT,
        }
    )
    | _CANCEL,
    _S.AWAITING_APPROVAL: frozenset({_S.READY, _S.REJECTED, _S.ESCALATED, _S.TIMED_OUT}) | _CANCEL,
    _S.AWAITING_INPUT: frozenset({_S.READY, _S.TIMED_OUT}) | _CANCEL,
    _S.AWAITING_AUTH: frozenset({_S.READY, _S.TIMED_OUT}) | _CANCEL,
    _S.AWAITING_BUDGET: frozenset({_S.READY, _S.ESCALATED, _S.TIMED_OUT}) | _CANCEL,
    _S.BACKOFF: frozenset({_S.READY, _S.TIMED_OUT}) | _CANCEL,
    _S.ESCALATED: frozenset({_S.READY, _S.SUCCEEDED, _S.SKIPPED, _S.FAILED, _S.REJECTED})
    | _CANCEL,
    _S.SUCCEEDED: frozenset(),
    _S.FAILED: frozenset(),
    _S.REJECTED: frozenset(),
    _S.SKIPPED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.TIMED_OUT: frozenset(),
}
# A block is nobody's to claim: it runs while its children do and ends as its pattern says. One
# that needed a person runs on once none of its children does, or ends as that person says.
_BLOCK_ENDS = frozenset(
    {_S.SUCCEEDED, _S.FAILED, _S.REJECTED, _S.ESCALATED, _S.TIMED_OUT, _S.CANCELLED}
)
BLOCK_TRANSITIONS: dict[str, frozenset[str]] = {
    _S.BLOCKED: frozenset({_S.RUNNING, _S.SKIPPED, _S.ESCALATED, _S.CANCELLED}),
    # Skipped: a person skipped the turn of a step that peers had bid for.
    _S.RUNNING: _BLOCK_ENDS | {_S.SKIPPED},
    _S.ESCALATED: _BLOCK_ENDS | {_S.RUNNING, _S.SKIPPED},
}
# How often people may let one step begin again.
MOST_HUMAN_RETRIES = 3
STEP_FINAL = frozenset(state for state, onward in STEP_TRANSITIONS.items() if not onward)


class StepKind(models.TextChoices):
    """What there is to do: by an agent, by people, by the steps inside, or by waiting."""

    TURN = "turn", "Turn"
    APPROVAL = "approval", "Approval"
    BLOCK = "block", "Block"
    BID = "bid", "Bid"
    ACK = "ack", "Acknowledgement"
    TIMER = "timer", "Timer"


class Step(models.Model):
    """One node of a run. Ready steps are themselves the queue.

    The children of the root are laid out when the run starts, every other step when a move
    starts it; `path` says where it stands (`block/child`, `block#2/child` in a block done again).
    A block has no agent: it runs while its children do, and its output is what they came to.
    `alias` is who the file calls the agent, `task` what its pattern asks of it, `order` the rank
    in which it ended within the run, 0 until then.

    A worker claims a step with one conditional UPDATE that moves `epoch` on; every later write
    of that worker carries the epoch and does nothing once it is stale. `action` is the action
    the step proposed last; `held_output` is what the agent answered with the proposal, kept
    until the effect of the action completes it. `conversation` is what an agent left to itself
    for the turn after the action (`kept`), and what came since: from the tool (`outcome`), from
    policy or people in its stead (`refusal`, counted by `refused`), or from an agent that answers
    later (`answer`, until `not_before`). `attempts` counts failed
    tries of the present phase, `crash_count` lost workers. `start_by` and `close_by` are when the
    file's timeouts for waiting and for everything pass. Leases and times compare with the
    database's clock. A step is `bounded` when it may have to wait for others: `mutexes` are what
    it needs to have alone, and `waits_for` the one of them that it lacked.

    A compensation step `undoes` one effect of the run and has no turn. `human_retries` counts how
    often people let an escalated step begin again; `note` is what they told its agent last.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="steps")
    path = models.CharField(max_length=200)
    iteration = models.PositiveIntegerField(default=0)
    position = models.PositiveIntegerField()
    kind = models.CharField(max_length=16, choices=StepKind, default=StepKind.TURN)
    agent = models.ForeignKey(
        Agent, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    alias = models.CharField(max_length=50, blank=True)
    task = models.JSONField(default=dict, blank=True)
    order = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=24, choices=StepState, default=StepState.BLOCKED)
    epoch = models.PositiveBigIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    crash_count = models.PositiveIntegerField(default=0)
    lease_owner = models.CharField(max_length=120, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField(null=True, blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True)
    start_by = models.DateTimeField(null=True, blank=True)
    close_by = models.DateTimeField(null=True, blank=True)
    mutexes = models.JSONField(default=list, blank=True)
    bounded = models.BooleanField(default=False)
    waits_for = models.CharField(max_length=240, blank=True)
    rung_at = models.DateTimeField(null=True, blank=True)
    action = models.ForeignKey(
        Action, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    undoes = models.OneToOneField(
        Effect, null=True, blank=True, on_delete=models.PROTECT, related_name="undoing"
    )
    human_retries = models.PositiveIntegerField(default=0)
    note = models.TextField(blank=True)
    output = models.JSONField(default=dict, blank=True)
    output_digest = models.CharField(max_length=64, blank=True)
    held_output = models.JSONField(default=dict, blank=True)
    conversation = models.JSONField(default=dict, blank=True)
    error_code = models.CharField(max_length=64, blank=True)
    error_detail = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["run", "path", "iteration"], name="orchestrator_step_once"
            ),
            models.CheckConstraint(
                condition=Q(state__in=StepState.values), name="orchestrator_step_state"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=StepKind.values), name="orchestrator_step_kind"
            ),
        ]
        indexes = [
            models.Index(
                fields=["created_at"],
                condition=Q(state="ready"),
                name="orchestrator_step_queue",
            ),
            models.Index(
                fields=["lease_expires_at"],
                condition=Q(state="running"),
                name="orchestrator_step_leases",
            ),
            models.Index(
                fields=["not_before"],
                condition=Q(state__in=["backoff", "awaiting_input"]),
                name="orchestrator_step_rests",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.place} of {self.run_id}"

    @property
    def place(self) -> str:
        """Its path, and for a step that is done again which time this is: `chat/turn#2`."""
        return inside(self.path, self.iteration)


class AttemptKind(models.TextChoices):
    """What a worker claimed the step for."""

    TURN = "turn", "Agent's turn"
    EXECUTION = "execution", "Execution of an approved action"
    COMPENSATION = "compensation", "Undo of an effect"


class AttemptOutcome(models.TextChoices):
    """How one try of a step ended."""

    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Done"
    PROPOSED = "proposed", "Proposed an action"
    REFUSED = "refused", "Refused before it was proposed"
    HANDED_OVER = "handed_over", "Asked another domain"
    AWAITING = "awaiting", "Answers later"
    FAILED = "failed", "Failed"
    STALE = "stale", "Lost its claim"
    CRASHED = "crashed", "Worker lost"


class Settlement(models.TextChoices):
    """What became of what an attempt held of its run's budget."""

    NONE = "", "Nothing was held"
    HELD = "held", "Held"
    SETTLED = "settled", "Settled"
    UNVERIFIED = "unverified", "Charged in full, unverified"


class Attempt(models.Model):
    """One try of a step by one worker, under one epoch.

    `usage` is what the runner says it cost: tokens in and out, the model, calls of tools. `held`
    is what it holds of its run's budget, by unit, until that is settled; `is_held_above` says
    that budgets of its agent or model hold it as well. It was charged `cost_micro_usd` and
    `tokens`. What nobody reports after a crash is charged in full.
    """

    step = models.ForeignKey(Step, on_delete=models.PROTECT, related_name="tries")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=16, choices=AttemptKind, default=AttemptKind.TURN)
    epoch = models.PositiveBigIntegerField()
    worker = models.CharField(max_length=120)
    runner = models.CharField(max_length=64, blank=True)
    outcome = models.CharField(
        max_length=16, choices=AttemptOutcome, default=AttemptOutcome.RUNNING
    )
    error_code = models.CharField(max_length=64, blank=True)
    error_detail = models.TextField(blank=True)
    usage = models.JSONField(default=dict, blank=True)
    held = models.JSONField(default=dict, blank=True)
    is_held_above = models.BooleanField(default=False)
    settlement = models.CharField(max_length=12, choices=Settlement, blank=True)
    cost_micro_usd = models.PositiveBigIntegerField(default=0)
    tokens = models.PositiveBigIntegerField(default=0)
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["step", "number"], name="orchestrator_attempt_once"),
            models.CheckConstraint(
                condition=Q(outcome__in=AttemptOutcome.values),
                name="orchestrator_attempt_outcome",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=AttemptKind.values), name="orchestrator_attempt_kind"
            ),
            models.CheckConstraint(
                condition=Q(settlement__in=Settlement.values),
                name="orchestrator_attempt_settlement",
            ),
        ]
        indexes = [
            models.Index(
                fields=["step"],
                condition=Q(settlement="held"),
                name="orchestrator_attempt_holds",
            ),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number} of {self.step_id}"
