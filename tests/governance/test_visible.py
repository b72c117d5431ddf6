import unicodedata

import pytest
from django.template import Context, Template
from hypothesis import given
from hypothesis import strategies as st

from governance.visible import visible

HONEST = [
    "",
    "Merge feature into main of /srv/shop",
    "line one\n\tline two",
    "naïve café, Zürich, Łódź, São Paulo, Ångström",
    "Ωμέγα και άλλα ελληνικά",
    "Привет, мир, это честный текст",
    "日本語のコミット GitHubの変更",
    "合并到主分支",
    "한국어 설명",
    "שלום",
    "مرحبا",
    "हिन्दी में विवरण",
    "Budget: 5 € – done… “quoted” ✓ → ok 🎉",  # noqa: RUF001 - an honest dash
    "Việt Nam",
]

# Each hides something from a reviewer, moves it, or passes for something else.
ADVERSARIAL = {
    "right-to-left override": "access\u202elevel",
    "left-to-right override": "a\u202db",
    "right-to-left embedding": "a\u202bb",
    "left-to-right embedding": "a\u202ab",
    "pop directional formatting": "a\u202cb",
    "left-to-right isolate": "a\u2066b",
    "right-to-left isolate": "a\u2067b",
    "first strong isolate": "a\u2068b",
    "pop directional isolate": "a\u2069b",
    "left-to-right mark": "a\u200eb",
    "right-to-left mark": "a\u200fb",
    "Arabic letter mark": "a\u061cb",
    "trojan source comment": "/*\u202e } \u2066if (admin)\u2069 \u2066 begin */",
    "zero-width space": "ma\u200bin",
    "zero-width non-joiner": "ma\u200cin",
    "zero-width joiner": "ma\u200din",
    "word joiner": "ma\u2060in",
    "byte order mark": "\ufeffmain",
    "soft hyphen": "ma\u00adin",
    "combining grapheme joiner": "ma\u034fin",
    "Mongolian vowel separator": "ma\u180ein",
    "invisible times": "2\u2062000",
    "invisible separator": "2\u2063000",
    "invisible plus": "2\u2064000",
    "function application": "f\u2061x",
    "Hangul choseong filler": "a\u115fb",
    "Hangul jungseong filler": "a\u1160b",
    "Hangul filler": "a\u3164b",
    "half-width Hangul filler": "a\uffa0b",
    "Braille blank": "a\u2800b",
    "Khmer inherent vowel": "a\u17b4b",
    "variation selector": "a\ufe0fb",
    "supplementary variation selector": "a\U000e0100b",
    "tag characters": "ok\U000e0069\U000e0067",
    "language tag": "a\U000e0001b",
    "null": "a\x00b",
    "backspace overwrite": "rm -rf\x08\x08\x08\x08\x08\x08ls",
    "carriage return overwrite": "delete everything\rread one file   ",
    "escape sequence": "\x1b[2J\x1b[1;1Hclean",
    "terminal title": "\x1b]0;title\x07",
    "delete": "a\x7fb",
    "C1 control": "a\x9bb",
    "next line": "a\x85b",
    "line separator": "a\u2028b",
    "paragraph separator": "a\u2029b",
    "vertical tab": "a\x0bb",
    "form feed": "a\x0cb",
    "no-break space": "rm\u00a0-rf",
    "en space": "a\u2002b",
    "ideographic space": "a\u3000b",
    "Ogham space": "a\u1680b",
    "narrow no-break space": "1\u202f000",
    "Cyrillic a in Latin": "m\u0430in",
    "Cyrillic o in Latin": "g\u043e\u043egle",
    "all-Cyrillic paypal": "\u0440\u0430\u0443\u0440",
    "all-Cyrillic scope": "\u0455\u0441\u043e\u0440\u0435",
    "Greek omicron": "r\u03bfot",
    "all-Greek": "\u039f\u039a",
    "Greek question mark": "a\u037eb",
    "Armenian o": "r\u0585\u0585t",
    "Cherokee": "\u13a0\u13a1",
    "full-width letters": "\uff52\uff4f\uff4f\uff54",
    "full-width slash": "a\uff0fb",
    "fraction slash": "a\u2044b",
    "division slash": "a\u2215b",
    "big solidus": "a\u29f8b",
    "one dot leader": "example\u2024com",
    "modifier colon": "https\ua789//x",
    "ratio": "https\u2236//x",
    "minus for hyphen": "\u2212\u2212force",
    "non-breaking hyphen": "\u2011f",
    "mathematical bold": "\U0001d42b\U0001d42f",
    "mathematical script": "\U0001d4c7",
    "circled digit": "pay \u2460000",
    "superscript digit": "pay 10\u00b2",
    "Arabic digit": "pay \u0661000",
    "Devanagari digit": "pay \u0967",
    "Kelvin sign": "\u212aey",
    "dotless i": "ma\u0131n",
    "script g": "\u0261it",
    "small capital": "\u1d00dmin",
    "long s": "acce\u017f\u017f",
    "retroflex click": "a\u01c3b",
    "forged escape": "\u27e8U+0041\u27e9",
    "Hebrew among digits": "pay 100 \u05d0 to 200",
    "Arabic among Latin": "send \u0627\u0644 now",
    "overlay strike": "s\u0336a\u0336f\u0336e\u0336",
    "piled marks": "a" + "\u0301" * 30,
    "mark on nothing": " \u0301x",
    "private use": "a\ue000b",
    "unassigned": "a\u0378b",
    "lone surrogate": "a\ud800b",
    "noncharacter": "a\uffffb",
    "interlinear annotation": "a\ufff9b",
    "object replacement aside": "a\ufffbb",
    "musical formatting": "a\U0001d173b",
    "shorthand formatting": "a\U0001bca0b",
}


