"""What a run's state means to the person who looks: what happened, what was not done, what now."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from governance.templatetags.looks import Look, look
from orchestrator.selectors.approvals import Approval
from orchestrator.selectors.run_view import GateRow, RunView, StepRow

DONE = frozenset({"succeeded", "reconciled"})
REFUSED = frozenset({"rejected", "expired", "cancelled", "void"})


@dataclass(frozen=True, slots=True)
class Act:
    """Somewhere to go on."""

    label: str
    url: str
    icon: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """One state in words. `news` is the one sentence that is read out when it changes.

    `not_done` names what did not happen, `left` says what that leaves in the world.
    """

    look: Look
    title: str
    happened: str
    not_done: str
    then: str
    acts: tuple[Act, ...] = ()
    left: str = ""

    @property
    def news(self) -> str:
        """Return the title and what happened, for the live region."""
        return f"{self.title}. {self.happened}".strip()


def tell(run: RunView, approvals: Sequence[Approval]) -> Story:
    """Return the story of a run as it stands."""
    telling = _TELLINGS.get(run.state, _other)
    return telling(run, approvals)


def steps_at_work(run: RunView) -> tuple[StepRow, ...]:
    """Return the steps somebody is busy with or waits for; a block is what is in it."""
    quiet = {"blocked", "succeeded", "failed", "rejected", "skipped", "cancelled", "timed_out"}
    return tuple(step for step in run.steps if step.agent and step.state not in quiet)


def open_gate(run: RunView) -> GateRow | None:
    """Return the gate this run waits at."""
    return next((gate for gate in run.gates if gate.state == "pending"), None)


def _running(run: RunView, approvals: Sequence[Approval]) -> Story:
    step = next(iter(steps_at_work(run)), None)
    if step and step.state == "backoff":
        return _resting(run, step)
    happened = _("%(agent)s works on “%(step)s”.") % _names(step) if step else _("It goes on.")
    if step and step.state == "ready":
        happened = _("“%(step)s” waits for a free worker; %(agent)s is next.") % _names(step)
    return Story(_look(run), _("Agents are at work"), happened, "", "")


def _resting(run: RunView, step: StepRow) -> Story:
    return Story(
        look("backoff", "step"),
        _("The last try failed; the next one comes by itself"),
        _("%(agent)s, “%(step)s”: %(why)s") % {**_names(step), "why": _cause(step)},
        "",
        _("Nothing to do. When the tries are used up, a person is asked."),
    )


def _pending(run: RunView, approvals: Sequence[Approval]) -> Story:
    return Story(
        _look(run),
        _("About to start"),
        _("The run is recorded and waits for a free worker."),
        "",
        _("It starts by itself. If it does not, look whether a worker is running."),
    )


def _waiting(run: RunView, approvals: Sequence[Approval]) -> Story:
    gate = open_gate(run)
    if gate is None:
        return _running(run, approvals)
    return Story(
        _look(run),
        _("Waits for people"),
        gate.sentence,
        "",
        _("Read what would change and decide. Nothing of it is done before people agree."),
        (Act(_("Open the gate"), reverse("gate", args=[gate.id]), "stamp", "primary"),),
    )


def _escalated(run: RunView, approvals: Sequence[Approval]) -> Story:
    step = _step(run, "escalated")
    if run.ending:
        return _half_undone(run, step)
    unclear = next((e for e in run.effects if e.state == "unknown"), None)
    if unclear:
        left = _("It is not known whether %(tool)s took effect, so it was not tried again.")
        left %= {"tool": unclear.tool}
        then = _("Look at the target to find out whether it happened, before anything else.")
    else:
        left = _left(run)
        then = _("Read why, put the cause right, and choose below what becomes of the step.")
    not_done = "" if unclear else _not_done(run)
    return Story(_look(run), _("Needs a person"), _said(step, run), not_done, then, left=left)


def _half_undone(run: RunView, step: StepRow | None) -> Story:
    return Story(
        _look(run),
        _("Something could not be undone"),
        _said(step, run),
        "",
        _("Put the cause right and undo it again, leave it in place, or close the run."),
        left=_("The rest was undone; the statement below says what is still in place."),
    )


def _paused(run: RunView, approvals: Sequence[Approval]) -> Story:
    then = _("Nothing new begins until somebody resumes it. People can decide meanwhile.")
    return Story(_look(run), _("Paused"), _held(run), "", then)


def _cancelling(run: RunView, approvals: Sequence[Approval]) -> Story:
    then = _("What is under way is told to stop, and an effect in progress is settled first.")
    return Story(_look(run), _("Is being cancelled"), _held(run), "", then)


def _compensating(run: RunView, approvals: Sequence[Approval]) -> Story:
    ending = look(run.ending, "run").label
    then = _("Everything it did is undone, the last thing first. Then it ends as: %(ending)s.")
    happened = _held(run) if run.ending == "cancelled" else _said(None, run)
    return Story(_look(run), _("Is being rolled back"), happened, "", then % {"ending": ending})


def _held(run: RunView) -> str:
    if not run.held_by:
        return run.error_detail
    return _("%(person)s: “%(reason)s”") % {"person": run.held_by, "reason": run.held_why}


def _failed(run: RunView, approvals: Sequence[Approval]) -> Story:
    step = _step(run, "failed")
    then = _("Put the cause right, then start again with the same inputs.")
    return _ended(run, _("Failed"), _said(step, run), then, _again(run))


def _rejected(run: RunView, approvals: Sequence[Approval]) -> Story:
    ended = next((a for a in reversed(approvals) if a.state in {"rejected", "expired"}), None)
    step = _step(run, "rejected")
    happened, title = _said(step, run), _("Rejected")
    if ended and ended.state == "expired":
        title, happened = _("Nobody decided in time"), ended.sentence
    elif ended:
        happened = _by_whom(ended)
    acts = _again(run)
    if ended:
        gate = reverse("gate", args=[ended.gate_id])
        acts = (Act(_("Read the decision"), gate, "stamp"), *acts)
    then = _("Change what was objected to, then start again.")
    return _ended(run, title, happened, then, acts)


def _timed_out(run: RunView, approvals: Sequence[Approval]) -> Story:
    happened = run.error_detail or _("The run did not end before its deadline and was stopped.")
    then = _("Start again, or give the workflow a longer deadline.")
    return _ended(run, _("Timed out"), happened, then, _again(run))


def _cancelled(run: RunView, approvals: Sequence[Approval]) -> Story:
    happened = _held(run) or _("Somebody stopped the run.")
    return _ended(run, _("Cancelled"), happened, "", _again(run))


def _succeeded(run: RunView, approvals: Sequence[Approval]) -> Story:
    done = [effect for effect in run.effects if effect.state in DONE]
    happened = ngettext(
        "Every step is done and %(n)d side effect took place, once.",
        "Every step is done and %(n)d side effects took place, each once.",
        len(done),
    )
    if not done:
        happened = _("Every step is done. Nothing outside was changed.")
    else:
        happened %= {"n": len(done)}
    return Story(_look(run), _("Succeeded"), happened, "", "")


def _other(run: RunView, approvals: Sequence[Approval]) -> Story:
    return Story(_look(run), str(_look(run).label), run.error_detail, "", "")


_TELLINGS = {
    "pending": _pending,
    "running": _running,
    "waiting": _waiting,
    "escalated": _escalated,
    "paused": _paused,
    "cancelling": _cancelling,
    "compensating": _compensating,
    "failed": _failed,
    "rejected": _rejected,
    "timed_out": _timed_out,
    "cancelled": _cancelled,
    "succeeded": _succeeded,
}


def _look(run: RunView) -> Look:
    return look(run.state, "run")


def _step(run: RunView, state: str) -> StepRow | None:
    """Return a step in this state, and a block only when nothing in it is to blame."""
    found = [step for step in run.steps if step.state == state]
    return next((step for step in found if step.agent), next(iter(found), None))


def _names(step: StepRow) -> dict[str, str]:
    return {"agent": step.agent, "step": step.path}


def _cause(step: StepRow) -> str:
    return step.error_detail or step.error_code or _("no reason was given")


def _said(step: StepRow | None, run: RunView) -> str:
    if step is None or not (step.error_detail or step.error_code):
        return run.error_detail or run.error_code or _("No reason was recorded.")
    words = {**_names(step), "why": _cause(step)}
    if not step.agent:
        return _("“%(step)s”: %(why)s") % words
    return _("%(agent)s, “%(step)s”: %(why)s") % words


def _by_whom(approval: Approval) -> str:
    no = next((o for o in reversed(approval.opinions) if o.verb == "reject"), None)
    if no is None:
        return approval.sentence
    if not no.comment:
        return _("%(person)s rejected it: %(what)s") % {
            "person": no.person,
            "what": approval.sentence,
        }
    return _("%(person)s rejected it: “%(comment)s”") % {
        "person": no.person,
        "comment": no.comment,
    }


def _ended(run: RunView, title: str, happened: str, then: str, acts: tuple[Act, ...]) -> Story:
    return Story(_look(run), title, happened, _not_done(run), then, acts, _left(run))


def _not_done(run: RunView) -> str:
    """Name what never ran and what nobody let happen."""
    refused = [gate.sentence for gate in run.gates if gate.state in REFUSED]
    return "; ".join([*refused, *(step.path for step in run.steps if step.started_at is None)])


def _left(run: RunView) -> str:
    """Say what is left in the world."""
    done = [effect.tool for effect in run.effects if effect.state in DONE]
    if done:
        return _("Still in place from before: %(tools)s.") % {"tools": ", ".join(done)}
    if any(effect.state == "compensated" for effect in run.effects):
        return _("What was done before was undone.")
    return _("Nothing outside was changed.")


def _again(run: RunView) -> tuple[Act, ...]:
    start = reverse("workflow-start", args=[run.workflow_id])
    plain = {k: v for k, v in run.inputs.items() if isinstance(v, str | int | float)}
    query = urlencode({k: _as_text(v) for k, v in plain.items()})
    return (Act(_("Start again"), f"{start}?{query}" if query else start, "rotate-cw"),)


def _as_text(value: object) -> str:
    return ("true" if value else "") if isinstance(value, bool) else str(value)
