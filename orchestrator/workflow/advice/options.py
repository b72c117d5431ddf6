"""What can be recommended, with what is gained by it and what it costs (engine.md 3 and 4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.workflow.advice.words import gettext_noop as _


@dataclass(frozen=True, slots=True)
class Option:
    """An approach, a pattern or a topology, in words."""

    name: str
    title: str
    summary: str
    gains: Sequence[str]
    costs: Sequence[str]


APPROACHES: Mapping[str, Option] = {
    option.name: option
    for option in (
        Option(
            "single_agent",
            _("A single agent"),
            _("One agent, one step. What it does outside still goes through policy and gates."),
            (
                _("The cheapest and fastest, and the easiest to follow"),
                _("No answer of one model is taken for a fact by another"),
            ),
            (
                _("One identity holds every permission that the task needs"),
                _("Nobody looks at its work but the checkpoint and people"),
            ),
        ),
        Option(
            "human_in_the_loop",
            _("Several agents with a human in the loop"),
            _("Agents prepare; people decide at a gate, on exactly what will happen."),
            (
                _("Nothing irreversible happens without somebody who answers for it"),
                _("Each agent holds only the permissions of its part"),
            ),
            (
                _("The run waits for people; plan for their time and their absence"),
                _("Too many gates make people approve without looking"),
            ),
        ),
        Option(
            "probabilistic",
            _("Several agents with probabilistic coordination"),
            _("Models decide parts of the course; limits, checks and people bound them."),
            (
                _("Fits work that cannot be written down beforehand"),
                _("Finds ways that nobody thought of"),
            ),
            (
                _("Two runs may take different ways; only the record says which"),
                _("Costs vary; a limit that is reached needs a person and is no success"),
            ),
        ),
        Option(
            "standard",
            _("Several agents, standard orchestration"),
            _("The course is written down; rules alone decide what comes next."),
            (
                _("Every decision replays, and the cost is known beforehand"),
                _("Each agent holds only the permissions of its part"),
            ),
            (
                _("What the file does not foresee ends with a person"),
                _("A change of the course is a new version of the file"),
            ),
        ),
    )
}
PATTERNS: Mapping[str, Option] = {
    option.name: option
    for option in (
        Option(
            "sequential",
            _("Sequential"),
            _("One step after another; each sees what the step before it made."),
            (_("Simple to read, to check and to undo"), _("Stops at the first thing that fails")),
            (
                _("As slow as all steps together"),
                _("An early mistake is passed on unless a checkpoint stops it"),
            ),
        ),
        Option(
            "concurrent",
            _("Concurrent"),
            _("Branches side by side, joined by a rule that says how many must succeed."),
            (
                _("As fast as the slowest branch"),
                _("Independent views of one thing can be compared"),
            ),
            (
                _("Branches see nothing of one another"),
                _("Costs come all at once; a cap and a join rule have to be chosen"),
            ),
        ),
        Option(
            "group_chat",
            _("Group chat"),
            _("A panel talks in turns and votes; the votes are counted in code."),
            (
                _("Several views meet before anything is decided"),
                _("Who voted how is on record"),
            ),
            (
                _("The most turns for one decision"),
                _("May end without agreement; then a person decides"),
            ),
        ),
        Option(
            "handoff",
            _("Handoff"),
            _("One agent holds the work and passes it on along declared edges."),
            (
                _("The specialist for what turned up takes over, with its own permissions"),
                _("Exactly one agent answers at any time"),
            ),
            (
                _("The way is a model's choice within the graph"),
                _("Work may wander; visits and handoffs are limited"),
            ),
        ),
        Option(
            "magentic",
            _("Magentic"),
            _("A manager keeps a plan and a ledger, gives out work and plans again."),
            (
                _("Fits work whose steps nobody knows yet"),
                _("Success is checked against criteria, never believed"),
            ),
            (
                _("The most expensive, and the hardest to foresee"),
                _("Needs limits and somebody to look at plans"),
            ),
        ),
    )
}
TOPOLOGIES: Mapping[str, Option] = {
    option.name: option
    for option in (
        Option(
            "centralized",
            _("Centralized"),
            _("The file names the agent of every step, or what it has to be able to do."),
            (
                _("Who does what is known before the run"),
                _("Nothing to negotiate"),
            ),
            (_("The file has to be changed when agents change"),),
        ),
        Option(
            "decentralized",
            _("Decentralized"),
            _("Work is announced; agents bid; a rule that anybody can check awards it."),
            (
                _("Losing any one agent costs time only"),
                _("The cheapest or best agent of the moment gets the work"),
            ),
            (
                _("Every step waits for bids first"),
                _("Bids are claims of agents; the award rule has to fit that"),
            ),
        ),
        Option(
            "federated",
            _("Federated"),
            _("Agents of another domain do steps, under a contract that both sides signed."),
            (
                _("Each side keeps its reviewers, budgets and agents"),
                _("Both hold receipts of what was done"),
            ),
            (
                _("A contract has to be agreed before the first run"),
                _("The stricter policy of both sides holds"),
            ),
        ),
    )
}
