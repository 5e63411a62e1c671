"""A plot of what was seen of an incident, as a picture in a mail, and the same in words."""

import io
import math
import threading
from collections.abc import Sequence
from datetime import UTC, datetime

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from connectors.channels.channel import Picture
from operators.quantity import band, clock, quantity
from schema import Plot

SIZE_IN, DPI = (4.6, 2.1), 260  # shown 600 px wide on a desk, half of it on a phone
LINE, BAND, EXPECTED, ODD = "#0b5fff", "#c9d8f5", "#6b7f9e", "#c4001f"
QUIET, PAPER = "#57606a", "#ffffff"
MAX_TITLE, MAX_TICKS = 70, 6
_MIN_MS, _DAY_MS = 60_000, 86_400_000
_STEPS_MS = (
    *(each * _MIN_MS for each in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720)),
    *(each * _DAY_MS for each in (1, 2, 7, 14, 30, 90, 365)),
)
_one_at_a_time = threading.Lock()  # Matplotlib is not made for threads


def picture_of(plot: Plot) -> Picture:
    """Draw a plot."""
    with _one_at_a_time:
        figure = Figure(figsize=SIZE_IN, dpi=DPI, layout="constrained", facecolor=PAPER)
        axes = figure.add_subplot()
        _draw(axes, plot)
        held = io.BytesIO()
        figure.savefig(held, format="png", metadata={"Software": None})
    return Picture(held.getvalue(), in_words(plot))


def in_words(plot: Plot) -> str:
    """Return what the picture shows: the farthest point, the band there, and since when."""
    worst = max(plot.marks or range(len(plot.value)), key=lambda at: _excess(plot, at))
    lower, upper = plot.lower[worst], plot.upper[worst]
    expected = ""
    if lower is not None or upper is not None:
        ends = (-math.inf if lower is None else lower, math.inf if upper is None else upper)
        expected = f", expected {band(*ends, plot.unit)}"
    end_ms = plot.ts_ms[-1]
    return (
        f"Plot of {plot.metric} of {plot.name} from {clock(plot.ts_ms[0], end_ms)} to"
        f" {clock(end_ms, end_ms)}: {quantity(plot.value[worst], plot.unit)} at"
        f" {clock(plot.ts_ms[worst], end_ms)}{expected}; off since {clock(plot.onset_ms, end_ms)}"
    )


def _draw(axes: Axes, plot: Plot) -> None:
    times = plot.ts_ms
    seen = [*plot.value, *(each for each in (*plot.lower, *plot.upper) if each is not None)]
    room = (max(seen) - min(seen)) * 0.08 or abs(seen[0]) * 0.08 or 1.0
    bottom, top = min(seen) - room, max(seen) + room
    lower, upper = (_numbers(side, open_end) for side, open_end in
                    ((plot.lower, bottom), (plot.upper, top)))  # fmt: skip
    known = [a is not None or b is not None for a, b in zip(plot.lower, plot.upper, strict=True)]
    axes.fill_between(times, lower, upper, where=known, color=BAND, linewidth=0, label="expected")
    axes.plot(times, _numbers(plot.expected, math.nan), color=EXPECTED, linewidth=0.9,
              linestyle=(0, (3, 2)))  # fmt: skip
    axes.plot(times, plot.value, color=LINE, linewidth=1.3)
    odd_at, odd = ([column[at] for at in plot.marks] for column in (times, plot.value))
    axes.plot(odd_at, odd, "o", color=ODD, markersize=2.6)
    axes.axvline(plot.onset_ms, color=QUIET, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.annotate(
        clock(plot.onset_ms, plot.ts_ms[-1]), (plot.onset_ms, 1), (-3, -2), size=7.5,
        color=QUIET, xycoords=("data", "axes fraction"), textcoords="offset points",
        ha="right", va="top",
    )  # fmt: skip
    axes.set_ylim(bottom, top)
    axes.margins(x=0.01)
    axes.set_title(_plain(f"{plot.metric} of {plot.name}"), loc="left", size=9.5, parse_math=False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#d0d7de")
    axes.tick_params(colors=QUIET, labelsize=8, length=2.5)
    axes.grid(axis="y", color="#eaeef2", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: quantity(value, plot.unit)))
    axes.set_xticks(*_ticks(times[0], times[-1]))


def _ticks(from_ms: int, until_ms: int) -> tuple[list[int], list[str]]:
    """Return round times in the stretch, at most six, and what to write there."""
    step_ms = next(
        (step for step in _STEPS_MS if (until_ms - from_ms) // step < MAX_TICKS),
        until_ms - from_ms,
    )
    first_ms = -(-from_ms // step_ms) * step_ms
    ticks = list(range(first_ms, until_ms + 1, step_ms))
    shown = "%d %b" if step_ms >= _DAY_MS else "%H:%M"
    return ticks, [datetime.fromtimestamp(ms / 1000, tz=UTC).strftime(shown) for ms in ticks]


def _excess(plot: Plot, at: int) -> float:
    """Return how far a point lies out of its band, or else from what is expected."""
    value, lower, upper = plot.value[at], plot.lower[at], plot.upper[at]
    over = -math.inf if upper is None else value - upper
    under = -math.inf if lower is None else lower - value
    found = max(over, under)
    if math.isfinite(found):
        return found
    expected = plot.expected[at]
    return 0.0 if expected is None else abs(value - expected)


def _numbers(column: Sequence[float | None], unknown: float) -> list[float]:
    return [unknown if each is None else each for each in column]


def _plain(text: str) -> str:
    """Return text that the font has: names come from outside."""
    shown = "".join(char if char.isprintable() else "?" for char in text)
    shown = shown.encode("latin-1", "replace").decode("latin-1")
    return shown if len(shown) <= MAX_TITLE else shown[: MAX_TITLE - 3] + "..."
