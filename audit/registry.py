"""What the upper apps tell the log about themselves, filled in `AppConfig.ready()`.

Everything is closed by default: a stream kind nobody registered is visible to nobody, and an
event type nobody registered cannot be recorded.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext

from audit.types import StreamKey

MayView = Callable[[Any, str], bool]
Sentence = Callable[[Mapping[str, Any]], str]
Link = Callable[[str], str]
Labels = Callable[[Collection[str]], Mapping[str, str]]
Reader = Callable[[Any], Collection[str]]
Veil = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class EventType:
    """A name in the closed catalogue of events and the words people read for it.

    `sentence` is a `str.format_map` template over the payload (marked for translation where it
    is registered), or a function of the payload.
    """

    name: str
    sentence: str | Sentence

    def describe(self, payload: Mapping[str, Any]) -> str:
        """Return the sentence for `payload`; a missing field shows as an em dash.

        A list reads as its items. An old event whose payload no longer fits its sentence is
        named, never hidden.
        """
        try:
            if callable(self.sentence):
                return self.sentence(_Dashes(payload))
            return gettext(self.sentence).format_map(_Words(payload))
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            return self.name


class _Dashes(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "\N{EM DASH}"


class _Words(_Dashes):
    def __getitem__(self, key: str) -> Any:
        value = super().__getitem__(key)
        return ", ".join(map(str, value)) if isinstance(value, list) else value


_event_types: dict[str, EventType] = {}
_stream_viewers: dict[str, MayView] = {}
_list_viewers: dict[str, MayView] = {}
_readers: list[Reader] = []
_links: dict[str, Link] = {}
_labels: dict[str, Labels] = {}
_append_only: set[str] = set()
_veils: dict[str, Veil] = {}


def register_event_types(types: Iterable[tuple[str, str | Sentence]]) -> None:
    """Add event types to the catalogue."""
    for name, sentence in types:
        _event_types[name] = EventType(name, sentence)


def event_type(name: str) -> EventType:
    """Return the registered type; raises LookupError for a name outside the catalogue."""
    try:
        return _event_types[name]
    except KeyError:
        raise LookupError(f"{name!r} is not a registered event type") from None


def event_types() -> Mapping[str, EventType]:
    """Return the whole catalogue, for the filter of the audit page and the docs."""
    return dict(_event_types)


def sentence_for(name: str, payload: Mapping[str, Any]) -> str:
    """Return what people read for an event; the bare name when its type is not known any more."""
    known = _event_types.get(name)
    return known.describe(payload) if known else name


def register_veil(type: str, veil: Veil) -> None:
    """Say what of an event's payload is shown: `veil(object_id of its stream, payload)`.

    It hides what nobody may know yet; the event itself holds all of it.
    """
    _veils[type] = veil


def shown(type: str, object_id: str, payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the payload of an event as it may be shown now."""
    veil = _veils.get(type)
    return veil(object_id, payload) if veil else payload


def register_stream(kind: str, may_view: MayView) -> None:
    """Say who may see streams of `kind`: `may_view(person, object_id)`."""
    _stream_viewers[kind] = may_view


def register_list(name: str, may_view: MayView) -> None:
    """Say who may hear that the list `name` of a domain changed: `may_view(person, domain_id)`."""
    _list_viewers[name] = may_view


def register_reader(reader: Reader) -> None:
    """Say whose log a person may read: `reader(person)` returns ids of domains."""
    _readers.append(reader)


def may_view_stream(person: Any, key: StreamKey) -> bool:
    """Whether `person` may read the stream. An unregistered kind is nobody's."""
    viewer = _stream_viewers.get(key.kind)
    return viewer is not None and viewer(person, key.object_id)


def may_view_list(person: Any, name: str, domain_id: str) -> bool:
    """Whether `person` may hear about changes of the list. An unregistered list is nobody's."""
    viewer = _list_viewers.get(name)
    return viewer is not None and viewer(person, domain_id)


def domains_read_by(person: Any) -> frozenset[str]:
    """Return the ids of the domains whose log `person` may read; none unless someone says so."""
    return frozenset(str(domain) for reader in _readers for domain in reader(person))


def register_link(kind: str, link: Link) -> None:
    """Say where an object of `kind` is shown: `link(object_id) -> URL`."""
    _links[kind] = link


def link_for(kind: str, object_id: str) -> str:
    """Return the address of the object's page, or an empty string when it has none."""
    link = _links.get(kind)
    return link(object_id) if link else ""


def register_labels(kind: str, labels: Labels) -> None:
    """Say what people call objects of `kind`: `labels(ids) -> {id: name}`, in one query."""
    _labels[kind] = labels


def labels_for(kind: str, ids: Collection[str]) -> Mapping[str, str]:
    """Return the names of the objects with these ids; an id nobody can name is left out."""
    labels = _labels.get(kind)
    return labels(ids) if labels and ids else {}


def register_append_only(model_label: str) -> None:
    """Say that the rows of a model (`app.Model`) are written once; triggers then hold it."""
    _append_only.add(model_label)


def append_only() -> list[str]:
    """Return the labels of all models whose rows are written once, in order."""
    return sorted(_append_only)
