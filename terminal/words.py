"""Text of unknown origin as cells of a terminal: nothing in it can steer, hide or widen a line."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from rich.cells import cell_len, set_cell_size

from operators.quantity import span

CUT = "…"
_MARKS = 2  # combining characters on one other, at most
_HIDDEN = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")  # they change a width, or do nothing
_SPACES = re.compile(r"\s+")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FAR_MS = 253_402_300_799_000  # the end of the year 9999


@lru_cache(8_192)
def clean(text: str) -> str:
    r"""Return text in one line, its control, direction and unassigned characters shown as "?".

    >>> clean("a\x1b[31mb"), clean("two\nlines"), clean("\u202ename")
    ('a?[31mb', 'two lines', '?name')
    """
    if text.isascii() and text.isprintable():
        return text
    found: list[str] = []
    marks = 0
    for char in _HIDDEN.sub("", _SPACES.sub(" ", unicodedata.normalize("NFC", text))):
        marks = marks + 1 if unicodedata.combining(char) else 0
        if marks > _MARKS or (marks and not found):
            continue
        found.append(char if char.isprintable() else "?")
    return "".join(found)


def fit(text: str, width: int, *, right: bool = False) -> str:
    """Return clean text in exactly `width` cells, its end cut off where it is longer.

    >>> fit("orders-db", 6), fit("db", 4, right=True), fit("数据库", 4)
    ('order…', '  db', '数 …')
    """
    if width <= 0:
        return ""
    shown = clean(text[: 4 * width + 64])  # what is longer than that is cut in any case
    missing = width - cell_len(shown)
    if missing < 0:
        return set_cell_size(shown, width - 1) + CUT
    return " " * missing + shown if right else shown + " " * missing


def wrap(text: str, width: int, most: int | None = None) -> list[str]:
    """Return clean text as lines of at most `width` cells, broken at spaces where there are any.

    >>> wrap("latency rose to 820 ms", 12)
    ['latency rose', 'to 820 ms']
    """
    width = max(2, width)  # the widest character takes two
    lines, line = [], ""
    for word in clean(text).split(" "):
        both = f"{line} {word}" if line else word
        if cell_len(both) <= width:
            line = both
            continue
        lines += [line] if line else []
        *full, line = _pieces(word, width)
        lines += full
    lines.append(line)
    if most is not None and len(lines) > most:
        lines = [*lines[: most - 1], fit(lines[most - 1] + " " + CUT, width).rstrip()]
        lines[-1] = lines[-1] if lines[-1].endswith(CUT) else lines[-1] + CUT
    return lines


def _pieces(word: str, width: int) -> Sequence[str]:
    pieces, piece, size = [], "", 0
    for char in word:
        cells = cell_len(char)
        if size + cells > width:
            pieces.append(piece)
            piece, size = "", 0
        piece, size = piece + char, size + cells
    return [*pieces, piece]


def clock(ms: int, now_ms: int) -> str:
    """Return a time in UTC: of day, or with the day where it is not that of `now_ms`.

    >>> clock(36_240_000, 40_000_000), clock(36_240_000, 90_000_000)
    ('10:04', '01-01 10:04')
    """
    then, now = moment(ms), moment(now_ms)
    if then.date() == now.date():
        return f"{then:%H:%M}"
    return f"{then:%m-%d %H:%M}" if abs(now - then) < timedelta(days=300) else f"{then:%Y-%m-%d}"


def moment(ms: int) -> datetime:
    """Return a time in UTC; one that no calendar has is the last one that it has."""
    return _EPOCH + timedelta(milliseconds=max(-62_135_596_800_000, min(ms, _FAR_MS)))


def brief(ms: int) -> str:
    """Return a length of time in at most seven characters.

    >>> brief(45_000), brief(180_000), brief(7_500_000), brief(200_000_000), brief(-60_000)
    ('<1m', '3m', '2h05', '2d07h', '-1m')
    """
    sign, seconds = ("-" if ms < 0 else ""), abs(ms) // 1000
    minutes, hours, days = seconds // 60, seconds // 3_600, seconds // 86_400
    if minutes < 1:
        return f"{sign}<1m"
    if hours < 1:
        return f"{sign}{minutes}m"
    if days < 2:
        return f"{sign}{hours}h{minutes % 60:02d}"
    return f"{sign}{days}d{hours % 24:02d}h" if days < 100 else f"{sign}{days}d"


def minutes(ms: int) -> str:
    """Return a length of time in words that are others once a minute, at the most.

    >>> minutes(45_000), minutes(297_000), minutes(7_500_000)
    ('under a minute', '4 min', '2 h 5 min')
    """
    return span(ms - ms % 60_000) if ms >= 60_000 else "under a minute"


def count(value: float) -> str:
    """Return a number in at most five characters.

    >>> count(0), count(0.042), count(42), count(1_840), count(25_300_000)
    ('0', '0.042', '42', '1.84k', '25.3M')
    """
    for least, name in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= least:
            return f"{value / least:.3g}{name}" if abs(value) < 1e15 else "huge"
    if value == round(value):
        return f"{value:.0f}"
    return f"{value:.2g}" if abs(value) < 1 else f"{value:.3g}"
