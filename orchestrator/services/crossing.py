"""What a step's context becomes when it crosses to another domain, and when it arrives there."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from orchestrator.models import Step, Trust
from orchestrator.workflow.definition import Definition
from orchestrator.workflow.planning import granted_state, reads_state

Entry = Mapping[str, Any]
Change = Callable[[Entry], Entry]

# What nobody classified is not public.
UNCLASSIFIED = "internal"
SOMEBODY = "a person"


def going_out(context: Mapping[str, Any]) -> dict[str, Any]:
    """Return the context as another domain may see it: no person in it has a name."""
    return _relabelled(
        context, lambda e: {**e, "author": SOMEBODY} if e["trust"] == Trust.HUMAN else e
    )


def coming_in(context: Mapping[str, Any]) -> dict[str, Any]:
    """Return the context as an agent here may see it: whoever wrote it, it comes from outside."""
    return _relabelled(context, lambda entry: {**entry, "trust": Trust.EXTERNAL.value})


def classes_of(step: Step, definition: Definition) -> list[str]:
    """Return the classes of everything that a step is given and shown."""
    plan = definition.step(step.path)
    keys = definition.state if reads_state(plan) else granted_state(definition, step.path)
    return sorted({UNCLASSIFIED, *(definition.state[key].classification for key in keys)})


def _relabelled(context: Mapping[str, Any], change: Change) -> dict[str, Any]:
    return dict(_parts(context, change))


def _parts(context: Mapping[str, Any], change: Change) -> Iterator[tuple[str, Any]]:
    for name, part in context.items():
        if name == "steps":
            yield name, {path: change(entry) for path, entry in part.items()}
        elif name == "state":
            yield name, {key: _entries(held, change) for key, held in part.items()}
        else:
            yield name, part


def _entries(held: Mapping[str, Any], change: Change) -> dict[str, Any]:
    return {**held, "entries": [change(entry) for entry in held["entries"]]}
