"""A case: what the team knows and has done, up to the moment a decision is due.

It is told as a story. Each question in it is answered from the history, in the order asked; the
first that nobody has been asked yet is the next move. So a decision is the same walk every time.
"""

from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, TypeVar

from orchestrator.patterns.base import (
    Ask,
    Decider,
    Finish,
    History,
    Kind,
    Move,
    Note,
    PastStep,
    Start,
)
from orchestrator.patterns.magentic.criteria import Finding
from orchestrator.patterns.magentic.progress_ledger import ProgressLedger
from orchestrator.patterns.magentic.results import Result, done_in
from orchestrator.patterns.magentic.rules import Rules
from orchestrator.patterns.magentic.stall import Signals
from orchestrator.patterns.magentic.task_ledger import UNPLANNED, Item, TaskLedger

Told = TypeVar("Told")


@dataclass(frozen=True, slots=True)
class Question:
    """What a child is asked. The task is worked out only for one that has not been asked yet."""

    path: str
    task: Callable[[], Mapping[str, Any]]
    agent: str = ""
    kind: Kind = "turn"


@dataclass(frozen=True, slots=True)
class Asking:
    """Questions that are asked at the same time, and the decisions that led to them."""

    questions: Sequence[Question]
    notes: Sequence[Note]


Story = Generator[Asking, Sequence[PastStep], Told]


@dataclass(slots=True)
class Case:
    """The state of the work between two questions.

    `approved` are the items that may be done as they are, by id, `allowed` those that people let
    through one by one; `since` is the round in which the present plan began.
    """

    rules: Rules
    scope: Mapping[str, Any]
    findings: dict[str, Finding]
    ledger: TaskLedger = UNPLANNED
    approved: dict[str, Item] = field(default_factory=dict)
    allowed: set[Item] = field(default_factory=set)
    progress: ProgressLedger | None = None
    signals: Signals = field(default_factory=Signals)
    rounds: list[list[Result]] = field(default_factory=list)
    since: int = 0
    stalls: int = 0
    replans: int = 0
    revisions: int = 0
    feedback: list[str] = field(default_factory=list)
    news: list[Note] = field(default_factory=list)

    @property
    def results(self) -> list[Result]:
        """Return every result so far, in order."""
        return list(chain.from_iterable(self.rounds))

    @property
    def done(self) -> list[str]:
        """Return the items of the present plan that are done."""
        return done_in(self.ledger, self.results)

    def note(self, type: str, decider: Decider, **payload: Any) -> None:
        """Keep a decision for the move that it leads to."""
        self.news.append(Note(type, decider, payload))

    def told(self) -> tuple[Note, ...]:
        """Return the decisions that no move has told yet."""
        notes = tuple(self.news)
        self.news.clear()
        return notes

    def ask(self, *questions: Question) -> Story[Sequence[PastStep]]:
        """Ask, and go on with the answers once all have been given."""
        return (yield Asking(questions, self.told()))


def opened(history: History, rules: Rules) -> Case:
    """Return a case of which nothing is known but its rules."""
    findings = {criterion.id: Finding(criterion) for criterion in rules.criteria}
    return Case(rules, history.scope, findings)


def next_move(story: Story[Finish], history: History) -> Move:
    """Tell the story along what happened, and return how it goes on."""
    past = {(child.path, child.iteration): child for child in history.past}
    times: Counter[str] = Counter()
    try:
        asking = next(story)
        while True:
            asks = [(question, times[question.path]) for question in asking.questions]
            answers = [past[q.path, n] for q, n in asks if (q.path, n) in past]
            if len(answers) < len(asks):
                return Start([_ask(*ask) for ask in asks], notes=asking.notes)
            times.update(question.path for question in asking.questions)
            asking = story.send(answers)
    except StopIteration as end:
        finish: Finish = end.value
        return finish


def _ask(question: Question, iteration: int) -> Ask:
    task = question.task()
    return Ask(question.path, iteration, agent=question.agent, kind=question.kind, task=task)
