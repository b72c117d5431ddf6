"""The small words templates are written in: icons, components, moments, initials."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from django import template
from django.template.loader import get_template
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from lucide.templatetags.lucide import lucide

register = template.Library()

SECOND = timedelta(seconds=1)
SHORTEST = timedelta(seconds=0.1)
TENTHS_BELOW = timedelta(seconds=10)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MOST_SHOWN = 99


@register.simple_tag
@lru_cache(maxsize=256)
def icon(name: str) -> str:
    """Draw an icon of the installed set. It is decoration: the word stands beside it."""
    shape = lucide(str(name), size=16, **{"class": "icon", "aria-hidden": "true"})
    return SafeString(" ".join(shape.split()))


@register.simple_tag
def component(component_name: str, **parameters: object) -> str:
    """Render templates/components/<component_name>.html with exactly these parameters."""
    return get_template(f"components/{component_name}.html").render(parameters)


@register.simple_block_tag
def wrap(content: str, component_name: str, **parameters: object) -> str:
    """Render templates/components/<component_name>.html around what stands between the tags."""
    frame = get_template(f"components/{component_name}.html")
    return frame.render({**parameters, "content": content})


@register.filter
def initials(name: object) -> str:
    """Return one or two letters for an avatar."""
    words = [word for word in str(name).split() if word[0].isalnum()]
    picked = [words[0], words[-1]] if len(words) > 1 else words
    return "".join(word[0].upper() for word in picked) or "?"


@register.filter
def short(identifier: object) -> str:
    """Return the first eight characters of an id or digest; the copy button has all of it."""
    return str(identifier)[:8]


@register.simple_tag
def when(moment: datetime | None, style: str = "relative") -> str:
    """Show a moment as `relative` words or `exact`; both carry the exact value in UTC.

    static/js/time.js keeps the words fresh and puts the reader's own zone in.
    """
    if moment is None:
        return format_html('<span class="faint">{}</span>', "\N{EN DASH}")
    exact = exactly(moment)
    return format_html(
        '<time datetime="{}" title="{}" data-when="{}">{}</time>',
        moment.astimezone(UTC).isoformat(timespec="seconds"),
        exact,
        style,
        exact if style == "exact" else in_words(moment - timezone.now()),
    )


def exactly(moment: datetime) -> str:
    """Return the moment to the minute in UTC, and say that it is UTC."""
    return f"{date_format(moment.astimezone(UTC), 'j M Y, H:i')} UTC"


def in_words(distance: timedelta) -> str:
    """Say how far away a moment is: `now`, `in 3 hours`, `5 minutes ago`."""
    span = abs(distance)
    if span < MINUTE:
        return _("now")
    amount = _amount(span)
    if distance > timedelta():
        return _("in %(amount)s") % {"amount": amount}
    return _("%(amount)s ago") % {"amount": amount}


def _amount(span: timedelta) -> str:
    if span < 2 * HOUR:
        count = span // MINUTE
        return ngettext("%(n)d minute", "%(n)d minutes", count) % {"n": count}
    if span < 2 * DAY:
        count = span // HOUR
        return ngettext("%(n)d hour", "%(n)d hours", count) % {"n": count}
    count = span // DAY
    return ngettext("%(n)d day", "%(n)d days", count) % {"n": count}


@register.filter
def is_soon(moment: datetime) -> bool:
    """Whether less than an hour is left until a moment, or none: it is shown as pressing."""
    return moment - timezone.now() < HOUR


@register.filter
def lasting(span: timedelta | float | None) -> str:
    """Show a duration: `< 0.1 s`, `0.4 s`, `12 s`, `3 min 12 s`, `2 h 5 min`."""
    if span is None:
        return "\N{EN DASH}"
    length = span if isinstance(span, timedelta) else timedelta(seconds=span)
    if timedelta() < length < SHORTEST:
        return _("< %(s)s s") % {"s": number_format(SHORTEST / SECOND, 1)}
    if timedelta() < length < TENTHS_BELOW:
        tenths = round(length / SECOND, 1)
        return _("%(s)s s") % {"s": number_format(tenths, 0 if tenths.is_integer() else 1)}
    hours, rest = divmod(length, HOUR)
    minutes, rest = divmod(rest, MINUTE)
    seconds = rest // SECOND
    if hours:
        return _("%(h)d h %(m)d min") % {"h": hours, "m": minutes}
    if minutes:
        return _("%(m)d min %(s)d s") % {"m": minutes, "s": seconds}
    return _("%(s)d s") % {"s": seconds}


@register.filter
def spelled(span: timedelta) -> str:
    """Write out a limit that somebody set: `7 days`, `2 hours`, `1 hour 30 minutes`."""
    days, rest = divmod(span, DAY)
    hours, rest = divmod(rest, HOUR)
    minutes, rest = divmod(rest, MINUTE)
    parts = (
        ngettext("%(n)d day", "%(n)d days", days) % {"n": days} if days else "",
        ngettext("%(n)d hour", "%(n)d hours", hours) % {"n": hours} if hours else "",
        ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes} if minutes else "",
        _seconds(rest // SECOND) if rest or not span else "",
    )
    return " ".join(filter(None, parts))


def _seconds(count: int) -> str:
    return ngettext("%(n)d second", "%(n)d seconds", count) % {"n": count}


@register.filter
def dots(needed: int, filled: int) -> list[bool]:
    """Return one entry per seat, true for the filled ones, which come first."""
    return [place < filled for place in range(min(needed, 20))]


@register.filter
def capped(count: int) -> str:
    """Return a count as a badge shows it; beyond 99 nobody counts any more."""
    return f"{MOST_SHOWN}+" if count > MOST_SHOWN else str(count)