@pytest.mark.parametrize("text", HONEST)
def test_honest_text_is_left_alone(text: str) -> None:
    assert visible(text) == text


def test_the_corpus_is_large_enough() -> None:
    assert len(ADVERSARIAL) >= 60


@pytest.mark.parametrize("text", ADVERSARIAL.values(), ids=ADVERSARIAL.keys())
def test_a_deceiving_text_is_shown_with_code_points(text: str) -> None:
    shown = visible(text)
    assert shown != text
    assert "⟨U+" in shown


@pytest.mark.parametrize("text", ADVERSARIAL.values(), ids=ADVERSARIAL.keys())
def test_nothing_invisible_or_moving_is_left(text: str) -> None:
    shown = visible(text)
    assert not [char for char in shown if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl"}]
    assert not [
        char for char in shown if unicodedata.bidirectional(char) in {"R", "AL", "LRE", "RLO"}
    ]


def test_only_the_deceiving_letters_are_replaced() -> None:
    assert visible("m\u0430in") == "m⟨U+0430⟩in"
    assert visible("access\u202elevel") == "access⟨U+202E⟩level"


def test_an_escape_cannot_be_forged() -> None:
    assert visible("⟨U+0041⟩") == "⟨U+27E8⟩U+0041⟨U+27E9⟩"


@given(st.text())
def test_no_text_fails_and_lines_stay_lines(text: str) -> None:
    assert visible(text).count("\n") == text.count("\n")


@given(st.text(), st.text())
def test_texts_that_differ_are_shown_differently(one: str, other: str) -> None:
    assert (visible(one) == visible(other)) == (one == other)


@given(st.text(alphabet=st.characters(max_codepoint=0x7E, min_codepoint=0x20)))
def test_plain_ascii_is_left_alone(text: str) -> None:
    assert visible(text) == text


def test_the_filter_escapes_html_and_marks_what_was_made_visible() -> None:
    page = Template("{% load visible %}{{ text|visible }}")
    shown = page.render(Context({"text": "<b>\u202e</b>"}))
    assert shown == '&lt;b&gt;<span class="escaped">⟨U+202E⟩</span>&lt;/b&gt;'
