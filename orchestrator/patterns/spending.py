"""What a block has used, and the limit at which it asks for nothing more."""

from collections.abc import Iterator, Mapping, Sequence

from orchestrator.patterns.base import Finish, History, PastStep, Wait
from orchestrator.patterns.states import is_under_way, reason_to_wait

# What a block may be limited by; turns are counted as well.
UNITS = ("micro_usd", "tokens")

# What each step was charged so far, by its place: path and iteration.
Charges = Mapping[tuple[str, int], Mapping[str, int]]
Spent = Mapping[str, Mapping[str, int]]


def limit_reached(budget: Mapping[str, int], history: History) -> Wait | Finish | None:
    """Return what a block does that has used its budget: let what is under way end, and stop.

    Reaching a limit is never success: a person is asked.
    """
    over = [unit for unit, cap in budget.items() if history.spent.get(unit, 0) >= cap]
    if not over:
        return None
    under_way = [child for child in history.past if is_under_way(child)]
    if under_way:
        return Wait(reason_to_wait(under_way))
    said = ", ".join(f"{history.spent.get(u, 0)} of {budget[u]} {u}" for u in over)
    detail = f"The block has used its budget: {said}."
    return Finish("escalated", error_code="limit_reached", detail=detail)


def spent_by_block(past: Sequence[PastStep], charges: Charges) -> Spent:
    """Return what every block used so far, by its path; the run itself has the empty path."""
    spent: dict[str, dict[str, int]] = {}
    for step in past:
        charged = charges.get((step.path, step.iteration), {})
        turn = int(step.kind == "turn" and bool(step.order))
        for block in _around(step.path):
            so_far = spent.setdefault(block, {**dict.fromkeys(UNITS, 0), "turns": 0})
            so_far["turns"] += turn
            for unit in UNITS:
                so_far[unit] += charged.get(unit, 0)
    return spent


def _around(path: str) -> Iterator[str]:
    """Yield the blocks around a step, from the inside out; the last one is the run."""
    while path:
        path = path.rpartition("/")[0]
        yield path
