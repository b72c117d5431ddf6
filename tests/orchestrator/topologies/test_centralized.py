from orchestrator.patterns.base import History, PlannedStep
from orchestrator.topologies.registry import topology_named


def test_the_agent_named_in_the_file_does_the_step() -> None:
    step = PlannedStep("a", agent="style")
    assert topology_named("centralized").assign(step, History([step])) == "style"
