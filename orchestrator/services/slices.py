"""Turns of steps that were rung for together, as those of a wide fan are.

One transaction takes over the turns that ended, deciding after each as if it were alone, and
claims the next ones. How many, the turns themselves say: as many as lately fitted into a moment.
So quick turns share a commit, and what takes an agent long is claimed one by one and leaves the
rest to other workers.
"""

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from time import monotonic
from uuid import UUID

from django.db import connection

from audit.services.events import recording
from governance.refusals import Refusal
from orchestrator.models import Run, Step
from orchestrator.runners.base import AgentFailedError, TurnLostError
from orchestrator.services import (
    bells,
    budgeting,
    claims,
    remembered,
    runs,
    spending,
    steps,
    turns,
)
from orchestrator.services.beating import BEATS_PER_LEASE, beat
from orchestrator.services.claims import Claim
from orchestrator.services.definitions import definition_of
from orchestrator.services.spending import NoBudgetError
from orchestrator.services.turns import Turn

MOST_AT_ONCE = 50
MOMENT_SECONDS = 0.1
# After this long in one turn, those that have not begun are left to other workers.
PATIENCE_SECONDS = 1.0

MOST_RUNS = 64
_sizes: dict[UUID, int] = {}

logger = logging.getLogger(__name__)


def drive(*, step_ids: Sequence[UUID], worker: str) -> int:
    """Take the turns of these steps and of those after them that become ready; return how many.

    What somebody else took, or is not ready any more, is left out.
    """
    if len(step_ids) == 1:
        return turns.drive(step_id=step_ids[0], worker=worker)
    found = dict(Step.objects.filter(pk__in=step_ids).values_list("pk", "run_id"))
    by_run: dict[UUID, deque[UUID]] = {}
    for step_id in step_ids:
        if step_id in found:
            by_run.setdefault(found[step_id], deque()).append(step_id)
    return sum(_driven(run_id, worker, ready) for run_id, ready in by_run.items())


def _driven(run_id: UUID, worker: str, ready: deque[UUID]) -> int:
    slice = _Slice(run_id, worker, ready, size=_sizes.pop(run_id, 1))
    try:
        return slice.drive()
    finally:
        _sizes[run_id] = slice.size
        while len(_sizes) > MOST_RUNS:
            _sizes.pop(next(iter(_sizes)), None)


@dataclass(slots=True)
class _Slice:
    """Steps of one run: `ready` to be claimed, `held` and not begun, `ended` and not written.

    `size` is how many are claimed at once, at first as in the slice before; `onward` are claims on
    steps after these.
    """

    run_id: UUID
    worker: str
    ready: deque[UUID]
    held: deque[Claim] = field(default_factory=deque)
    ended: list[tuple[Claim, Turn]] = field(default_factory=list)
    onward: list[Claim | None] = field(default_factory=list)
    size: int = 1

    def drive(self) -> int:
        """Take every turn; return how many there were, with those after them."""
        taken = 0
        while self.ready or self.held or self.ended:
            self._hand_over()
            taken += self._work()
            onward, self.onward = self.onward, []
            taken += sum(turns.drive_on(claim) for claim in onward)
        return taken

    def _hand_over(self) -> None:
        """Take over what ended and claim as many again; one by one where one stands in the way."""
        batch = [self.ready.popleft() for _ in range(min(self.size, len(self.ready)))]
        ended, self.ended = self.ended, []
        try:
            self._hand_over_together(ended, batch)
        except (AgentFailedError, NoBudgetError, Refusal, TurnLostError) as no:
            logger.info("a slice of run %s goes on one by one: %s", self.run_id, no)
            self.onward += [turns.settle(claim, turn) for claim, turn in ended]
            self.onward += [turns.claimed(step_id=s, worker=self.worker) for s in batch]

    def _hand_over_together(self, ended: list[tuple[Claim, Turn]], batch: list[UUID]) -> None:
        worker = self.worker
        with recording():
            run = runs.lock(self.run_id)
            following = self._take_over(run, ended)
            taken = claims.taken_together(step_ids=batch, worker=worker, run=run)
            remembered.seal(run)
        self.held.extend(claim for claim in (*following, *taken) if claim is not None)

    def _take_over(self, run: Run, ended: list[tuple[Claim, Turn]]) -> list[Claim | None]:
        """Take the turns over one by one; what can be said of all of them at once is."""
        following: list[Claim | None] = []
        closed = []
        charged = [
            (claim.step, claim.budget, turns.charge_of(claim, turn)) for claim, turn in ended
        ]
        spending.settle_together(run, charged)
        for (claim, turn), (_step, _budget, charge) in zip(ended, charged, strict=True):
            with claims.writing(claim):
                closed.append(turns.take_over(claim, run, turn, charge))
                if definition_of(run.workflow_id).limits_blocks:
                    # What a block has used is read off its tries.
                    claims.close_all([closed.pop()])
                following.append(runs.go_on(run, self.worker))
        claims.close_all(closed)
        return following

    def _work(self) -> int:
        """Let the agents of the batch work; what is no plain output is taken over by itself."""
        taken, began = 0, monotonic()
        with self._kept():
            while self.held:
                taken += 1
                self._attempt(self.held.popleft())
        quick = monotonic() - began < MOMENT_SECONDS
        self.size = min(2 * self.size, MOST_AT_ONCE) if quick else max(1, self.size // 2)
        return taken

    def _attempt(self, claim: Claim) -> None:
        turn = turns.attempt(claim)
        if isinstance(turn, Turn) and turn.is_plain:
            self.ended.append((claim, turn))
        elif turn is not None:
            self.onward.append(turns.settle(claim, turn))

    @contextmanager
    def _kept(self) -> Iterator[None]:
        """Look after the rest of the batch while one of its turns takes long."""
        if len(self.held) <= 1:
            yield
            return
        done = Event()
        keeper = Thread(target=self._keep, args=(done, self.held[0]), daemon=True)
        keeper.start()
        try:
            yield
        finally:
            done.set()
            keeper.join()

    def _keep(self, done: Event, first: Claim) -> None:
        """Give back what has not begun, and keep the claims on what has ended."""
        try:
            if done.wait(PATIENCE_SECONDS):
                return
            _give_back(self.run_id, self.held)
            while not done.wait(first.lease.total_seconds() / BEATS_PER_LEASE):
                for claim, _turn in list(self.ended):
                    beat(claim)
        except (Refusal, TurnLostError) as no:
            logger.info("a claim of a slice was lost: %s", no)
        finally:
            connection.close()


def _give_back(run_id: UUID, held: deque[Claim]) -> None:
    """Queue the steps that nobody has begun with again, and ring other workers for them."""
    with recording():
        run = runs.lock(run_id)
        given = []
        while held:
            try:
                claim = held.pop()
            except IndexError:
                break
            given.append(claims.as_taken(claim, run))
            steps.revoke(given[-1])
            budgeting.give_back(claim, given[-1])
            claims.mark_revoked(given[-1])
        for step in given:
            bells.ring(step)
