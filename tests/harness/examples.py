"""How often a property is tried: as often as it says with `--slow`, a fifth as often without."""

from hypothesis import settings

ALL = 100
BRIEFLY = 20


def choose(*, is_thorough: bool) -> None:
    """Decide for this process, before its tests are collected.

    No example is late: that a machine is busy says nothing about a property.
    """
    often = ALL if is_thorough else BRIEFLY
    settings.register_profile("ours", settings(), max_examples=often, deadline=None)
    settings.load_profile("ours")


def tried(most: int) -> settings:
    """Try a property this often, and a fifth as often without `--slow`."""
    return settings(max_examples=max(1, most * settings().max_examples // ALL))
