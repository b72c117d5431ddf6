"""Which tools this process can perform: their adapters, told to governance."""

from django.conf import settings

from governance import adapters
from orchestrator.runners.approval import ApprovalAdapter
from orchestrator.runners.checkpoint import CheckpointAdapter
from orchestrator.runners.git.merge import GitMerge
from orchestrator.runners.release.deploy import Deploy
from orchestrator.runners.supply import SupplyAdapter


def register() -> None:
    """Register the adapter of every tool that comes with the product."""
    adapters.register(ApprovalAdapter())
    adapters.register(CheckpointAdapter())
    adapters.register(SupplyAdapter())
    adapters.register(GitMerge(settings.REPOSITORY_ROOTS))
    adapters.register(Deploy(settings.REPOSITORY_ROOTS, settings.TARGET_ROOTS))
