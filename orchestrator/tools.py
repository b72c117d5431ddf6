"""Which tools this process can perform: their adapters, told to governance."""

from governance import adapters
from orchestrator.runners.checkpoint import CheckpointAdapter


def register() -> None:
    """Register the adapter of every tool that comes with the product."""
    adapters.register(CheckpointAdapter())
