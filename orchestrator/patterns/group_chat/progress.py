"""Whether a chat still moves. Mechanical: nobody is asked, so nobody can claim it does."""

import re
import unicodedata
from collections.abc import Sequence

WINDOW = 6
REPEATS = 2
BARREN_ROUNDS = 2
_NEWS = frozenset({"proposal", "evidence"})
_WORDS = re.compile(r"\w+")


def is_repeating(texts: Sequence[str]) -> bool:
    """Whether, of the last six things said, two had been said before among them."""
    window = [normalised(text) for text in texts[-WINDOW:]]
    return len(window) - len(set(window)) >= REPEATS


def is_barren(kinds: Sequence[str], participants: int) -> bool:
    """Whether twice as many turns as participants brought no proposal and no evidence.

    `kinds` are those of every turn, in order, empty for a turn that was lost.
    """
    turns = BARREN_ROUNDS * participants
    return len(kinds) >= turns and not _NEWS.intersection(kinds[-turns:])


def normalised(text: str) -> str:
    """Return a text without what hides a repetition: case, spacing, punctuation, look-alikes."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(_WORDS.findall(plain)) or plain.strip()
