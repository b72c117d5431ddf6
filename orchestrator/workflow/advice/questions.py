"""The decision tree: few questions, asked in this order, each of them only where it matters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.workflow.advice.words import gettext_noop as _
from orchestrator.workflow.shape import known_topologies


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer to a question."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `hint` says what to think of."""

    name: str
    text: str
    hint: str
    choices: Sequence[Choice]

    def accepts(self, answer: str) -> bool:
        """Whether this is one of its answers."""
        return any(choice.value == answer for choice in self.choices)


ONE, SEVERAL = "one", "several"
_CONTROL = (
    Choice("centralized", _("The file does")),
    Choice("decentralized", _("Agents that can do it bid for it")),
    Choice("federated", _("Agents of other domains do parts of it, under contract")),
)
QUESTIONS: Sequence[Question] = (
    Question(
        "agents",
        _("Can one agent with the right tools do the whole task?"),
        _("Several agents cost more, take longer and fail in more ways. Split for a reason."),
        (
            Choice(SEVERAL, _("No: it needs several skills, identities or views")),
            Choice(ONE, _("Yes: one agent is enough")),
        ),
    ),
    Question(
        "oversight",
        _("Does anything it does have to be agreed to by people?"),
        _("What cannot be undone, costs money, touches production or is regulated."),
        (
            Choice("yes", _("Yes: people decide before it happens")),
            Choice("no", _("No: rules alone are enough")),
        ),
    ),
    Question(
        "coordination",
        _("Is it known beforehand who does what, and when?"),
        _("If a model has to decide that while it runs, its decisions need bounds."),
        (
            Choice("known", _("Yes: the course can be written down")),
            Choice("uncertain", _("No: it depends on what turns up")),
        ),
    ),
    Question(
        "work",
        _("How do the agents work together?"),
        _("Choose the simplest one that fits; it is also the cheapest and the easiest to check."),
        (
            Choice("sequential", _("One after another, each on what the last one made")),
            Choice("concurrent", _("Side by side on independent parts, then brought together")),
            Choice("group_chat", _("They discuss and have to agree")),
            Choice("handoff", _("One at a time, and whoever has it decides who is next")),
            Choice("magentic", _("A manager plans open-ended work and plans again")),
        ),
    ),
    Question(
        "control",
        _("Who says which agent does a piece of work?"),
        _("Other organisations keep their own reviewers, budgets and agents."),
        tuple(choice for choice in _CONTROL if choice.value in known_topologies()),
    ),
)


def asked(answers: Mapping[str, str]) -> Sequence[Question]:
    """Return the questions that matter with these answers: one agent needs no coordination."""
    return QUESTIONS[:2] if answers.get("agents") == ONE else QUESTIONS


def missing(answers: Mapping[str, str]) -> Sequence[Question]:
    """Return the questions that are still to be answered, in their order."""
    return [one for one in asked(answers) if not one.accepts(answers.get(one.name, ""))]
