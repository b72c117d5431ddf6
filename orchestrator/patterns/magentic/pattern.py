"""A manager plans, gives out work and judges it by its ledgers, never alone (engine.md 3.5)."""

from orchestrator.patterns.base import Finish, History, Move
from orchestrator.patterns.children import interruption
from orchestrator.patterns.magentic.case import Case, Story, next_move, opened
from orchestrator.patterns.magentic.planning import planned
from orchestrator.patterns.magentic.rounds import round_of
from orchestrator.patterns.magentic.rules import rules_of


class Magentic:
    """Lets the manager plan, people review, and the team work round by round.

    It ends well only when every success criterion was checked; every limit ends with a person.
    """

    name = "magentic"
    judges_answers = True

    def decide(self, history: History) -> Move:
        """Return what happens next; equal histories give equal moves."""
        case = opened(history, rules_of(history.options))
        return interruption(history) or next_move(_story(case), history)


def case_of(history: History) -> Case:
    """Return what is known, planned and done, as far as the children that ended tell it."""
    case = opened(history, rules_of(history.options))
    next_move(_story(case), history)
    return case


def _story(case: Case) -> Story[Finish]:
    end = yield from planned(case)
    while end is None:
        end = yield from round_of(case)
    return end
