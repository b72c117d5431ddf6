"""The time axis of a run: work is drawn to scale, long quiet is folded.

An agent looks at a branch for a second and a person thinks about it for a day. On one even axis
the agent would be invisible, so quiet longer than half of all work is drawn by its logarithm:
still longer when it was longer, and never so long that the work beside it disappears.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

WHOLE = 100.0
HEADROOM = 8.0
SHORTEST_LIVE_MS = 2000
FEW_TICKS = 5
APART = 10.0
EDGE = 3.0
APART_ON_A_PHONE = 24.0
STEPS_MS = (
    *(100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000),
    *(60_000, 120_000, 300_000, 600_000, 1_200_000, 1_800_000),
    *(3_600_000, 7_200_000, 14_400_000, 43_200_000, 86_400_000),
)

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the axis with one pace. `left` and `width` are percent of the track."""

    start_ms: int
    end_ms: int
    left: float
    width: float
    folded: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark of the axis; a `minor` one gives way on a narrow screen."""

    ms: int
    left: float
    minor: bool


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps milliseconds since the run's start to percent of the track.

    `pace` is how many percent the open end moves per second from now on, 0 for a final run.
    """

    stretches: tuple[Stretch, ...]
    end_ms: int
    pace: float

    @property
    def quiet_ms(self) -> int:
        """Return how long the quiet at the open end has lasted when it is folded, else 0.

        From there on it grows by `pace * quiet * ln(1 + passed / quiet)`, all in seconds.
        """
        last = self.stretches[-1]
        return last.end_ms - last.start_ms if last.folded else 0

    def at(self, ms: int) -> float:
        """Return where a moment lies."""
        for stretch in self.stretches:
            if ms <= stretch.end_ms:
                into = max(ms - stretch.start_ms, 0) / max(stretch.end_ms - stretch.start_ms, 1)
                return stretch.left + stretch.width * into
        return self.end

    @property
    def end(self) -> float:
        """Return where the axis ends, which is now while the run is going on."""
        last = self.stretches[-1]
        return last.left + last.width

    @property
    def folds(self) -> tuple[Stretch, ...]:
        """Return the stretches whose length is not to scale."""
        return tuple(stretch for stretch in self.stretches if stretch.folded)

    def ticks(self) -> tuple[Tick, ...]:
        """Return the moments worth naming, far enough apart to be read."""
        edges = {ms for fold in self.folds for ms in (fold.start_ms, fold.end_ms)}
        wanted = [0, self.end_ms, *sorted(edges), *self._even()]
        kept: dict[int, float] = {}
        for ms in wanted:
            left = self.at(ms)
            if all(abs(left - other) >= _room_between(left, other) for other in kept.values()):
                kept[ms] = left
        return tuple(_graded(sorted(kept.items())))

    def _even(self) -> Iterator[int]:
        plain = [stretch for stretch in self.stretches if not stretch.folded]
        length = sum(stretch.end_ms - stretch.start_ms for stretch in plain)
        step = next((s for s in STEPS_MS if s * FEW_TICKS >= length), STEPS_MS[-1])
        for stretch in plain:
            yield from range(-(-stretch.start_ms // step) * step, stretch.end_ms, step)


def _room_between(one: float, other: float) -> float:
    # A name at an edge stands inside of it instead of around its mark.
    at_edge = min(one, other) < EDGE or max(one, other) > WHOLE - EDGE
    return APART * 1.5 if at_edge else APART


def build(busy: Iterable[Span], *, end_ms: int, live: bool) -> Scale:
    """Return the scale for spans of work within a run that lasted `end_ms` so far.

    A live run keeps some room at the end, so that its bars can grow before they are laid out
    again.
    """
    end_ms = max(end_ms, 1)
    spans = list(_alternating(_merged(busy, end_ms), end_ms))
    # With nothing but quiet there is nothing that folding would bring out.
    work = sum(end - start for start, end, quiet in spans if not quiet) or 2 * end_ms
    fold_from = max(work / 2, 1.0)
    lengths = [_length(end - start, fold_from, quiet=quiet) for start, end, quiet in spans]
    unit = _unit(sum(lengths), live=live)
    return Scale(
        tuple(_laid(spans, lengths, fold_from, unit)),
        end_ms,
        _pace(spans, fold_from, unit, live=live),
    )


def _merged(busy: Iterable[Span], end_ms: int) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted((max(s, 0), min(max(e, s), end_ms)) for s, e in busy):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return [(start, end) for start, end in merged if end > start]


def _alternating(busy: Sequence[Span], end_ms: int) -> Iterator[tuple[int, int, bool]]:
    here = 0
    for start, end in busy:
        if start > here:
            yield here, start, True
        yield start, end, False
        here = end
    if here < end_ms:
        yield here, end_ms, True


def _length(ms: int, fold_from: float, *, quiet: bool) -> float:
    if not quiet or ms <= fold_from:
        return ms
    return fold_from * (1 + math.log10(ms / fold_from))


def _unit(length: float, *, live: bool) -> float:
    if live:
        return (WHOLE - HEADROOM) / max(length, SHORTEST_LIVE_MS)
    return WHOLE / length


def _laid(
    spans: Sequence[tuple[int, int, bool]],
    lengths: Sequence[float],
    fold_from: float,
    unit: float,
) -> Iterator[Stretch]:
    left = 0.0
    for (start, end, quiet), length in zip(spans, lengths, strict=True):
        yield Stretch(start, end, left, length * unit, quiet and end - start > fold_from)
        left += length * unit


def _pace(
    spans: Sequence[tuple[int, int, bool]], fold_from: float, unit: float, *, live: bool
) -> float:
    if not live:
        return 0.0
    start, end, quiet = spans[-1]
    lasted = end - start
    folded = quiet and lasted > fold_from
    return 1000 * unit * (fold_from / (lasted * math.log(10)) if folded else 1.0)


def _graded(placed: Sequence[tuple[int, float]]) -> Iterator[Tick]:
    last = placed[-1][0] if placed else 0
    shown = -WHOLE
    for ms, left in placed:
        ends = ms in (0, last)
        minor = not ends and (
            left - shown < APART_ON_A_PHONE or placed[-1][1] - left < APART_ON_A_PHONE
        )
        if not minor:
            shown = left
        yield Tick(ms, left, minor)
