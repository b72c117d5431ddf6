"""What would be undone if a run that needs a person ended as failed now, and what would stay."""

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.selectors.rollback import Fate, past_pivot, statement_of
from orchestrator.selectors.run_view import RunView
from orchestrator.workflow.definition import Definition
from orchestrator.workflow.undoing import rolls_back_on


@dataclass(frozen=True, slots=True)
class Stakes:
    """The effects in place that would be undone, the last one first, and those that would stay."""

    undone: Sequence[Fate] = ()
    kept: Sequence[Fate] = ()


def stakes_of(run: RunView, definition: Definition) -> Stakes:
    """Return what the file would have undone were the run to fail.

    All stays where the file rolls nothing back and after a point of no return; what only read
    leaves nothing behind.
    """
    undoable = {effect.id for effect in run.effects if effect.undoable}
    if past_pivot(run.id, definition) or not rolls_back_on(definition, "failed"):
        undoable = set()
    placed = [fate for fate in statement_of(run.id) if fate.word == "in_place"]
    return Stakes(
        undone=tuple(fate for fate in placed if fate.effect_id in undoable),
        kept=tuple(fate for fate in placed if fate.effect_id not in undoable),
    )
