"""Named stretches of the week in which a route tells, or keeps quiet."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from operators.recurrence import comes_at, next_turn_ms, parse_recurrence
from schema import Recurrence

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_TURNS = 800  # of a year with a holiday a day


class TimeInterval(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One of the YAML mapping `notify.intervals`: days and times of a zone's wall clock."""

    every: str = "day"  # "weekday", "weekend", or days as in "mon,tue": on which it begins
    from_: str | int = msgspec.field(name="from", default="00:00")
    to: str | int = "24:00"  # at or before `from`: of the next day
    zone: str = "UTC"
    but_not: tuple[str, ...] = ()  # whole days of that zone, as in "2026-12-25"

    def __post_init__(self) -> None:
        self.recurrence()
        for day in self.but_not:
            try:
                date.fromisoformat(day)
            except ValueError:
                raise ValueError(f"but_not must be like 2026-12-25, got {day!r}") from None

    def recurrence(self) -> Recurrence:
        """Return the days and times, without the exceptions."""
        return parse_recurrence(self.every, self.from_, self.to, self.zone)

    def holds(self, now_ms: int) -> bool:
        """Tell whether it is that time."""
        return comes_at(self.recurrence(), now_ms) and self._day(now_ms) not in self.but_not

    def turn_ms(self, now_ms: int) -> int | None:
        """Return a time after `now_ms` before which the answer stays; None: it stays for good."""
        turn_ms = next_turn_ms(self.recurrence(), now_ms)
        if not self.but_not:
            return turn_ms
        tomorrow = date.fromisoformat(self._day(now_ms)) + timedelta(days=1)
        midnight = datetime.combine(tomorrow, time(), ZoneInfo(self.zone))
        midnight_ms = max(round(midnight.timestamp() * 1000), now_ms + 1)
        return midnight_ms if turn_ms is None else min(turn_ms, midnight_ms)

    def _day(self, now_ms: int) -> str:
        local = (_EPOCH + timedelta(milliseconds=now_ms)).astimezone(ZoneInfo(self.zone))
        return local.date().isoformat()


class Hours(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a route tells: in one of `active` (none: always), and in none of `mute`."""

    active: tuple[str, ...] = ()
    mute: tuple[str, ...] = ()


def muted_by(hours: Hours, intervals: Mapping[str, TimeInterval], now_ms: int) -> str:
    """Return why it is a time to keep quiet, in words; "" if it is not."""
    for name in hours.mute:
        if intervals[name].holds(now_ms):
            return f"quiet in {name}"
    if hours.active and not any(intervals[name].holds(now_ms) for name in hours.active):
        return f"told only in {' or '.join(hours.active)}"
    return ""


def heard_again_ms(hours: Hours, intervals: Mapping[str, TimeInterval], now_ms: int) -> int | None:
    """Return the first time from `now_ms` on at which it is no time to keep quiet; None: never.

    It looks so many turns of the clocks ahead as there are in a year.
    """
    names: Sequence[str] = (*hours.active, *hours.mute)
    at_ms = now_ms
    for _ in range(_MAX_TURNS):
        if not muted_by(hours, intervals, at_ms):
            return at_ms
        turns = [turn for name in names if (turn := intervals[name].turn_ms(at_ms)) is not None]
        if not turns:
            return None
        at_ms = min(turns)
    return None
