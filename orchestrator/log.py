"""What the orchestrator tells the log about itself: event types by noun, viewers and links."""

import uuid
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from audit import registry
from audit.registry import Sentence
from governance.selectors import people
from orchestrator.models import Run, Step, StepState, Workflow
from orchestrator.selectors import sealed

Types = Iterable[tuple[str, str | Sentence]]

WORKFLOWS: Types = (("workflow.saved", _("Workflow {name} {version} was saved")),)


def _waits_for(payload: Mapping[str, Any]) -> str:
    reason = payload.get("reason")
    words = StepState(reason).label if reason in StepState.values else "\N{EM DASH}"
    return gettext("The run is held up: %(words)s") % {"words": words}


def _was_cancelled(payload: Mapping[str, Any]) -> str:
    words = (
        gettext("Step %(step)s was cancelled because the run ended")
        if payload.get("because") == "run_ended"
        else gettext("Step %(step)s was cancelled: nobody waits for it any more")
    )
    return words % {"step": payload.get("step", "\N{EM DASH}")}


def _was_skipped(payload: Mapping[str, Any]) -> str:
    words = (
        gettext("Somebody let step %(step)s be skipped: %(reason)s")
        if payload.get("because") == "person"
        else gettext("Step %(step)s was skipped: its condition does not hold")
    )
    dash = "\N{EM DASH}"
    return words % {"step": payload.get("step", dash), "reason": payload.get("reason", dash)}


def _needs_a_person(payload: Mapping[str, Any]) -> str:
    why = payload.get("detail") or str(payload.get("code", "")).replace("_", " ")
    if not payload.get("step"):
        return gettext("The run needs a person: %(why)s") % {"why": why}
    return gettext("The run needs a person at step %(step)s: %(why)s") % {
        "step": payload["step"],
        "why": why,
    }


def _voters(payload: Mapping[str, Any]) -> str:
    if absent := payload.get("absent"):
        return gettext("Out of service, without a vote: %(who)s") % {"who": ", ".join(absent)}
    return gettext("Every voter is in service")


RUNS: Types = (
    ("run.started", _("A run of {workflow} {version} started")),
    ("run.forked", _("The run begins at step {step} of another run: {reason}")),
    ("run.waiting", _waits_for),
    ("run.voters_changed", _voters),
    ("run.resumed", _("The run goes on")),
    ("run.escalated", _needs_a_person),
    ("run.paused", _("The run was paused: {reason}")),
    ("run.cancel_requested", _("Somebody asked to cancel the run: {reason}")),
    ("run.rolling_back", _("The run ends and is wound down: {detail}")),
    ("run.rollback_stated", _("What became of everything the run did: {label}")),
    ("run.move_refused", _("The engine tried what no table of states allows: {detail}")),
    ("run.refused", _("“{verb}” was refused: {detail}")),
    ("run.cancelled", _("The run was cancelled: {detail}")),
    ("run.succeeded", _("The run succeeded")),
    ("run.failed", _("The run failed: {detail}")),
    ("run.rejected", _("The run was rejected: {detail}")),
    ("run.timed_out", _("The run timed out: {detail}")),
)

STEPS: Types = (
    ("step.ready", _("Step {step} is ready")),
    ("step.taken_over", _("What step {step} came to was taken over from another run")),
    ("step.started", _("Step {step} started, attempt {attempt}")),
    ("step.budget_awaited", _("Step {step} waits for budget: {detail}")),
    ("step.charged", _("Step {step} was charged for what it used")),
    ("step.succeeded", _("Step {step} is done")),
    ("step.failed", _("Step {step} failed: {detail}")),
    ("step.timed_out", _("Step {step} timed out: {detail}")),
    ("step.held_up", _("Step {step} waits for {mutex}, which {holder} holds")),
    ("step.awaiting_input", _("The agent of step {step} took the work and answers later")),
    ("step.answered", _("The agent of step {step} answered")),
    ("step.suspended", _("Step {step} waits for approval")),
    ("step.handed_over", _("Step {step} was handed to {domain} under contract {contract}")),
    ("step.recalled", _("What {step} had asked of another domain was stopped there")),
    ("step.retry_scheduled", _("Step {step} will be tried again in {seconds} s: {detail}")),
    ("step.lease_expired", _("Step {step} lost its worker and is ready again")),
    ("step.call_refused", _("A call of the agent of step {step} was refused: {detail}")),
    ("step.rejected", _("Step {step} was rejected: {detail}")),
    ("step.escalated", _("Step {step} needs a person: {detail}")),
    ("step.cancelled", _was_cancelled),
    ("step.spared", _("Step {step} is not needed any more, but finishes what it began outside")),
    ("step.skipped", _was_skipped),
    ("step.revoked", _("Step {step} was taken from its worker and is ready again")),
    ("step.retried", _("Somebody let step {step} begin again: {reason}")),
    ("step.announced_again", _("Somebody announced the work of {step} again: {reason}")),
    ("step.rerouted", _("Somebody gave step {step} to {agent}: {reason}")),
    ("step.supplied", _("Somebody offered an output for step {step}: {reason}")),
    ("step.supply_accepted", _("The offered output of step {step} was approved")),
    ("step.settled", _("Somebody found out how the effect of step {step} ended: {reason}")),
    ("step.stale", _("A worker returned to step {step} too late; nothing of it was kept")),
    ("step.drifted", _("What step {step} may do changed after approval: {changed}")),
    ("checkpoint.held", _("The checkpoint after step {step} holds")),
    ("checkpoint.failed", _("The checkpoint after step {step} stopped the run: {message}")),
    ("checkpoint.retried", _("The checkpoint after step {step} asks for another try: {message}")),
    ("checkpoint.escalated", _("The checkpoint after step {step} needs a person: {message}")),
    ("checkpoint.postponed", _("The checkpoint after step {step} asks a person: {message}")),
)

