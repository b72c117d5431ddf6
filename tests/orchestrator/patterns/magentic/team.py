"""Lea leads a fixer and a tester, may pull in a profiler, and an auditor says what holds."""

from collections.abc import Mapping
from typing import Any

from orchestrator.patterns.base import Ask
from orchestrator.patterns.magentic.pattern import Magentic
from orchestrator.patterns.magentic.task_ledger import Item
from tests.orchestrator.patterns.world import Answer, Ended, World, play, said

LIMITS = {
    "max_rounds": 6,
    "max_stalls": 2,
    "max_replans": 1,
    "max_ledger_retries": 2,
    "max_plan_revisions": 1,
    "max_team": 3,
    "max_depth": 2,
}
GREEN = {
    "id": "green",
    "text": "All tests pass",
    "check": "cel",
    "expression": "outputs.tester.failures == 0",
}
AUDITED = {"id": "audited", "text": "The fix is sound", "check": "agent", "agent": "auditor"}
WANTED = {"id": "wanted", "text": "People are content", "check": "human"}


def options(*criteria: Mapping[str, Any], review: str = "never", **limits: int) -> dict[str, Any]:
    return {
        "manager": "lea",
        "goal": "Make the tests pass",
        "constraints": ["Change no test"],
        "team": {"include": ["fixer", "tester"], "candidates": ["profiler"]},
        "plan_review": review,
        "success_criteria": list(criteria) or [GREEN],
        "limits": LIMITS | limits,
    }


def magentic(answer: Answer, fields: Mapping[str, Any] | None = None, **scope: Any) -> World:
    return play(Magentic(), fields or options(), answer, scope=scope)


def item(id: str = "fix", agent: str = "fixer", *needs: str, **more: Any) -> dict[str, Any]:
    given = {"id": id, "agent": agent, "goal": f"do {id}", "depends_on": list(needs)}
    return given | {"risk": "low", "est_cost_micro_usd": 1000} | more


def as_item(**more: Any) -> Item:
    plain = item(**more)
    for name in ("depends_on", "scopes"):
        plain[name] = tuple(plain.get(name, ()))
    return Item(**plain)


def member(agent: str) -> dict[str, str]:
    return {"agent": agent, "why": f"needs {agent}"}


def plan(*items: Mapping[str, Any], team: tuple[str, ...] = ("fixer", "tester")) -> dict[str, Any]:
    work = list(items) or [item(), item("test", "tester", "fix")]
    return {"team": [member(agent) for agent in team], "plan": work}


def replan(*items: Mapping[str, Any]) -> dict[str, Any]:
    return plan(*items) | {"replan": {"reason": "stuck", "root_cause": "wrong file"}}


def claim(*, answer: bool, reason: str = "so it is") -> dict[str, Any]:
    return {"answer": answer, "reason": reason}


def progress(
    *items: str, satisfied: bool = False, loop: bool = False, moves: bool = True, **more: Any
) -> dict[str, Any]:
    return {
        "is_request_satisfied": claim(answer=satisfied),
        "is_in_loop": claim(answer=loop),
        "is_progress_being_made": claim(answer=moves),
        "next": [{"item": name, "instruction": f"please {name}"} for name in items],
        **more,
    }


SATISFIED = progress(satisfied=True)
STUCK = progress(moves=False)


class Script:
    """Answers one turn after the other of each path; people say yes, members do their work."""

    def __init__(self, **answers: list[dict[str, Any] | Ended]) -> None:
        self.answers = {path: list(row) for path, row in answers.items()}

    def __call__(self, ask: Ask) -> Ended:
        row = self.answers.get(ask.path, [])
        if not row:
            return self._usual(ask)
        answer = row.pop(0) if len(row) > 1 else row[0]
        return answer if isinstance(answer, Ended) else said(**answer)

    def _usual(self, ask: Ask) -> Ended:
        usual: dict[str, dict[str, Any]] = {"plan": plan(), "item_test": {"failures": 0}}
        if "stall" in ask.task:
            return said(**replan())
        return said(**usual.get(ask.path, {"note": f"{ask.path} {ask.iteration}"}))


def straight(*more: dict[str, Any]) -> list[dict[str, Any] | Ended]:
    return [progress("fix"), progress("test"), SATISFIED, *more]


def paths(world: World) -> list[str]:
    return [ask.path for ask in world.asks]


def ending(world: World) -> tuple[str, str]:
    return world.end.state, world.end.error_code
