"""How often a property is tried.

With `--slow` as often as it says; without, a fifth as often and at most a few hundred times.
"""

from hypothesis import settings

NAME = "ci"
ALL = 100
BRIEFLY = 20
MOST_BRIEFLY = 200


def choose(*, is_thorough: bool) -> None:
    """Decide for this process, before its tests are collected.

    No example is late: that a machine is busy says nothing about a property.
    """
    often = ALL if is_thorough else BRIEFLY
    # The command line names this profile, and it is loaded after us.
    named = settings.get_profile(NAME)
    settings.register_profile(NAME, named, max_examples=often, deadline=None)
    settings.load_profile(NAME)


def tried(most: int) -> settings:
    """Try a property this often with `--slow`."""
    often = settings().max_examples
    tries = most if often == ALL else min(MOST_BRIEFLY, most * often // ALL)
    return settings(max_examples=max(1, tries))
