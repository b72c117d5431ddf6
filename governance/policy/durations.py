"""Durations of ISO 8601, without the calendar units whose length depends on the date."""

import re
from datetime import timedelta

LONGEST = timedelta(days=30)
_FORM = re.compile(
    r"P(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?"
)


def parse_duration(text: str) -> timedelta:
    """Read `PT30M`, `P1D` or `P2W`, up to 30 days; raises ValueError on anything else."""
    match = _FORM.fullmatch(text)
    if match is None or text.endswith(("P", "T")):
        raise ValueError(f"{text!r} is not an ISO 8601 duration such as PT30M or P1D")
    try:
        length = timedelta(**{unit: int(n) for unit, n in match.groupdict().items() if n})
    except OverflowError:
        length = LONGEST * 2
    if not timedelta() < length <= LONGEST:
        raise ValueError(f"{text!r} must be longer than nothing and at most 30 days")
    return length
