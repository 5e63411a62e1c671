"""When something recurs: by the wall clock of a time zone, whatever its clock does.

In force is whenever the zone's wall clock reads so. Where the clock is put forward, the times that
it skips never come: 02:30-03:30 lasts from 03:00 to 03:30 that day, and 02:10-02:50 is left out.
Where it is put back, the times that it shows twice come twice: 02:30-03:30 is in force until the
clock is put back at 03:00, not from then (02:00) on, and again from the second 02:30 to 03:30.
Source: Alertmanager's time intervals, which do the same.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from schema import Recurrence

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_GROUPS = {"day": tuple(range(7)), "weekday": (0, 1, 2, 3, 4), "weekend": (5, 6)}
_TIME = re.compile(r"(\d{1,2}):(\d{2})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE_MS, _DAY_MS = 60_000, 86_400_000
_LOOK_AHEAD_DAYS = 9  # a week, and what a change of the clock can move


def check_recurrence(recurs: Recurrence) -> None:
    """Raise ValueError for one that never comes or that no clock can tell."""
    for name in ("from_minute", "until_minute"):
        if not 0 <= getattr(recurs, name) < 1440:
            raise ValueError(f"{name} must be in [0, 1440), got {getattr(recurs, name)!r}")
    if not recurs.days or not set(recurs.days) <= set(range(7)):
        raise ValueError(f"days must name some of 0 (Monday) to 6, got {recurs.days!r}")
    check_zone(recurs.zone)


def check_zone(name: str) -> None:
    """Raise ValueError for what is no time zone."""
    try:
        _zone(name)
    except (ValueError, LookupError, OSError):  # no name; not there; a folder
        raise ValueError(
            f'zone must be a name as "Europe/Berlin" of the IANA data base, got {name!r}'
        ) from None


def parse_recurrence(every: str, from_: str | int, to: str | int, zone: str) -> Recurrence:
    """Return what people write, checked.

    >>> parse_recurrence("mon,fri", "22:00", "6:30", "Europe/Berlin")
    Recurrence(from_minute=1320, until_minute=390, zone='Europe/Berlin', days=(0, 4))
    """
    days = {day for name in every.split(",") for day in _days(name.strip().lower(), every)}
    recurs = Recurrence(_minute("from", from_), _minute("to", to), zone, tuple(sorted(days)))
    check_recurrence(recurs)
    return recurs


def shown_recurrence(recurs: Recurrence) -> str:
    """Return it in words.

    >>> shown_recurrence(Recurrence(150, 210, "Europe/Berlin"))
    'every day 02:30-03:30 Europe/Berlin'
    """
    group = next((name for name, days in _GROUPS.items() if days == recurs.days), "")
    days = group or ", ".join(DAYS[day] for day in recurs.days)
    clock = "-".join(
        f"{minute // 60:02}:{minute % 60:02}"
        for minute in (recurs.from_minute, recurs.until_minute)
    )
    return f"every {days} {clock} {recurs.zone}"


def comes_at(recurs: Recurrence, now_ms: int) -> bool:
    """Tell whether it is in force at a time."""
    local_ms = now_ms + _offset_ms(recurs.zone, now_ms)
    day, minute = local_ms // _DAY_MS, local_ms % _DAY_MS // _MINUTE_MS
    today, yesterday = (_weekday(day) in recurs.days, _weekday(day - 1) in recurs.days)
    if recurs.from_minute < recurs.until_minute:
        return today and recurs.from_minute <= minute < recurs.until_minute
    return (today and minute >= recurs.from_minute) or (yesterday and minute < recurs.until_minute)


def next_turn_ms(recurs: Recurrence, now_ms: int) -> int | None:
    """Return the first time after `now_ms` at which it begins or ends; None: it always is.

    The clock's offset is the same for days; within such a stretch the turns are those of the
    clock's readings, and its end may be a turn itself.
    """
    now = comes_at(recurs, now_ms)
    at_ms = now_ms
    for _ in range(2 * _LOOK_AHEAD_DAYS):
        end_ms = _steady_until_ms(recurs.zone, at_ms)
        offset_ms = _offset_ms(recurs.zone, at_ms)
        midnight_ms = (at_ms + offset_ms) // _DAY_MS * _DAY_MS - offset_ms
        turns = sorted(
            midnight_ms + day * _DAY_MS + minute * _MINUTE_MS
            for day in (0, 1)
            for minute in (recurs.from_minute, recurs.until_minute, 0)
        )
        for turn_ms in (*turns, end_ms):
            if at_ms < turn_ms <= end_ms and comes_at(recurs, turn_ms) != now:
                return turn_ms
        at_ms = end_ms
    return None


def _steady_until_ms(zone: str, from_ms: int) -> int:
    """Return a day later, or the first time at which the zone's offset is another."""
    low, high = from_ms, from_ms + _DAY_MS
    offset_ms = _offset_ms(zone, low)
    if _offset_ms(zone, high) == offset_ms:
        return high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset_ms(zone, middle) == offset_ms else (low, middle)
    return high


def _offset_ms(zone: str, now_ms: int) -> int:
    """Return by how much the zone's wall clock is ahead of UTC."""
    offset = (_EPOCH + timedelta(milliseconds=now_ms)).astimezone(_zone(zone)).utcoffset()
    return 0 if offset is None else round(offset.total_seconds() * 1000)


def _days(name: str, every: str) -> tuple[int, ...]:
    if name in _GROUPS:
        return _GROUPS[name]
    if name not in DAYS:
        raise ValueError(f"every must be {', '.join(_GROUPS)} or days as in mon,tue, got {every!r}")
    return (DAYS.index(name),)


def _minute(name: str, time: str | int) -> int:
    """Return the minute of the day; YAML reads 12:30 without quotes as a number, 750."""
    if isinstance(time, int):
        hour, minute = divmod(time, 60)
    else:
        found = _TIME.fullmatch(time)
        hour, minute = (int(found[1]), int(found[2])) if found else (99, 0)
    if not (0 <= hour < 24 and 0 <= minute < 60) and (hour, minute) != (24, 0):
        raise ValueError(f"{name} must be a time of the day as in 02:30, got {time!r}")
    return (hour * 60 + minute) % 1440


def _weekday(day: int) -> int:
    """Return 0 for a Monday; day 0 is 1 January 1970, a Thursday."""
    return (day + 3) % 7


@lru_cache(maxsize=1_000)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
