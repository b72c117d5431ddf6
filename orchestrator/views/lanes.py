"""The lanes of a run as they are drawn: one per agent, bars of work, of waiting, of effects."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

from governance.templatetags.interface import lasting
from governance.templatetags.looks import Look, bar_look, look
from orchestrator.selectors.checkpoints import FAILED, HELD, RETRIED, Judgement
from orchestrator.selectors.run_view import Bar, Lane, RunView, StepRow
from orchestrator.views import scale

MINUTE_MS = 60_000
MINUTES_IN_WORDS = 60
ROW = 30
TOP = 10
THICK = 20
THINNEST = 0.5
MOST_ROWS = 6
# What a track shows at least: on a phone and on a desk, in pixels, and the width of a letter.
PHONE, DESK = 300, 620
LETTER = 6.6
PADDING = {"work": 16, "effect": 16, "wait": 32, "fold": 110}
LOST = frozenset({"failed", "stale", "crashed"})


@dataclass(frozen=True, slots=True)
class Mark:
    """A bar as it is drawn. `x` and `width` are percent of the track, `y` pixels.

    `room` says where the words fit inside: on every screen, on a wide one, or nowhere.
    """

    kind: str
    look: Look
    x: str
    width: str
    y: int
    step_path: str
    what: str
    words: str
    shown: str
    lasted: str
    ms: int
    started: str
    growing: bool
    room: str
    url: str

    @property
    def baseline(self) -> int:
        """Return where its words stand."""
        return self.y + 15

    @property
    def hit(self) -> int:
        """Return where the area begins that can be pressed, which is the whole row."""
        return self.y - (ROW - THICK) // 2


@dataclass(frozen=True, slots=True)
class Flag:
    """A checkpoint at the end of a step's work: held, or the place where the run stopped."""

    x: str
    y: int
    tone: str
    words: str


@dataclass(frozen=True, slots=True)
class DrawnLane:
    """One agent's lane. `look` is how its latest step stands."""

    agent_id: UUID
    agent: str
    look: Look
    marks: tuple[Mark, ...]
    flags: tuple[Flag, ...]
    height: int
    note: str
    gate: str


@dataclass(frozen=True, slots=True)
class DrawnTick:
    """A moment named on the axis."""

    x: str
    anchor: str
    words: str
    minor: bool
    ms: int
    is_now: bool


@dataclass(frozen=True, slots=True)
class DrawnFold:
    """A long quiet that is not to scale, and how long it really was."""

    x: str
    width: str
    middle: str
    words: str
    room: str
    growing: bool


@dataclass(frozen=True, slots=True)
class Drawing:
    """All lanes on one axis. `pace` and `quiet` say how the open end moves (see Scale)."""

    lanes: tuple[DrawnLane, ...]
    ticks: tuple[DrawnTick, ...]
    folds: tuple[DrawnFold, ...]
    now: str
    pace: str
    quiet: str
    live: bool


def draw(run: RunView, judgements: Mapping[str, Judgement]) -> Drawing:
    """Lay out a run. `judgements` are those of its checkpoints by step."""
    bars = [bar for lane in run.lanes for bar in lane.bars]
    end_ms = max([run.elapsed_ms, *(bar.end_ms or 0 for bar in bars)])
    busy = ((b.start_ms, _end(b, end_ms)) for b in bars if b.kind != "wait")
    axis = scale.build(busy, end_ms=end_ms, live=not run.is_final)
    lanes = (_lane(run, lane, axis, judgements) for lane in run.lanes)
    return Drawing(
        lanes=tuple(lanes),
        ticks=tuple(_ticks(axis)),
        folds=tuple(_folds(axis)),
        now=percent(axis.end),
        pace=f"{axis.pace:.5f}",
        quiet=f"{axis.quiet_ms / 1000:.3f}",
        live=not run.is_final,
    )


def percent(value: float) -> str:
    """Write a length for an SVG attribute, in no locale."""
    return f"{value:.3f}%"


def _end(bar: Bar, end_ms: int) -> int:
    return end_ms if bar.end_ms is None else bar.end_ms


def _lane(
    run: RunView, lane: Lane, axis: scale.Scale, judgements: Mapping[str, Judgement]
) -> DrawnLane:
    steps = [step for step in run.steps if step.agent_id == lane.agent_id]
    rows = _rows(lane.bars)
    marks = tuple(_mark(b, row, axis, steps) for b, row in zip(lane.bars, rows, strict=True))
    return DrawnLane(
        agent_id=lane.agent_id,
        agent=lane.agent,
        look=look(_standing(steps), "step"),
        marks=marks,
        flags=tuple(_flags(lane.bars, rows, axis, steps, judgements)),
        height=ROW * (max(rows, default=0) + 1) + TOP,
        note="" if lane.bars else _idle(run),
        gate=next((m.url for m in marks if m.url and m.growing), ""),
    )


