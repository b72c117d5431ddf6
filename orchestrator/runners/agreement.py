"""What the tools have in common by which a run asks people and changes nothing outside."""

from collections.abc import Mapping, Sequence
from typing import Any

from governance.adapters import ExhibitDraft, Facts


class Agreement:
    """An adapter whose whole effect is that people agreed; repeating it changes nothing.

    A tool of this kind exists so that the question takes the one road every action takes: policy,
    gate, warrant, effect. It says what is asked (`sentence`) and shows it (`preview`).
    """

    effect_class = "natural"

    def collect(self, arguments: Mapping[str, Any]) -> Facts:
        """Return the step as the resource; nothing outside can drift."""
        return Facts(pins={}, facts={}, resource_type="Step", resource_id=arguments["step"])

    def delta(
        self,
        arguments: Mapping[str, Any],
        before: Mapping[str, str],
        after: Mapping[str, str],
    ) -> Sequence[ExhibitDraft]:
        """Return nothing: nothing is pinned."""
        return []

    def compensation(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str]
    ) -> Mapping[str, Any]:
        """Return nothing: nothing outside changes."""
        return {}

    def perform(
        self,
        arguments: Mapping[str, Any],
        pins: Mapping[str, str],
        *,
        effect_key: str,
        fence: int,
    ) -> Mapping[str, Any]:
        """Change nothing."""
        return {}

    def probe(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str], *, effect_key: str
    ) -> Mapping[str, Any] | None:
        """Return what was agreed to, because it is always there."""
        return self.perform(arguments, pins, effect_key=effect_key, fence=0)

    def compensate(
        self,
        arguments: Mapping[str, Any],
        response: Mapping[str, Any],
        *,
        effect_key: str,
        fence: int,
    ) -> Mapping[str, Any]:
        """Undo nothing."""
        return {}