BLOCKS: Types = (
    ("block.started", _("Block {step} began")),
    ("block.resumed", _("Block {step} goes on")),
    ("block.succeeded", _("Block {step} is done")),
    ("block.failed", _("Block {step} failed: {detail}")),
    ("block.rejected", _("Block {step} was rejected: {detail}")),
    ("block.timed_out", _("Block {step} timed out: {detail}")),
    ("block.escalated", _("Block {step} needs a person: {detail}")),
)

STATE: Types = (
    ("state.written", _("Step {step} wrote “{key}” to the shared state")),
    ("blackboard.posted", _("{author} posted “{key}” in {space}, version {version}")),
)

DECISIONS: Types = (
    ("agent.selected", _("{agent} was chosen for the slot {slot}")),
    ("branches.expanded", _("Block {block} has {branches} branches, {max_parallel} at a time")),
    ("join.fired", _("The branches of {block} came together: {state}")),
    ("chat.speaker_chosen", _("{speaker} has the floor in {block}, chosen by {by}")),
    ("chat.participant_removed", _("{participant} was removed from {block}")),
    ("chat.ballot_tallied", _("A ballot in {block} was counted: {outcome}")),
    ("chat.tie_broken", _("A tie in {block} was broken: {winner}")),
    ("contract.announced", _("The work of {block} was announced to {peers}")),
    ("contract.void", _("Nobody took the work of {block}")),
    ("award.made", _("{winner} was awarded the work of {block}")),
    ("award.passed_on", _("The work of {block} went from {from} to {to}: {because}")),
    ("handoff.offered", _("{from} offered the work of {block} to {to}: {reason}")),
    ("handoff.passed", _("{from} handed the work of {block} on to {to}")),
    ("handoff.declined", _("{to} declined the work of {block}: {reason}")),
    ("handoff.refused", _("A handoff of {from} in {block} was refused: {detail}")),
    ("ledger.planned", _("{block} has a plan, version {version}")),
    ("ledger.replanned", _("{block} has another plan, version {version}")),
    ("ledger.approved", _("The plan of {block}, version {version}, was approved")),
    ("ledger.sent_back", _("The plan of {block}, version {version}, was sent back")),
    ("ledger.progress", _("Round {round} of {block} was judged")),
    ("ledger.drifted", _("Work in {block} is not what was approved")),
    ("ledger.criteria_checked", _("What {block} has to fulfil was checked")),
)


def register() -> None:
    """Fill the log's registries with everything the orchestrator records and shows."""
    for types in (WORKFLOWS, RUNS, STEPS, BLOCKS, STATE, DECISIONS):
        registry.register_event_types(types)
    registry.register_veil("step.succeeded", sealed.veil)
    registry.register_stream("run", _may_view_run)
    registry.register_list("runs", _may_view_runs)
    registry.register_link("run", "/runs/{}/".format)
    registry.register_link("workflow", "/workflows/{}/".format)
    registry.register_labels("run", _names_of_runs)
    registry.register_labels("workflow", _names_of_workflows)
    registry.register_labels("step", _names_of_steps)


def _may_view_run(person: Any, object_id: str) -> bool:
    try:
        run = Run.objects.filter(pk=uuid.UUID(object_id)).values_list("domain_id", flat=True)
    except ValueError:
        return False
    return people.holds_now(person, run.first())


def _may_view_runs(person: Any, domain_id: str) -> bool:
    try:
        return people.holds_now(person, uuid.UUID(domain_id))
    except ValueError:
        return False


def _names_of_runs(ids: Collection[str]) -> Mapping[str, str]:
    runs = Run.objects.filter(pk__in=ids).values_list("pk", "workflow__name")
    return {str(pk): f"{name} {str(pk)[:8]}" for pk, name in runs}


def _names_of_steps(ids: Collection[str]) -> Mapping[str, str]:
    steps = Step.objects.filter(pk__in=ids).values_list("pk", "path")
    return {str(pk): path for pk, path in steps}


def _names_of_workflows(ids: Collection[str]) -> Mapping[str, str]:
    workflows = Workflow.objects.filter(pk__in=ids).values_list("pk", "name", "version")
    return {str(pk): f"{name} {version}" for pk, name, version in workflows}