def _standing(steps: Sequence[StepRow]) -> str:
    started = [step for step in steps if step.state != "blocked"]
    return (started or list(steps))[-1].state if steps else "blocked"


def _idle(run: RunView) -> str:
    return _("Did not start") if run.is_final else _("Not started yet")


def _rows(bars: Sequence[Bar]) -> list[int]:
    """Put every try after a lost one a row lower, so that retries are seen as a stack."""
    lost: dict[str, int] = {}
    rows: list[int] = []
    for bar in bars:
        rows.append(min(lost.get(bar.step_path, 0), MOST_ROWS - 1))
        if bar.kind == "work" and bar.state in LOST:
            lost[bar.step_path] = lost.get(bar.step_path, 0) + 1
    return rows


def _mark(bar: Bar, row: int, axis: scale.Scale, steps: Sequence[StepRow]) -> Mark:
    end_ms = _end(bar, axis.end_ms)
    left = axis.at(bar.start_ms)
    width = max(axis.at(end_ms) - left, THINNEST)
    seen = bar_look(bar)
    lasted = lasting((end_ms - bar.start_ms) / 1000)
    words = str(seen.label)
    shown = _shown(bar, words, lasted)
    return Mark(
        kind=bar.kind,
        look=replace(seen, label=words),
        x=percent(left),
        width=percent(width),
        y=TOP + ROW * row,
        step_path=bar.step_path,
        what=_what(bar),
        words=words,
        shown=shown,
        lasted=lasted,
        ms=end_ms - bar.start_ms,
        started=lasting(bar.start_ms / 1000),
        growing=bar.end_ms is None,
        room=_room(shown, width, PADDING[bar.kind]),
        url=reverse("gate", args=[bar.gate_id]) if bar.gate_id else "",
    )


def _shown(bar: Bar, words: str, lasted: str) -> str:
    """Return what stands inside the bar; a growing one says its length last, to be counted on."""
    if bar.kind != "wait":
        return lasted
    if bar.end_ms is None:
        return f"{words} · {lasted}"
    return _("%(what)s after %(time)s") % {"what": words, "time": lasted}


def _what(bar: Bar) -> str:
    if bar.kind == "wait":
        return _("Approval")
    return _("Effect") if bar.kind == "effect" else _("Work")


def _room(words: str, width: float, padding: int) -> str:
    needed = len(words) * LETTER + padding
    if width * PHONE / 100 >= needed:
        return "all"
    return "wide" if width * DESK / 100 >= needed else "none"


def _flags(
    bars: Sequence[Bar],
    rows: Sequence[int],
    axis: scale.Scale,
    steps: Sequence[StepRow],
    judgements: Mapping[str, Judgement],
) -> Iterator[Flag]:
    for step in steps:
        judgement = judgements.get(step.path)
        work = [(b, r) for b, r in zip(bars, rows, strict=True) if _ended_work(b, step)]
        if judgement is None or not work:
            continue
        bar, row = work[-1]
        tone, words = _judged(judgement, step)
        yield Flag(percent(axis.at(_end(bar, axis.end_ms))), TOP + ROW * row, tone, words)


def _ended_work(bar: Bar, step: StepRow) -> bool:
    return bar.kind == "work" and bar.step_path == step.path and bar.end_ms is not None


def _judged(judgement: Judgement, step: StepRow) -> tuple[str, str]:
    if judgement.type == HELD:
        return "good", _("Checkpoint passed")
    if judgement.type == FAILED:
        return "bad", _("Checkpoint stopped the run: %(why)s") % {"why": judgement.message}
    if judgement.type == RETRIED:
        return "wait", _("Checkpoint asked for another try: %(why)s") % {"why": judgement.message}
    if step.state == "succeeded":
        return "good", _("Checkpoint passed because people let it")
    return "wait", _("Checkpoint asks people: %(why)s") % {"why": judgement.message}


def _ticks(axis: scale.Scale) -> Iterator[DrawnTick]:
    for tick in axis.ticks():
        anchor = "start" if tick.left < scale.EDGE else "middle"
        if tick.left > scale.WHOLE - scale.EDGE:
            anchor = "end"
        is_now = bool(axis.pace) and tick.ms == axis.end_ms
        yield DrawnTick(percent(tick.left), anchor, _moment(tick.ms), tick.minor, tick.ms, is_now)


def _moment(ms: int) -> str:
    minutes, rest = divmod(ms, MINUTE_MS)
    if rest or not 0 < minutes < MINUTES_IN_WORDS:
        return lasting(ms / 1000)
    return _("%(m)d min") % {"m": minutes}


def _folds(axis: scale.Scale) -> Iterator[DrawnFold]:
    for fold in axis.folds:
        words = lasting((fold.end_ms - fold.start_ms) / 1000)
        yield DrawnFold(
            percent(fold.left),
            percent(fold.width),
            percent(fold.left + fold.width / 2),
            words,
            _room(words, fold.width, PADDING["fold"]),
            bool(axis.pace) and fold.end_ms == axis.end_ms,
        )
