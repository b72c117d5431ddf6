"""The strict content security policy holds because no template needs an exception."""

import re
from pathlib import Path

import pytest

from tests.architecture import source

ANY_CASE = re.IGNORECASE
FORBIDDEN = {
    "an inline script": re.compile(
        r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>", ANY_CASE
    ),
    "an inline style sheet": re.compile(r"<style\b", ANY_CASE),
    "a style attribute": re.compile(r"<[^>]*\sstyle\s*=", ANY_CASE),
    "an event handler": re.compile(r"<[^>]*\s(?:on[a-z]+|hx-on[:\w-]*)\s*=", ANY_CASE),
    "a script address": re.compile(r"javascript:", ANY_CASE),
    "text that is not escaped": re.compile(r"\|\s*safe\b|\{%\s*autoescape off"),
}


def offences(text: str) -> list[str]:
    """Name every rule that the text breaks."""
    return [name for name, pattern in FORBIDDEN.items() if pattern.search(text)]


def test_no_template_needs_an_exception() -> None:
    found = {source.name(path): offences(path.read_text()) for path in source.templates()}
    assert not {name: rules for name, rules in found.items() if rules}


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<style>p {}</style>",
        '<p\n style="color: red">',
        '<button class="b" onclick="go()">',
        '<div hx-on::after-request="go()">',
        '<a href="javascript:go()">',
        "{{ comment|safe }}",
    ],
)
def test_every_rule_finds_its_offence(text: str) -> None:
    assert offences(text)


@pytest.mark.parametrize(
    "text",
    [
        '<script type="module" src="{% static "js/live.js" %}"></script>',
        '<link rel="stylesheet" href="x.css">',
        '<p class="on style">one = two</p>',
    ],
)
def test_what_is_allowed_is_left_alone(text: str) -> None:
    assert offences(text) == []


def test_every_template_is_found() -> None:
    assert Path(source.ROOT / "templates" / "base.html") in source.templates()
