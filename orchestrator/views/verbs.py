"""The forms by which people take a run into their hands, as the run's page shows them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from governance.selectors.budgets import HoldingView
from orchestrator.selectors.escalations import Controls, Packet
from orchestrator.selectors.run_view import RunView
from orchestrator.views.consequences import consequence_of, spent_words


@dataclass(frozen=True, slots=True)
class Words:
    """How a verb reads: its title, what it does, and its button."""

    title: str | Promise
    words: str | Promise
    icon: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """One verb as a form; `name` says what else it asks for besides the reason.

    `consequence` is what it would cost and undo.
    """

    id: str
    name: str
    url: str
    words: Words
    step_id: UUID | None = None
    agents: Sequence[tuple[UUID, str]] = ()
    places: Sequence[str] = ()
    consequence: str = ""


@dataclass(frozen=True, slots=True)
class ShownPacket:
    """A step that needs a person, with what its tries cost, in words, and its forms."""

    packet: Packet
    spent: str
    forms: Sequence[Form]


RUN_WORDS: Mapping[str, Words] = {
    "resume": Words(
        gettext_lazy("Resume"),
        gettext_lazy("The run goes on from where its steps stand now."),
        "circle-play",
        "primary",
    ),
    "pause": Words(
        gettext_lazy("Pause"),
        gettext_lazy("Nothing new begins. People can still decide; what they allow waits."),
        "circle-pause",
    ),
    "fork": Words(
        gettext_lazy("Fork"),
        gettext_lazy(
            "Another run begins at a step of this one, with what the steps before it came to. "
            "Approvals and effects are not taken over."
        ),
        "git-fork",
    ),
    "roll_back": Words(
        gettext_lazy("Roll back"),
        gettext_lazy("The run ends as failed, and what it did is undone, the last thing first."),
        "undo-2",
        "danger",
    ),
    "close": Words(
        gettext_lazy("Close the run"),
        gettext_lazy("The run has failed, and what could not be undone stays."),
        "circle-x",
        "danger",
    ),
    # Never "Cancel" alone: within a form that reads as a way out of it.
    "cancel": Words(
        gettext_lazy("Cancel the run"),
        gettext_lazy("The run ends for good. What it did is undone if its file says so."),
        "circle-slash",
        "danger",
    ),
}
STEP_WORDS: Mapping[str, Words] = {
    "reconcile": Words(
        gettext_lazy("Say whether it happened"),
        gettext_lazy("Look at the target first. The run goes on from what you say here."),
        "circle-question-mark",
        "primary",
    ),
    "announce_again": Words(
        gettext_lazy("Announce it again"),
        gettext_lazy("Every peer may bid anew until a fresh deadline, and reads your reason."),
        "megaphone",
        "primary",
    ),
    "retry": Words(
        gettext_lazy("Try again"),
        gettext_lazy("The step begins again with fresh attempts; its agent reads your reason."),
        "rotate-cw",
        "primary",
    ),
    "reroute": Words(
        gettext_lazy("Give it to another agent"),
        gettext_lazy("The other agent begins anew and reads your reason."),
        "bot",
    ),
    "supply_output": Words(
        gettext_lazy("Supply the output"),
        gettext_lazy("A second person must agree before the steps after it see your output."),
        "pencil",
    ),
    "skip": Words(
        gettext_lazy("Skip it"),
        gettext_lazy("The run goes on without it; nothing else needs its output."),
        "circle-slash",
    ),
    "fail": Words(
        gettext_lazy("Let it fail"),
        gettext_lazy("The workflow's file says what follows; usually the run is rolled back."),
        "circle-x",
        "danger",
    ),
}
UNDO_WORDS: Mapping[str, Words] = {
    **STEP_WORDS,
    "retry": Words(
        gettext_lazy("Undo it again"),
        gettext_lazy("Put the cause right first; then the undo is tried again."),
        "rotate-cw",
        "primary",
    ),
    "skip": Words(
        gettext_lazy("Leave it in place"),
        gettext_lazy("This effect stays; the rest of the rollback goes on."),
        "circle-slash",
    ),
    "fail": Words(
        gettext_lazy("Close the run"),
        gettext_lazy("The run has failed, and what could not be undone stays."),
        "circle-x",
        "danger",
    ),
}


def forms_of(run: RunView, controls: Controls) -> tuple[Form, ...]:
    """Return the forms for the whole run."""
    return tuple(
        Form(
            f"do-{name}",
            name,
            _url(run, name),
            words,
            places=controls.forkable if name == "fork" else (),
        )
        for name, words in RUN_WORDS.items()
        if getattr(controls, name)
    )


def shown(
    run: RunView, packets: Sequence[Packet], budget: HoldingView | None
) -> tuple[ShownPacket, ...]:
    """Return every packet with the forms of its verbs."""
    return tuple(
        ShownPacket(packet, spent_words(packet), tuple(_forms(run, packet, budget)))
        for packet in packets
    )


def said(name: str) -> str:
    """Say what was done, for the message after it."""
    done = {
        "budget": _("The run may use more. Retry a step that was left to people for want of it."),
        "cancel": _("Cancelling was asked for. What is under way is told to stop."),
        "pause": _("The run is paused."),
        "resume": _("The run goes on."),
        "fork": _("This run begins where you chose, with what came before it."),
        "roll_back": _("What the run did is being undone."),
        "announce_again": _("The work is announced again; peers bid until the deadline."),
        "supply_output": _("Your output is offered; a second person must agree to it."),
    }
    return done.get(name, _("Recorded. The run follows from there."))


def _forms(run: RunView, packet: Packet, budget: HoldingView | None) -> Iterator[Form]:
    words = UNDO_WORDS if packet.is_undo else STEP_WORDS
    for name in packet.verbs:
        yield Form(
            id=f"do-{name}-{packet.step.id}",
            name=name,
            url=reverse("run-escalations", args=[run.id]),
            words=words[name],
            step_id=packet.step.id,
            agents=packet.agents if name == "reroute" else (),
            consequence=consequence_of(name, packet, budget),
        )


def _url(run: RunView, name: str) -> str:
    page = "run-escalations" if name in {"roll_back", "close"} else f"run-{name}"
    return reverse(page, args=[run.id])
