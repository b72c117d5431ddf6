"""The branches of a block and what became of each of them."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.patterns.base import History, PastStep
from orchestrator.patterns.children import misfit
from orchestrator.patterns.concurrent.branches import Branch, branches_of, check_given
from orchestrator.patterns.concurrent.joins import Join, Verdict, join_of
from orchestrator.patterns.concurrent.reducers import answer_schema
from orchestrator.patterns.states import FINAL, is_under_way, is_unstarted, latest

AGGREGATE, DEADLINE = "aggregate", "deadline"
FATES = (
    "succeeded",
    "failed",
    "rejected",
    "skipped",
    "timed_out",
    "cancelled",
    "late",
    "unfinished",
    "not_started",
)


@dataclass(frozen=True, slots=True)
class Fan:
    """The branches in declared order, how they come together, and their latest iterations."""

    branches: tuple[Branch, ...]
    join: Join
    deadline: str
    spares_losers: bool
    max_parallel: int
    aggregate: Mapping[str, Any]
    children: Mapping[str, PastStep]

    @property
    def paths(self) -> list[str]:
        """Return the paths of the branches in declared order."""
        return [branch.path for branch in self.branches]

    def ended(self) -> list[PastStep]:
        """Return the branches and the deadline that ended, in that order, else as declared."""
        ended = [child for child in self._known() if child.state in FINAL]
        return sorted(ended, key=lambda child: child.order)

    def under_way(self) -> list[PastStep]:
        """Return the branches and the deadline that were started and have not ended."""
        return [child for child in self._known() if child.state not in FINAL | {"blocked"}]

    def unstarted(self) -> list[Branch]:
        """Return the branches that nobody has been asked for yet."""
        return [b for b in self.branches if is_unstarted(self.children.get(b.path))]

    def losers(self, verdict: Verdict) -> list[tuple[str, int]]:
        """Return the children that `verdict` makes superfluous.

        Losers that may finish do so only after a join that fired, and only without a person.
        """
        spares = self.spares_losers and verdict.state == "succeeded"
        open_ones = [child for child in self._known() if child.state not in FINAL]
        return [
            (child.path, child.iteration)
            for child in open_ones
            if child.kind == "timer" or not (spares and is_under_way(child))
        ]

    def report(self, verdict: Verdict) -> list[dict[str, Any]]:
        """Return a line for each branch, so that none that failed can be overlooked."""
        counted = {child.path: child for child in verdict.counted}
        cancelled = dict(self.losers(verdict))
        lines: list[dict[str, Any]] = []
        for path in self.paths:
            child = counted.get(path)
            if child is None:
                fate = "cancelled" if path in cancelled else self._fate(path)
                lines.append({"branch": path, "state": fate})
            else:
                error = {"error_code": child.error_code} if child.error_code else {}
                lines.append({"branch": path, "state": child.state, **error})
        return lines

    def counts(self, verdict: Verdict) -> dict[str, int]:
        """Return how many branches came to what, with a zero where it is none."""
        found = Counter(line["state"] for line in self.report(verdict))
        counts = {fate: found[fate] for fate in FATES}
        total = len(self.branches)
        return {"of": total, **counts, "not_succeeded": total - counts["succeeded"]}

    def results(self, verdict: Verdict) -> dict[str, Mapping[str, Any]]:
        """Return the outputs that count, by branch in declared order."""
        won = {child.path: child.output for child in verdict.counted if child.state == "succeeded"}
        return {path: won[path] for path in self.paths if path in won}

    def _known(self) -> Iterator[PastStep]:
        for path in (*self.paths, DEADLINE):
            child = self.children.get(path)
            if child is not None:
                yield child

    def _fate(self, path: str) -> str:
        """Return what to say of a branch that neither counted nor was cancelled just now."""
        child = self.children.get(path)
        if child is None or child.state == "blocked":
            return "not_started"
        if child.state not in FINAL:
            return "unfinished"
        return "cancelled" if child.state == "cancelled" else "late"


def fan_of(history: History) -> Fan:
    """Return the block as it stands; raises ExpansionError.

    A branch whose answer the reducer cannot use has failed, whatever it says of itself.
    """
    options = history.options
    join = options.get("join", {})
    aggregate = options.get("aggregate", {"reduce": "collect"})
    branches = branches_of(history.plan, options, history.scope)
    if not history.past:
        check_given(branches)
    return Fan(
        branches=branches,
        join=join_of(options),
        deadline=join.get("deadline", ""),
        spares_losers=join.get("losers") == "let_finish",
        max_parallel=options.get("max_parallel", len(branches)),
        aggregate=aggregate,
        children=_believed(latest(history.past), answer_schema(aggregate)),
    )


def _believed(
    children: Mapping[str, PastStep], schema: Mapping[str, Any]
) -> Mapping[str, PastStep]:
    if "required" not in schema:
        return children
    return {path: _checked(child, schema) for path, child in children.items()}


def _checked(child: PastStep, schema: Mapping[str, Any]) -> PastStep:
    if child.state != "succeeded" or child.kind == "timer" or child.path == AGGREGATE:
        return child
    fault = misfit(child.output, schema)
    return replace(child, state="failed", error_code=fault.code) if fault else child
