"""Text from agents and repositories, with everything that hides or deceives made visible.

A character that cannot be seen, that moves others about, or that passes for an ASCII one is
shown as its code point: `⟨U+202E⟩`. Unicode Technical Standard 39 is the model; being too strict
costs a reader a moment, being too lax costs them the decision.
"""

import re
import unicodedata

_PLAIN = re.compile(r"[\t\n\x20-\x7e]*")
_WORD = re.compile(r"[^\W_]+")
_MARKS_IN_A_ROW = 2

# Letters and symbols that draw nothing although their category says otherwise.
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5")
# Signs taken for ASCII punctuation that compatibility normalisation does not fold to it.
_LOOKS_LIKE_PUNCTUATION = frozenset(
    "\u2044\u2215\u29f8\u2571\u2216\u29f5\u29f9\ua789\u2236\u02d0\u0589\u05c3\u2010\u2011\u2012"
    "\u2212\u02d7\u2043\u01c3\u2039\u203a\u27e8\u27e9\u2217\u204e\u02bc\u02b9\u055a\u05f3"
)
_LATIN_ALIKE = frozenset("\u0131\u0237\u0138\u01c0\u017f")
_TAKEN_FOR_LATIN = frozenset(
    "АВЕЅІЈКМНОРСТУХҮҺԀԌԚԜасеіјорѕухүһԁԛԝѵ"  # Cyrillic
    "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαγινορσυϲϳ"  # Greek  # noqa: RUF001 - ambiguous is what they are
    "ՕՏՍԼհոսօզցք"  # Armenian
    "ᎠᎡᎢᎥᎩᎪᎫᎬᎳᎷᎻᏀᏂᏃᏚᏞᏟᏢᏦ"  # Cherokee  # noqa: RUF001 - ambiguous is what they are
)
_DECEIVING_SCRIPTS = frozenset(
    {"CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU", "DESERET", "GLAGOLITIC"}
)
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})


def visible(text: str) -> str:
    """Return `text` with hidden, moving and deceiving characters as their code points.

    Newlines and tabs stay. What comes out is text, not HTML: escape it where it is shown.
    """
    if _PLAIN.fullmatch(text):
        return text
    return "\n".join(_line(line) for line in text.split("\n"))


def _line(line: str) -> str:
    if _PLAIN.fullmatch(line):
        return line
    suspects = _in_deceiving_words(line) | _out_of_direction(line) | _piled_marks(line)
    return "".join(
        _code_point(char) if index in suspects or _hides(char) else char
        for index, char in enumerate(line)
    )


def _code_point(char: str) -> str:
    return f"\u27e8U+{ord(char):04X}\u27e9"


def _hides(char: str) -> bool:
    """Whether the character alone, wherever it stands, is not what it seems."""
    if char.isascii():
        return not char.isprintable() and char != "\t"
    category = unicodedata.category(char)
    if category[0] in "CZ" or category == "Nd":
        return True
    if char in _BLANK or char in _LOOKS_LIKE_PUNCTUATION or char in _LATIN_ALIKE:
        return True
    return _is_variation(char) or _is_phonetic(char) or _folds_to_ascii(char)


def _is_variation(char: str) -> bool:
    return unicodedata.name(char, "").startswith(("VARIATION SELECTOR", "MONGOLIAN FREE"))


def _is_phonetic(char: str) -> bool:
    return "\u0250" <= char <= "\u02af" or "\u1d00" <= char <= "\u1dbf"


def _folds_to_ascii(char: str) -> bool:
    folded = unicodedata.normalize("NFKC", char)
    return len(folded) == 1 and folded.isascii()


def _in_deceiving_words(line: str) -> set[int]:
    """Find letters of words that mix scripts with Latin, or that pass for Latin as a whole."""
    found: set[int] = set()
    for word in _WORD.finditer(line):
        letters = {word.start() + n: char for n, char in enumerate(word.group()) if char.isalpha()}
        foreign = {n for n, char in letters.items() if _script(char) in _DECEIVING_SCRIPTS}
        mixed = len(foreign) < len(word.group())
        if mixed or all(letters[n] in _TAKEN_FOR_LATIN for n in foreign):
            found |= foreign
    return found


def _script(char: str) -> str:
    return unicodedata.name(char, "").partition(" ")[0]


def _out_of_direction(line: str) -> set[int]:
    """Find right-to-left characters on a line that also runs left to right, which reorder it."""
    backwards = {
        n for n, char in enumerate(line) if unicodedata.bidirectional(char) in _RIGHT_TO_LEFT
    }
    forwards = any(unicodedata.bidirectional(char) in {"L", "EN"} for char in line)
    return backwards if forwards else set()


def _piled_marks(line: str) -> set[int]:
    """Find combining marks that strike through, stand on nothing, or pile up."""
    found: set[int] = set()
    row = _MARKS_IN_A_ROW
    for n, char in enumerate(line):
        if not unicodedata.category(char).startswith("M"):
            row = 0 if char.isalnum() else _MARKS_IN_A_ROW
            continue
        row += 1
        if row > _MARKS_IN_A_ROW or unicodedata.combining(char) == 1:
            found.add(n)
    return found
