"""A metric over time as characters: what was measured in braille dots, the expected band shaded.

A column of dots shows the least and most of its time, so no spike is lost however narrow the plot.
"""

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from operators.quantity import quantity
from schema.plots import Plot
from terminal.palette import Line, Part, Role, plain
from terminal.words import clean, clock, fit

LEAST_WIDTH, LEAST_HEIGHT = 24, 6
LABEL = 9  # cells of the axis' labels
GAP_STEPS = 2.5  # points further apart are not joined
BLANK = 0x2800
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # row by column of a braille cell
SHADE, MARK, ONSET = "░", "▲", "┊"


class _Scale(NamedTuple):
    """From time and value to dots: two a cell to the right, four a cell down from the top."""

    from_ms: int
    until_ms: int
    least: float
    most: float
    columns: int
    rows: int

    def column(self, ts_ms: int) -> int:
        part = (ts_ms - self.from_ms) / max(1, self.until_ms - self.from_ms)
        return min(self.columns - 1, max(0, int(part * self.columns)))

    def row(self, value: float) -> int:
        part = (self.most - value) / (self.most - self.least)
        return min(self.rows - 1, max(0, int(part * self.rows)))


@lru_cache(32)
def draw_plot(plot: Plot, width: int, height: int) -> tuple[Line, ...]:
    """Return the plot in `height` lines of at most `width` cells: heading, canvas, marks, times."""
    points = [index for index, value in enumerate(plot.value) if math.isfinite(value)]
    heading = _heading(plot, points, width)
    if not points or width < LEAST_WIDTH or height < LEAST_HEIGHT:
        return heading, plain("" if points else "no values are kept of it", "dim")
    across, down = width - LABEL - 1, height - 3
    scale = _scale(plot, points, 2 * across, 4 * down)
    dots = _dots(plot, points, scale)
    shaded = _shaded(plot, scale)
    marked = {scale.column(plot.ts_ms[i]) // 2 for i in plot.marks if 0 <= i < len(plot.ts_ms)}
    in_sight = scale.from_ms <= plot.onset_ms <= scale.until_ms
    onset = scale.column(plot.onset_ms) // 2 if in_sight else None
    lines = [heading]
    for y in range(down):
        label = fit(_label(plot, scale, y, down), LABEL, right=True)
        cells = (_cell(dots, shaded, marked, onset, x, y) for x in range(across))
        lines.append((Part(label, "dim"), Part("│", "dim"), *_joined(cells)))
    marks = (Part(MARK, "mark") if x in marked else Part(" ") for x in range(across))
    lines.append((Part(" " * LABEL + "└", "dim"), *_joined(marks)))
    lines.append(_times(plot, scale, onset, across))
    return tuple(lines)


def _heading(plot: Plot, points: Sequence[int], width: int) -> Line:
    labels = "".join(f" {name}={value}" for name, value in plot.labels)
    name = f"{plot.name} {plot.metric}{labels}"
    said = ""
    if points:
        last = points[-1]
        expected = plot.expected[last]
        said = f"  now {quantity(plot.value[last], plot.unit)}"
        said += "" if expected is None else f", expected {quantity(expected, plot.unit)}"
    room = max(12, width - len(said))
    return Part(fit(name, min(room, len(clean(name)) + 2)).rstrip(), "strong"), Part(said)


def _scale(plot: Plot, points: Sequence[int], columns: int, rows: int) -> _Scale:
    """Return a scale for all that was measured, and as much of the band as leaves that legible."""
    seen = [plot.value[i] for i in points] + [plot.expected[i] for i in points]
    shown = [each for each in seen if each is not None and math.isfinite(each)]
    least, most = min(shown), max(shown)
    room = (most - least) or abs(most) or 1.0
    ends = [*plot.lower, *plot.upper]
    band = [each for each in ends if each is not None and math.isfinite(each)]
    least = max(min([least, *band]), least - room)
    most = min(max([most, *band]), most + room)
    if most - least <= 1e-12 * max(abs(least), abs(most)) or most == least:
        least, most = least - room / 2, most + room / 2
    return _Scale(plot.ts_ms[points[0]], plot.ts_ms[points[-1]], least, most, columns, rows)


def _dots(plot: Plot, points: Sequence[int], scale: _Scale) -> dict[tuple[int, int], int]:
    """Return the braille pattern of each cell that the line goes through."""
    places = [
        (plot.ts_ms[i], scale.column(plot.ts_ms[i]), scale.row(plot.value[i])) for i in points
    ]
    found: dict[tuple[int, int], int] = {}

    def put(column: int, row: int) -> None:
        cell = column // 2, row // 4
        found[cell] = found.get(cell, 0) | DOTS[row % 4][column % 2]

    for _, column, row in places:
        put(column, row)
    for (from_ms, x0, y0), (until_ms, x1, y1) in pairwise(places):
        if until_ms - from_ms <= GAP_STEPS * max(1, plot.step_ms):
            steps = max(abs(x1 - x0), abs(y1 - y0))
            for step in range(1, steps):
                put(x0 + round((x1 - x0) * step / steps), y0 + round((y1 - y0) * step / steps))
    return found


def _shaded(plot: Plot, scale: _Scale) -> dict[int, tuple[int, int]]:
    """Return the first and last row of cells that the expected band takes in each column."""
    found: dict[int, tuple[int, int]] = {}
    for ts_ms, lower, upper in zip(plot.ts_ms, plot.lower, plot.upper, strict=False):
        if lower is None and upper is None:
            continue
        low, high = _end(lower, -math.inf), _end(upper, math.inf)  # it may have one side alone
        if high < scale.least or low > scale.most:
            continue
        x = scale.column(ts_ms) // 2
        top, bottom = scale.row(min(high, scale.most)) // 4, scale.row(max(low, scale.least)) // 4
        before = found.get(x, (top, bottom))
        found[x] = min(top, before[0]), max(bottom, before[1])
    for left, right in pairwise(sorted(found)):  # columns between two points that belong together
        far_ms = (right - left) * (scale.until_ms - scale.from_ms) / max(1, scale.columns // 2)
        if right - left > 1 and far_ms <= GAP_STEPS * max(1, plot.step_ms):
            for x in range(left + 1, right):
                found[x] = found[left]
    return found


def _end(value: float | None, else_: float) -> float:
    return else_ if value is None or math.isnan(value) else value


def _cell(
    dots: dict[tuple[int, int], int],
    shaded: dict[int, tuple[int, int]],
    marked: set[int],
    onset: int | None,
    x: int,
    y: int,
) -> Part:
    pattern = dots.get((x, y))
    if pattern is not None:
        return Part(chr(BLANK + pattern), "mark" if x in marked else "line")
    if x == onset:
        return Part(ONSET, "mark")
    top, bottom = shaded.get(x, (1, 0))
    return Part(SHADE, "band") if top <= y <= bottom else Part(" ")


def _joined(cells: Iterator[Part]) -> Iterator[Part]:
    """Yield cells of one role as one part, so that little is written."""
    text = ""
    role_of: Role = "plain"
    for cell in cells:
        if cell.role != role_of and text:
            yield Part(text, role_of)
            text = ""
        text, role_of = text + cell.text, cell.role
    if text:
        yield Part(text, role_of)


def _label(plot: Plot, scale: _Scale, y: int, down: int) -> str:
    """Return what stands beside a row: top, middle and bottom say their value."""
    if y not in {0, down // 2, down - 1}:
        return ""
    value = scale.most - (scale.most - scale.least) * (y / max(1, down - 1))
    return quantity(value, plot.unit)


def _times(plot: Plot, scale: _Scale, onset: int | None, across: int) -> Line:
    """Return the axis of time: its ends, and the onset where there is room."""
    left, right = (clock(ms, scale.until_ms) for ms in (scale.from_ms, scale.until_ms))
    text = list(" " * across)
    places = [(0, left), (across - len(right), right)]
    if onset is not None:
        said = f"onset {clock(plot.onset_ms, scale.until_ms)}"
        places.append((min(max(0, onset - len(said) // 2), across - len(said)), said))
    for at, said in places:
        span = text[max(0, at - 1) : at + len(said) + 1]
        if at >= 0 and at + len(said) <= across and not "".join(span).strip():
            text[at : at + len(said)] = said
    return Part(" " * (LABEL + 1)), Part("".join(text).rstrip(), "dim")
