"""Numbers, bands, times and spans as people read them."""

import math
from datetime import UTC, datetime
from functools import lru_cache

Family = tuple[tuple[str, float], ...]  # (name, how many base units), ascending

PLAIN: Family = (("", 1.0), ("k", 1e3), ("M", 1e6), ("G", 1e9), ("T", 1e12))
MILLISECONDS: Family = (("ms", 1.0), ("s", 1e3), ("min", 6e4), ("h", 3.6e6))
BYTES: Family = (("B", 1.0), ("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12), ("PB", 1e15))

SCALED: dict[str, tuple[Family, float, str]] = {  # unit: family, base units in one, what follows
    "ms": (MILLISECONDS, 1.0, ""),
    "milliseconds": (MILLISECONDS, 1.0, ""),
    "s": (MILLISECONDS, 1e3, ""),
    "seconds": (MILLISECONDS, 1e3, ""),
    "us": (MILLISECONDS, 1e-3, ""),
    "microseconds": (MILLISECONDS, 1e-3, ""),
    "bytes": (BYTES, 1.0, ""),
    "By": (BYTES, 1.0, ""),
    "bytes/s": (BYTES, 1.0, "/s"),
    "bytes/second": (BYTES, 1.0, "/s"),
    "By/s": (BYTES, 1.0, "/s"),
}
SPELLED = {"percent": "%", "count": "", "none": "", "1": "", "ratio": "", "1/s": "/s"}


def quantity(value: float, unit: str, digits: int = 3) -> str:
    """Return a value with its unit, to about `digits` significant digits.

    >>> quantity(93.27, "percent"), quantity(1_340.0, "ms"), quantity(2.5e9, "bytes")
    ('93.3 %', '1.34 s', '2.5 GB')
    """
    if not math.isfinite(value):
        return "unknown"
    ending, factor = _scale(abs(value), unit)
    return _number(value / factor, digits) + ending


def band(lower: float, upper: float, unit: str, digits: int = 3) -> str:
    """Return a range with its unit once; one end may be infinite.

    >>> band(41.0, 48.2, "percent"), band(-math.inf, 90.0, "percent"), band(-1.0, 1.0, "")
    ('41-48.2 %', 'up to 90 %', '-1 to 1')
    """
    if math.isfinite(lower) and math.isfinite(upper):
        ending, factor = _scale(max(abs(lower), abs(upper)), unit)
        low, high = _number(lower / factor, digits), _number(upper / factor, digits)
        if low == high:
            return low + ending
        return (f"{low} to {high}" if lower < 0 else f"{low}-{high}") + ending
    if math.isfinite(upper):
        return "up to " + quantity(upper, unit, digits)
    return "at least " + quantity(lower, unit, digits) if math.isfinite(lower) else "unknown"


@lru_cache(4_096)
def clock(ts_ms: int, now_ms: int) -> str:
    """Return a time of day in UTC, with the date where it is not that of `now_ms`.

    >>> clock(36_240_000, 40_000_000), clock(36_240_000, 90_000_000)
    ('10:04 UTC', '1970-01-01 10:04 UTC')
    """
    ts, now = (datetime.fromtimestamp(ms / 1000, tz=UTC) for ms in (ts_ms, now_ms))
    return ts.strftime("%H:%M UTC" if ts.date() == now.date() else "%Y-%m-%d %H:%M UTC")


@lru_cache(4_096)
def span(ms: int) -> str:
    """Return a length of time in its two largest units, from seconds up.

    >>> span(45_000), span(180_000), span(7_500_000), span(604_800_000)
    ('45 s', '3 min', '2 h 5 min', '7 d')
    """
    left, parts = max(0, ms) // 1000, []
    for name, seconds in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, left = divmod(left, seconds)
        if count:
            parts.append(f"{count} {name}")
        elif parts:
            break
    return " ".join(parts[:2]) or "0 s"


def _scale(size: float, unit: str) -> tuple[str, float]:
    """Return what to print behind the number, and the number of `unit`s that it stands for."""
    spelled = SPELLED.get(unit, unit)
    if spelled == "%":
        return " %", 1.0
    family, base, suffix = SCALED.get(unit, (PLAIN, 1.0, ""))
    prefix, factor = family[0]
    for name, least in family:
        if size * base >= least:
            prefix, factor = name, least
    if family is not PLAIN:
        return f" {prefix}{suffix}", factor / base
    return prefix + (f" {spelled}" if spelled and spelled[0] != "/" else spelled), factor


def _number(value: float, digits: int) -> str:
    if value == 0:
        return "0"
    places = min(12, max(0, digits - 1 - math.floor(math.log10(abs(value)))))
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
