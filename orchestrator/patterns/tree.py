"""The next move of a whole run: a sequence of blocks within blocks, each by its own pattern.

A block shows its parent one child: what its stored row says once it has ended, and until then
what its pattern says of its own children. Whatever settles at once (a condition that does not
hold, a list without items) is played on, so that a decision leaves nothing to decide.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from orchestrator.patterns.announcers import ANNOUNCED_BY, announced_by
from orchestrator.patterns.base import (
    Ask,
    Finish,
    History,
    PastStep,
    Pattern,
    PlannedStep,
    Start,
    Wait,
)
from orchestrator.patterns.board import Board
from orchestrator.patterns.changes import TreeMove
from orchestrator.patterns.concurrent.branches import Branch, ExpansionError, branches_of
from orchestrator.patterns.paths import inside, joined
from orchestrator.patterns.placing import Assign, Placing, as_named
from orchestrator.patterns.registry import pattern_named
from orchestrator.patterns.spending import limit_reached
from orchestrator.patterns.states import FINAL, latest
from orchestrator.workflow.checkpoints import FAILED, judge
from orchestrator.workflow.expressions import ExpressionError, evaluate

Spent = Mapping[str, Mapping[str, int]]
_NOTHING_SPENT: Spent = {}
UNCLEAR = "invalid_condition"
_OF_THE_RUN = frozenset({"inputs", "steps", "state"})
# Time passes by itself, and people are asked by a gate.
_FOR_NOBODY = frozenset({"timer", "approval"})


def decide_run(
    plan: Sequence[PlannedStep],
    past: Sequence[PastStep],
    scope: Mapping[str, Any],
    *,
    spent: Spent = _NOTHING_SPENT,
    assign: Assign = as_named,
    absent: Collection[str] = (),
) -> TreeMove:
    """Return what happens next in a run, whose root is the sequence `plan`.

    `past` has absolute paths and a row of kind block for every block that began. `scope` is what
    expressions read of the run (`inputs`), `spent` what each block used, by its path.
    `assign` says who does a step; where others are asked first, the step becomes a block.
    `absent` are the voters that are out of service now.
    """
    root = PlannedStep("", pattern="sequential", plan=plan)
    board = Board(past)
    block = _Block(root, "", {"steps": {}, **scope}, spent, assign, absent)
    return board.result(_decided(board, block))


def histories(
    plan: Sequence[PlannedStep],
    past: Sequence[PastStep],
    scope: Mapping[str, Any],
    *,
    absent: Collection[str] = (),
) -> dict[str, tuple[PlannedStep, History]]:
    """Return every block that began, by its place: the node of the file, and what happened in it.

    So a page can read a block as its pattern does. The arguments are those of `decide_run`.
    """
    root = PlannedStep("", pattern="sequential", plan=plan)
    board = Board(past)
    scope = {"steps": {}, **scope}
    return dict(_histories(board, _Block(root, "", scope, _NOTHING_SPENT, as_named, absent)))


def _histories(board: Board, outer: "_Block") -> Iterator[tuple[str, tuple[PlannedStep, History]]]:
    for child in board.children(outer.path):
        if child.kind == "block" and child.state not in {"blocked", "skipped"}:
            block = _inner(board, outer, child)
            yield block.path, (block.node, block.history(board))
            yield from _histories(board, block)


@dataclass(frozen=True)
class _Block:
    """A node of the file at its place in the run. `scope` is what was there before it began.

    A node without a pattern is a step that is being placed, its `options` are its task.
    """

    node: PlannedStep
    path: str
    scope: Mapping[str, Any]
    spent: Spent
    assign: Assign
    absent: Collection[str]

    @property
    def pattern(self) -> Pattern | Placing:
        """Return what decides about the children."""
        if not self.node.pattern:
            return Placing(self.node, self.assign)
        return pattern_named(self.node.pattern)

    def child(self, path: str) -> Branch:
        """Return a child as the file declares it; that of a talk or a tender is not declared."""
        if self.node.pattern == "concurrent":
            found = self.branches.get(path)
        else:
            found = next((Branch(path, s) for s in self.node.plan if s.path == path), None)
        return found or Branch(path, PlannedStep(path))

    @property
    def order(self) -> Mapping[str, int]:
        """Return the places of the declared children."""
        paths = [step.path for step in self.node.plan]
        if self.node.pattern == "concurrent":
            paths = list(self.branches)
        return {path: place for place, path in enumerate(paths)}

    @cached_property
    def branches(self) -> Mapping[str, Branch]:
        """Return what a fan expands to; nothing if it cannot."""
        try:
            branches = branches_of(self.node.plan, self.node.options, self.scope)
        except ExpansionError:
            return {}
        return {branch.path: branch for branch in branches}

    def history(self, board: Board) -> History:
        """Return what the block's pattern decides by."""
        past, spent = board.children(self.path), self.spent.get(self.path, {})
        return History(self.node.plan, past, self.node.options, self.scope, spent, self.absent)

    def seen_by(self, branch: Branch, board: Board) -> Mapping[str, Any]:
        """Return what a child's expressions read: in a sequence also what went before it."""
        scope = {**self.scope, **branch.given}
        if self.node.pattern == "sequential":
            past = sorted(board.children(self.path), key=lambda child: child.iteration)
            done = {c.path: {"outputs": c.output} for c in past if c.state == "succeeded"}
            scope["steps"] = {**scope["steps"], **done}
        return scope


