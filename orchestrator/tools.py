"""Which tools this process can perform, and how runners are configured: told to governance."""

from django.conf import settings

from governance import adapters, runner_configs
from orchestrator.runners import http, process
from orchestrator.runners.approval import ApprovalAdapter
from orchestrator.runners.checkpoint import CheckpointAdapter
from orchestrator.runners.console.isolate import Isolate
from orchestrator.runners.console.preserve import Preserve
from orchestrator.runners.console.rotate import Rotate
from orchestrator.runners.git.commit import GitCommit
from orchestrator.runners.git.merge import GitMerge
from orchestrator.runners.mcp.tool import FAMILY, adapter_of
from orchestrator.runners.model import config as model
from orchestrator.runners.release.deploy import Deploy
from orchestrator.runners.supply import SupplyAdapter
from orchestrator.runners.undo import UndoAdapter


def register() -> None:
    """Register the adapter of every tool and the check of every runner of the product."""
    adapters.register(ApprovalAdapter())
    adapters.register(CheckpointAdapter())
    adapters.register(SupplyAdapter())
    adapters.register(UndoAdapter())
    adapters.register(GitMerge(settings.REPOSITORY_ROOTS))
    adapters.register(GitCommit(settings.REPOSITORY_ROOTS))
    adapters.register(Deploy(settings.REPOSITORY_ROOTS, settings.TARGET_ROOTS))
    adapters.register(Isolate(settings.SERVICE_ROOTS))
    adapters.register(Rotate(settings.SERVICE_ROOTS))
    adapters.register(Preserve(settings.SERVICE_ROOTS, settings.DATA_DIR / "evidence"))
    adapters.register_family(FAMILY, adapter_of)
    runner_configs.register("http", http.faults_of)
    runner_configs.register("openai", model.faults_of)
    runner_configs.register("process", process.faults_of)
