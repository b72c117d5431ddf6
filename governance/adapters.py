"""The seam to the tools that actions use; the orchestrator registers adapters in `ready()`.

An adapter is the only code that touches the outside for a gated tool, and `perform` is called
only by the holder of a claimed warrant.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from django.utils.functional import Promise


@dataclass(frozen=True, slots=True)
class Facts:
    """What a collector verified about an action's arguments, as opposed to what an agent says.

    `pins` enter the action's digest: if one differs when the warrant is claimed, the warrant is
    void. `resource` is the Cedar entity acted upon. `resource_attributes` are its attributes.
    `arguments` is what policy sees of the arguments where their shape is not in its schema.
    """

    pins: Mapping[str, str]
    facts: Mapping[str, Any]
    resource_type: str
    resource_id: str
    resource_attributes: Mapping[str, Any] = field(default_factory=dict)
    arguments: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ExhibitDraft:
    """An exhibit before it is stored. `content` is JSON; `subject` is what it speaks about."""

    name: str
    kind: str
    content: Mapping[str, Any]
    trust: str
    subject: str = ""


class FactUnavailableError(Exception):
    """A fact could not be established; policy treats that as a denial."""


class EffectRefusedError(Exception):
    """The target refused and certainly nothing happened (for example a lost compare-and-swap)."""


class EffectUnknownError(Exception):
    """The call ended without saying whether anything happened."""


@runtime_checkable
class ToolAdapter(Protocol):
    """One tool. Every method may do I/O and none is called inside a transaction.

    What one raises beside the errors of this module is logged and refused as `fact_unavailable`
    before anything is done, and leaves an effect in doubt afterwards.

    One whose target turns away the late call of a worker that was replaced, by its fence or
    because what it compares has changed, says so by `refuses_late_calls = True`. One that has
    `words` says what people call its arguments, pins and facts.
    """

    slug: str
    cedar_action: str
    effect_class: str

    def collect(self, arguments: Mapping[str, Any]) -> Facts:
        """Establish pins and facts now; raises FactUnavailableError."""

    def sentence(self, arguments: Mapping[str, Any], pins: Mapping[str, str]) -> str:
        """Say in plain words, from structured fields only, what these pins would do."""

    def preview(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str]
    ) -> Sequence[ExhibitDraft]:
        """Compute what will change if it runs with exactly these pins."""

    def delta(
        self,
        arguments: Mapping[str, Any],
        before: Mapping[str, str],
        after: Mapping[str, str],
    ) -> Sequence[ExhibitDraft]:
        """Show only what changed between two sets of pins."""

    def compensation(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str]
    ) -> Mapping[str, Any]:
        """Describe the undo, registered before the effect is attempted."""

    def perform(
        self,
        arguments: Mapping[str, Any],
        pins: Mapping[str, str],
        *,
        effect_key: str,
        fence: int,
    ) -> Mapping[str, Any]:
        """Do it; raises EffectRefusedError or EffectUnknownError. Returns the response."""

    def probe(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str], *, effect_key: str
    ) -> Mapping[str, Any] | None:
        """Return the response if the effect with this key happened, None if it did not."""

    def compensate(
        self,
        arguments: Mapping[str, Any],
        response: Mapping[str, Any],
        *,
        effect_key: str,
        fence: int,
    ) -> Mapping[str, Any]:
        """Undo it; repeating the call with the same key changes nothing more."""


def refuses_late_calls(adapter: ToolAdapter) -> bool:
    """Whether what did not happen so far cannot happen any more once another worker acts."""
    return getattr(adapter, "refuses_late_calls", False) is True


Words = Mapping[str, str | Promise]

_adapters: dict[str, ToolAdapter] = {}
_families: dict[str, Callable[[str], ToolAdapter]] = {}


def register(adapter: ToolAdapter) -> None:
    """Make a tool's adapter known; a second adapter for one slug is refused."""
    if adapter.slug in _adapters:
        raise ValueError(f"tool {adapter.slug!r} has an adapter already")
    _adapters[adapter.slug] = adapter


def register_family(name: str, adapter_of: Callable[[str], ToolAdapter]) -> None:
    """Make the adapters known of all tools whose slugs begin with the name and a dot.

    `adapter_of` raises FactUnavailableError for a slug that is none of its tools.
    """
    _families[name] = adapter_of


def words_of(slug: str) -> Words:
    """Return what people call the arguments, pins and facts of a tool, as far as it says so.

    A page asks this of old actions too, whose adapter may be gone: then nobody has a word.
    """
    words: Words = getattr(_adapters.get(slug), "words", {})
    return words


def adapter_for(slug: str) -> ToolAdapter:
    """Return the tool's adapter; raises FactUnavailableError when none is installed."""
    family = _families.get(slug.partition(".")[0])
    if slug not in _adapters and family is not None:
        return family(slug)
    try:
        return _adapters[slug]
    except KeyError:
        raise FactUnavailableError(f"no adapter is installed for tool {slug!r}") from None
