"""Microsoft Agent Framework with its file checkpoints, which are not synced to the disk.

It has no checkpoint storage in a database, so it is the same beside both.
"""

import asyncio
from pathlib import Path

from agent_framework import (
    Executor,
    FileCheckpointStorage,
    WorkflowBuilder,
    WorkflowContext,
    handler,
)
from engine_figures import DIRECTORY, OPTIONS, steps_per_second, wanted


class Step(Executor):
    """Passes a number on."""

    @handler
    async def run(self, number: int, context: WorkflowContext[int, int]) -> None:
        """Send the next number to whoever comes next."""
        if number + 1 == OPTIONS["steps"]:
            await context.yield_output(number + 1)
        else:
            await context.send_message(number + 1)


def chain() -> object:
    """Build a workflow of executors one after another, with a checkpoint after each superstep."""
    place = Path(DIRECTORY) / "checkpoints"
    place.mkdir(exist_ok=True)
    steps = [Step(id=f"s{number}") for number in range(OPTIONS["steps"])]
    builder = WorkflowBuilder(
        start_executor=steps[0],
        checkpoint_storage=FileCheckpointStorage(place),
        max_iterations=OPTIONS["steps"] + 10,
    )
    return builder.add_chain(steps).build()


def main() -> None:
    """Measure."""
    if not wanted("sequential"):
        return
    with asyncio.Runner() as runner:
        steps_per_second(lambda: runner.run(chain().run(0)))


if __name__ == "__main__":
    main()
