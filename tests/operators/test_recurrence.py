from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.recurrence import check_recurrence, comes_at, next_turn_ms
from schema import Recurrence

MINUTE_MS = 60_000
NIGHTLY = Recurrence(150, 210, "Europe/Berlin")  # every day 02:30-03:30


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text + "+00:00").timestamp() * 1000)


def spells(recurs: Recurrence, start: str, end: str) -> list[tuple[str, str]]:
    """Return from when to when it is in force, in UTC, by its turns."""
    at, found = ms(start), list[tuple[str, str]]()
    begun = at if comes_at(recurs, at) else None
    while (turn := next_turn_ms(recurs, at)) is not None and turn <= ms(end):
        if begun is None:
            begun = turn
        else:
            found.append((_utc(begun), _utc(turn)))
            begun = None
        at = turn
    return found


def _utc(at_ms: int) -> str:
    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms):%m-%d %H:%M}"


CASES = [
    (
        "spring: what the clock skips never comes",
        NIGHTLY,
        ("2026-03-28T12:00", "2026-03-30T12:00"),
        [("03-29 01:00", "03-29 01:30"), ("03-30 00:30", "03-30 01:30")],
    ),
    (
        "the day before the change in spring",
        NIGHTLY,
        ("2026-03-27T12:00", "2026-03-28T12:00"),
        [("03-28 01:30", "03-28 02:30")],
    ),
    (
        "autumn: what the clock shows twice comes twice",
        NIGHTLY,
        ("2026-10-24T12:00", "2026-10-26T12:00"),
        [
            ("10-25 00:30", "10-25 01:00"),
            ("10-25 01:30", "10-25 02:30"),
            ("10-26 01:30", "10-26 02:30"),
        ],
    ),
    (
        "the day before the change in autumn",
        NIGHTLY,
        ("2026-10-23T12:00", "2026-10-24T12:00"),
        [("10-24 00:30", "10-24 01:30")],
    ),
    (
        "wholly within what is skipped",
        Recurrence(130, 170, "Europe/Berlin"),
        ("2026-03-28T12:00", "2026-03-30T12:00"),
        [("03-30 00:10", "03-30 00:50")],
    ),
    (
        "wholly within what is shown twice",
        Recurrence(130, 170, "Europe/Berlin"),
        ("2026-10-24T12:00", "2026-10-25T12:00"),
        [("10-25 00:10", "10-25 00:50"), ("10-25 01:10", "10-25 01:50")],
    ),
    (
        "over midnight, on the days on which it begins",
        Recurrence(22 * 60, 6 * 60, "America/New_York", (4,)),
        ("2026-06-01T00:00", "2026-06-15T00:00"),
        [("06-06 02:00", "06-06 10:00"), ("06-13 02:00", "06-13 10:00")],
    ),
    (
        "over midnight and the change of the clock",
        Recurrence(23 * 60, 5 * 60, "Europe/Berlin", (5,)),
        ("2026-03-27T00:00", "2026-03-31T00:00"),
        [("03-28 22:00", "03-29 03:00")],
    ),
    (
        "from one time to the same: a whole day",
        Recurrence(0, 0, "UTC", (6,)),
        ("2026-06-01T00:00", "2026-06-10T00:00"),
        [("06-07 00:00", "06-08 00:00")],
    ),
    (
        "a change of half an hour",
        Recurrence(120, 150, "Australia/Lord_Howe"),
        ("2026-04-04T00:00", "2026-04-05T00:00"),
        [("04-04 15:30", "04-04 16:00")],
    ),
]


@pytest.mark.parametrize(
    ("recurs", "over", "wanted"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_it_is_in_force_by_the_wall_clock(
    recurs: Recurrence, over: tuple[str, str], wanted: list[tuple[str, str]]
) -> None:
    assert spells(recurs, *over) == wanted


def test_a_silence_of_every_night_over_a_year_is_in_force_an_hour_but_for_two_nights() -> None:
    lengths: dict[str, int] = {}
    at, end = ms("2026-01-01T12:00"), ms("2027-01-01T12:00")
    while (begin := next_turn_ms(NIGHTLY, at) or end) < end:
        at = next_turn_ms(NIGHTLY, begin) or end
        day = f"{datetime.fromtimestamp(begin / 1000, ZoneInfo('Europe/Berlin')):%m-%d}"
        lengths[day] = lengths.get(day, 0) + (at - begin) // MINUTE_MS
    assert len(lengths) == 365
    unusual = {day: minutes for day, minutes in lengths.items() if minutes != 60}
    assert unusual == {"03-29": 30, "10-25": 90}


@pytest.mark.parametrize(
    ("minute", "wanted"), [("01:29", False), ("01:30", True), ("02:29", True), ("02:30", False)]
)
def test_its_borders_are_half_open(minute: str, wanted: bool) -> None:
    at = ms(f"2026-01-05T{minute}")
    assert comes_at(NIGHTLY, at) == wanted
    assert comes_at(NIGHTLY, at + MINUTE_MS - 1) == wanted


def test_what_is_always_in_force_has_no_turn() -> None:
    assert next_turn_ms(Recurrence(600, 600, "Europe/Berlin"), ms("2026-03-28T12:00")) is None


_minutes = st.integers(0, 1439)
_recurrences = st.builds(
    Recurrence,
    _minutes,
    _minutes,
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
    st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days))),
)
_times = st.one_of(
    st.integers(ms("2026-01-01T00:00"), ms("2027-01-01T00:00")),
    st.sampled_from(["2026-03-28T20:00", "2026-10-24T20:00", "2026-04-04T10:00"]).map(ms),
)


@settings(max_examples=60, deadline=None)
@given(_recurrences, _times)
def test_the_next_turn_is_the_first_minute_at_which_it_is_otherwise(
    recurs: Recurrence, at: int
) -> None:
    now = comes_at(recurs, at)
    first = (at // MINUTE_MS + 1) * MINUTE_MS
    other = (
        minute
        for minute in range(first, first + 9 * 1440 * MINUTE_MS, MINUTE_MS)
        if comes_at(recurs, minute) != now
    )
    assert next_turn_ms(recurs, at) == next(other, None)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"from_minute": 1440}, r"from_minute must be in \[0, 1440\), got 1440"),
        ({"until_minute": -1}, r"until_minute must be in \[0, 1440\), got -1"),
        ({"days": ()}, r"days must name some of 0 \(Monday\) to 6, got \(\)"),
        ({"days": (7,)}, "days must name some of"),
        ({"zone": "Europe"}, "zone must be a name .* got 'Europe'"),
        ({"zone": "Mars/Olympus"}, "zone must be a name .* got 'Mars/Olympus'"),
        ({"zone": "../../etc/passwd"}, "zone must be a name"),
        ({"zone": ""}, "zone must be a name"),
        ({"zone": "\0"}, "zone must be a name"),
    ],
)
def test_refuses_what_no_clock_can_tell(bad: dict[str, object], message: str) -> None:
    check_recurrence(NIGHTLY)
    with pytest.raises(ValueError, match=message):
        check_recurrence(msgspec.structs.replace(NIGHTLY, **bad))
