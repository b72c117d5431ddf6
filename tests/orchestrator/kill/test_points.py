"""One SIGKILL at a seeded point of every cell: it costs time, and nothing else."""

import os
from functools import partial

import pytest

from tests.orchestrator.cells.files import CELLS
from tests.orchestrator.kill.arena import Arena, check, killed_at, point_of

pytestmark = [pytest.mark.kill, pytest.mark.slow]

SEED = 3


@pytest.mark.parametrize("cell", CELLS, ids="-".join)
def test_a_worker_killed_at_a_seeded_point_costs_time_only(
    arena: Arena, cell: tuple[str, str]
) -> None:
    undisturbed = arena.play(cell)
    assert undisturbed.run.error_detail == ""
    assert len(undisturbed.effects) >= 2
    point = point_of(SEED, cell, undisturbed.passed)
    killed = killed_at(partial(arena.play, cell), point)
    check(undisturbed, killed)


@pytest.mark.skipif(
    "SOAK_POINTS" not in os.environ, reason="python -m tests.orchestrator.kill.soak"
)
def test_many_seeded_points_over_all_cells(arena: Arena) -> None:
    wanted, seed = int(os.environ["SOAK_POINTS"]), int(os.environ["SOAK_SEED"])
    undisturbed = {cell: arena.play(cell) for cell in CELLS}
    failed = []
    for number in range(wanted):
        cell = CELLS[number % len(CELLS)]
        before = undisturbed[cell]
        point = point_of(seed + number, cell, before.passed)
        killed = killed_at(partial(arena.play, cell), point)
        try:
            check(before, killed)
            verdict = "ok"
        except AssertionError as error:
            verdict = f"FAILED: {error}"
            failed.append(number)
        told = f"{number + 1:4} {'-'.join(cell):28} died at {killed.died or 'none'}"
        print(f"{told} of {before.passed}, {killed.seconds:.1f} s: {verdict}", flush=True)  # noqa: T201 - the lines of the soak
    assert not failed
