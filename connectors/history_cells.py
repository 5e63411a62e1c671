"""Cells of other tools' exports: times, numbers and names, however they are written."""

import math
from datetime import UTC, datetime

MAX_NAMES = 50
_FIRST_MS, LAST_MS = 631_152_000_000, 4_102_444_800_000  # 1990 to 2100
_SECONDS_BELOW = 10**11  # a larger number is milliseconds


def plain_name(name: str) -> str:
    """Return "createdAt", "Created At" and "created-at" as "created_at"."""
    out = ""
    for before, char in zip(" " + name, name, strict=False):
        if char.isupper() and (before.islower() or before.isdigit()):
            out += "_"
        out += char.lower() if char.isalnum() else "_"
    return out.strip("_")


def number_of(held: object) -> float | None:
    """Return a finite number; None where there is none."""
    if isinstance(held, bool) or not isinstance(held, int | float | str):
        return None
    try:
        value = float(held)
    except ValueError:
        return None
    return value if math.isfinite(value) and abs(value) < 1e15 else None


def time_ms_of(held: object) -> int | None:
    """Return a time as ms since 1970: ISO 8601, UTC if it names no zone, or epoch s or ms."""
    if isinstance(held, list):  # PagerDuty's acknowledgements: [{"at": ...}]
        times = [time_ms_of(each.get("at")) for each in held if isinstance(each, dict)]
        return min((each for each in times if each is not None), default=None)
    number = number_of(held)
    if number is not None:
        at_ms = round(number * 1000.0 if abs(number) < _SECONDS_BELOW else number)
    else:
        try:
            moment = datetime.fromisoformat(str(held).strip().replace(" UTC", "Z"))
        except ValueError:
            return None
        at_ms = round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    return at_ms if _FIRST_MS <= at_ms <= LAST_MS else None


def first_of(held: object) -> object:
    """Return a nested field's name, and of several the first."""
    if isinstance(held, list):
        return first_of(held[0]) if held else None
    if isinstance(held, dict):
        return next((held[name] for name in ("summary", "name", "id") if held.get(name)), None)
    return held


def name_of(held: object) -> str:
    """Return a name in one line, of several the first; "" where there is none."""
    found = first_of(held)
    return "" if found is None else " ".join(str(found).split())[:200]


def names_of(held: object) -> tuple[str, ...]:
    """Return names, of a list or of text with commas between; bounded."""
    if isinstance(held, str):
        held = held.replace(";", ",").split(",")
    listed = held if isinstance(held, list) else [] if held is None else [held]
    return tuple(filter(None, (name_of(each) for each in listed[:MAX_NAMES])))
