"""Text times to milliseconds since 1970 UTC, without floats."""

import re
from datetime import date

MAX_TS_MS = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_MAX_CACHED = 65_536
_MAX_TEXT = 40
_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))",
    re.ASCII,
)


class TimeParser:
    """RFC 3339 with 0 to 9 fractional digits, cached: points of a minute share their text."""

    def __init__(self) -> None:
        self.known: dict[str | None, int] = {}  # what has been parsed

    def __call__(self, text: str) -> int | None:
        """Return milliseconds, rounded down; None if `text` is not a time with a zone."""
        found = self.known.get(text)
        if found is not None:
            return found
        if len(text) > _MAX_TEXT:
            return None
        parsed = parse_time(text)
        if parsed is not None:
            if len(self.known) >= _MAX_CACHED:
                self.known.clear()
            self.known[text] = parsed
        return parsed


def parse_time(text: str) -> int | None:
    """Return milliseconds since 1970 UTC, rounded down; None if not a time of 1970-9999 with zone.

    A leap second (`:60`) is the first second of the next minute, as in POSIX.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = map(int, match.group(1, 2, 3, 4, 5, 6))
    fraction, sign, zone_hour, zone_minute = match.group(7, 8, 9, 10)
    if hour > 23 or minute > 59 or second > 60:
        return None
    try:
        days = date(year, month, day).toordinal() - _EPOCH_DAY
    except ValueError:
        return None
    seconds = ((days * 24 + hour) * 60 + minute) * 60 + second
    if sign is not None:
        if int(zone_hour) > 23 or int(zone_minute) > 59:
            return None
        shift = (int(zone_hour) * 60 + int(zone_minute)) * 60
        seconds += -shift if sign == "+" else shift
    millis = int((fraction + "00")[:3]) if fraction else 0
    ts_ms = seconds * 1000 + millis
    return ts_ms if 0 <= ts_ms <= MAX_TS_MS else None
