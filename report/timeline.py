"""Where the incidents and the known faults stand on the line of time, in percent of its width."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from report.facts import Facts
from schema import Severity

MAX_ROWS = 8  # of a lane; what does not fit lies over others
MIN_WIDTH = 0.35  # percent
_HOUR_MS = 3_600_000
_STEPS_H = (1, 2, 3, 6, 12, 24, 48, 96, 168, 336, 672, 1344)
_MOST_TICKS = 7


class Bar(NamedTuple):
    """One incident or fault."""

    title: str
    left: float
    width: float
    row: int
    incident: str = ""  # id; "": none
    css: str = ""


class Lane(NamedTuple):
    """Bars of a kind."""

    name: str
    css: str
    rows: int
    bars: tuple[Bar, ...]


class Tick(NamedTuple):
    """A time on the axis."""

    left: float
    text: str


def lanes(facts: Facts) -> list[Lane]:
    """Return a lane a severity that there is, worst first, then one of the known faults."""
    scale = _Scale(facts)
    out = []
    for severity in sorted(Severity, reverse=True):
        bars = [
            (
                told.incident.opened_ms,
                told.end_ms or facts.until_ms,
                Bar(
                    f"{clock(told.incident.opened_ms)} {severity.name}: {told.incident.title}",
                    0, 0, 0, told.incident.id if told.detailed else "",
                ),
            )
            for told in facts.incidents
            if told.incident.severity == severity
        ]  # fmt: skip
        if bars:
            out.append(_lane(severity.name, severity.name, bars, scale))
    for name, css, found in (("caught", "good", True), ("missed", "bad", False)):
        known = [
            (
                fault.start_ms,
                fault.end_ms,
                Bar(
                    f"{fault.id} {fault.kind}: {', '.join(fault.resources[:3])}", 0, 0, 0, "", name
                ),
            )
            for fault in facts.faults or ()
            if bool(fault.incidents) is found
        ]
        if known:
            out.append(_lane(name, css, known, scale))
    return out


class _Scale:
    def __init__(self, facts: Facts) -> None:
        self.from_ms = facts.from_ms
        self.width_ms = max(1, facts.until_ms - facts.from_ms)

    def left(self, ts_ms: int) -> float:
        return min(100.0 - MIN_WIDTH, max(0.0, 100.0 * (ts_ms - self.from_ms) / self.width_ms))


def _lane(name: str, css: str, bars: Iterable[tuple[int, int, Bar]], scale: _Scale) -> Lane:
    """Put each bar into the first row that has room."""
    ends: list[float] = []
    placed = []
    for start_ms, end_ms, bar in sorted(bars, key=lambda each: each[:2]):
        left = scale.left(start_ms)
        width = max(MIN_WIDTH, min(100.0, scale.left(end_ms) + MIN_WIDTH) - left)
        row = next((i for i, end in enumerate(ends) if end <= left), len(ends))
        if row == len(ends) and row < MAX_ROWS:
            ends.append(0.0)
        row = min(row, MAX_ROWS - 1)
        ends[row] = max(ends[row], left + width + 0.2)
        placed.append(bar._replace(left=left, width=width, row=row))
    return Lane(name, css, max(1, len(ends)), tuple(placed))


def ticks(facts: Facts) -> Sequence[Tick]:
    """Return round times, a few of them."""
    scale = _Scale(facts)
    hours = scale.width_ms / _HOUR_MS
    step_ms = next((s for s in _STEPS_H if hours / s <= _MOST_TICKS), _STEPS_H[-1]) * _HOUR_MS
    first = -(-facts.from_ms // step_ms) * step_ms
    out = []
    for ts_ms in range(first, facts.until_ms, step_ms):
        left = 100.0 * (ts_ms - scale.from_ms) / scale.width_ms
        if left <= 92.0:  # its text would stand out on the right
            out.append(
                Tick(left, clock(ts_ms)[5:] if step_ms < 24 * _HOUR_MS else clock(ts_ms)[5:10])
            )
    return out


def clock(ts_ms: int) -> str:
    """Return a time as "2026-03-01 10:00"."""
    return datetime.fromtimestamp(ts_ms / 1000, tz=UTC).strftime("%Y-%m-%d %H:%M")