def _decided(board: Board, block: _Block) -> Wait | Finish:
    """Play a block on until its pattern waits or finishes, and return that."""
    while True:
        _decide_inner_blocks(board, block)
        move = block.pattern.decide(block.history(board))
        if not isinstance(move, Start):
            return move
        if reached := limit_reached(block.node.budget, block.history(board)):
            return reached
        board.follow(block.path, move)
        for ask in move.steps:
            _start(board, block, ask)


def _decide_inner_blocks(board: Board, block: _Block) -> None:
    inner = [child for child in board.children(block.path) if child.kind == "block"]
    if inner:
        places = block.order
        for child in sorted(inner, key=lambda child: _place_of(child, places)):
            _decide_inner_block(board, block, child)


def _place_of(child: PastStep, places: Mapping[str, int]) -> tuple[int, str, int]:
    """Return what the blocks within a block are sorted by; undeclared ones come last."""
    return places.get(child.path, len(places)), child.path, child.iteration


def _decide_inner_block(board: Board, outer: _Block, child: PastStep) -> None:
    """Decide a block that has not ended; in one that has, losers may still have to finish."""
    path = joined(outer.path, inside(child.path, child.iteration))
    has_ended = child.state in FINAL and not board.is_unfinished(path)
    if has_ended or (child.state, child.error_code) == ("escalated", UNCLEAR):
        return
    block = _inner(board, outer, child)
    if child.state in FINAL:
        _decide_inner_blocks(board, block)
    else:
        move = _verified(block.node, _decided(board, block), block.scope)
        board.show(outer.path, child, _as_declared(block.node, move))


def _inner(board: Board, outer: _Block, child: PastStep) -> _Block:
    """Return the block that a child is, declared in the file or a step that is being placed."""
    path = joined(outer.path, inside(child.path, child.iteration))
    branch = outer.child(child.path)
    node = branch.step if branch.step.pattern else _to_place(path, child.agent, child.task)
    scope = outer.seen_by(branch, board)
    return replace(outer, node=node, path=path, scope=scope)


def _verified(step: PlannedStep, move: Wait | Finish, scope: Mapping[str, Any]) -> Wait | Finish:
    """Let a block succeed only if its checkpoint holds of what it came to."""
    if isinstance(move, Wait) or move.state != "succeeded" or not step.checkpoint:
        return move
    judged = judge(step.checkpoint, outputs=move.output, inputs=scope["inputs"])
    if not judged.route:
        return move
    state = "escalated" if judged.route == "human" else "failed"
    return replace(move, state=state, error_code=FAILED, detail=judged.message, output={})


def _as_declared(step: PlannedStep, move: Wait | Finish) -> Wait | Finish:
    """Let a failed block ask a person, if the file says so; as an agent's step does."""
    if not step.pattern or isinstance(move, Wait) or move.state not in {"failed", "timed_out"}:
        return move
    if move.state == "timed_out" and step.on_timeout:
        return move
    return replace(move, state="escalated") if step.on_failure == "escalate" else move


def _start(board: Board, block: _Block, ask: Ask) -> None:
    """Start a child, or skip it; one whose condition is unclear needs a person."""
    branch = block.child(ask.path)
    ask = _told(ask, {**block.scope, **branch.given})
    named = next(iter(ask.candidates), "")
    ask = replace(ask, agent=ask.agent or branch.step.agent or named)
    if branch.step.pattern:
        ask = replace(ask, kind="block")
    elif block.node.pattern and ask.kind not in _FOR_NOBODY:
        ask = _assigned(board, block, ask)
    try:
        left_out = _is_left_out(branch.step, block, board)
        if not left_out and _is_due(branch, block, board):
            board.ask(block.path, ask)
        else:
            board.settle(block.path, ask, Finish("skipped"))
    except ExpressionError as error:
        unclear = Finish("escalated", error_code=UNCLEAR, detail=str(error))
        board.settle(block.path, ask, unclear)


def _is_left_out(step: PlannedStep, block: _Block, board: Board) -> bool:
    """Whether a step is skipped because one that it needs was, the last time it was met."""
    if step.when_skipped != "skip":
        return False
    met = latest(board.children(block.path))
    return any(name in met and met[name].state == "skipped" for name in step.needs)


def _assigned(board: Board, block: _Block, ask: Ask) -> Ask:
    """Return the ask with who does it, or as a block if others have to be asked first."""
    place = inside(joined(block.path, ask.path), ask.iteration)
    step = _to_place(place, ask.agent, ask.task)
    answer = block.assign(step, History((step,), scope=block.scope))
    if isinstance(answer, str):
        return replace(ask, agent=answer)
    by = announced_by(block.node, block.path, ask, board)
    task = {**ask.task, ANNOUNCED_BY: by} if by else ask.task
    return replace(ask, kind="block", task=task)


def _to_place(place: str, agent: str, task: Mapping[str, Any]) -> PlannedStep:
    return PlannedStep(place, agent=agent, options=task)


def _is_due(branch: Branch, block: _Block, board: Board) -> bool:
    """Whether a child's condition holds, if any; raises ExpressionError if that is unclear."""
    condition = branch.step.when
    if not condition:
        return True
    value = evaluate(condition, block.seen_by(branch, board))
    if not isinstance(value, bool):
        raise ExpressionError(f"{condition.strip()}: neither true nor false")
    return value


def _told(ask: Ask, scope: Mapping[str, Any]) -> Ask:
    """Return the ask with the names that the foreach blocks around it give it."""
    each = {name: value for name, value in scope.items() if name not in _OF_THE_RUN}
    return replace(ask, task={**ask.task, "each": each}) if each else ask
