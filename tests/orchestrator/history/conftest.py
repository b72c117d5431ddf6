from tests.orchestrator.cells.conftest import home

__all__ = ["home"]
