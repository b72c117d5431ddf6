"""What goes wrong with a repository, said as the seam of tools wants it."""

from collections.abc import Iterator
from contextlib import contextmanager

from governance.adapters import EffectRefusedError, EffectUnknownError, FactUnavailableError
from orchestrator.runners.git.command import GitInterruptedError, RepositoryError


@contextmanager
def as_facts() -> Iterator[None]:
    """Say of whatever cannot be read that it is a missing fact."""
    try:
        yield
    except RepositoryError as error:
        raise FactUnavailableError(str(error)) from error


@contextmanager
def as_effects() -> Iterator[None]:
    """Leave an interruption in doubt; with any other fault nothing happened."""
    try:
        yield
    except GitInterruptedError as error:
        raise EffectUnknownError(str(error)) from error
    except RepositoryError as error:
        raise EffectRefusedError(str(error)) from error
