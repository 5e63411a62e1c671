"""Deadlines in working time: by the days and hours of a place, without its holidays."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from operators.recurrence import check_recurrence, comes_at, next_turn_ms
from schema import Recurrence

LEAST_MINUTES = 60  # of work a day; bounds how far ahead a deadline can lie
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OFFICE = Recurrence(9 * 60, 17 * 60, "UTC", (0, 1, 2, 3, 4))


class WorkingTime(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The YAML section `triage.sla.work`: hours that begin and end on one day."""

    hours: Recurrence = _OFFICE
    holidays: tuple[str, ...] = ()  # "2026-12-25", by the calendar of the hours' zone

    def __post_init__(self) -> None:
        check_recurrence(self.hours)
        if self.hours.until_minute - self.hours.from_minute < LEAST_MINUTES:
            raise ValueError(
                f"hours must last at least {LEAST_MINUTES} minutes of one day, "
                f"got {(self.hours.from_minute, self.hours.until_minute)!r}"
            )
        for day in self.holidays:
            try:
                date.fromisoformat(day)
            except ValueError:
                raise ValueError(f"holidays must be like 2026-12-25, got {day!r}") from None

    def after(self, now_ms: int, working_ms: int) -> int:
        """Return the time at which so much working time has passed from `now_ms` on."""
        left_ms, at_ms = working_ms, now_ms
        while True:
            turn_ms = next_turn_ms(self.hours, at_ms)
            if turn_ms is None:  # hours that last less than a day have turns
                return at_ms + left_ms
            if comes_at(self.hours, at_ms) and self._day(at_ms) not in self.holidays:
                if left_ms <= turn_ms - at_ms:
                    return at_ms + left_ms
                left_ms -= turn_ms - at_ms
            at_ms = turn_ms

    def _day(self, at_ms: int) -> str:
        local = (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(ZoneInfo(self.hours.zone))
        return local.date().isoformat()
