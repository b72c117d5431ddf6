"""The seam to what makes agents work: each runner checks its configuration when one registers.

The orchestrator registers the checks in `ready()`; a runner without one is checked at its turns.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

Fault = tuple[str, str]
Check = Callable[[Mapping[str, Any]], Iterable[Fault]]

_checks: dict[str, Check] = {}


def register(runner: str, check: Check) -> None:
    """Make a runner's check known: it yields JSON pointer and remedy of everything wrong."""
    _checks[runner] = check


def faults_of(runner: str, config: Mapping[str, Any]) -> list[Fault]:
    """Return everything that is wrong with a runner's configuration."""
    return list(_checks[runner](config)) if runner in _checks else []
