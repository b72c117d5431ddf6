"""Where the seeded kills fall."""

from tests.orchestrator.cells.files import CELLS
from tests.orchestrator.kill.arena import point_of


def test_a_seeded_point_may_be_any_from_the_first_to_the_last() -> None:
    chosen = {point_of(seed, CELLS[0], 20) for seed in range(400)}
    assert chosen == set(range(1, 21))


def test_every_seed_and_every_cell_has_a_point_of_its_own() -> None:
    assert len({point_of(1, cell, 10_000) for cell in CELLS}) == len(CELLS)
    assert point_of(1, CELLS[0], 10_000) == point_of(1, CELLS[0], 10_000)
    assert point_of(1, CELLS[0], 0) == 1
