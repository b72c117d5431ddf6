"""What goes wrong with what tools act on, said as the seam of tools wants it."""

from collections.abc import Iterator
from contextlib import contextmanager

from governance.adapters import EffectRefusedError, EffectUnknownError, FactUnavailableError


class PlaceError(Exception):
    """A place cannot be used as asked, and nothing was changed; a sentence for a person."""


class UnansweredError(PlaceError):
    """Who acts there was stopped or said nothing in time, so what it did is not known."""


@contextmanager
def as_facts() -> Iterator[None]:
    """Say of whatever cannot be read that it is a missing fact."""
    try:
        yield
    except (PlaceError, OSError) as error:
        raise FactUnavailableError(str(error)) from error


@contextmanager
def as_effects() -> Iterator[None]:
    """Leave what stayed unanswered in doubt; with any other fault nothing happened."""
    try:
        yield
    except UnansweredError as error:
        raise EffectUnknownError(str(error)) from error
    except PlaceError as error:
        raise EffectRefusedError(str(error)) from error
