"""Shows text from agents and repositories so that nothing in it hides or deceives."""

import re

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString

from governance.visible import visible as made_visible

register = template.Library()

_CODE_POINT = re.compile("\u27e8U\\+[0-9A-F]{4,6}\u27e9")


@register.filter
def visible(value: object) -> str:
    """Return HTML in which every character made visible stands out."""
    shown = escape(made_visible(str(value)))
    return SafeString(_CODE_POINT.sub(r'<span class="escaped">\g<0></span>', shown))


@register.filter
def visible_text(value: object) -> str:
    """Return text, for attributes and titles; the template escapes it."""
    return made_visible(str(value))
