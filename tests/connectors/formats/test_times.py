from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.formats.times import MAX_TS_MS, TimeParser, parse_time


@pytest.mark.parametrize(
    ("text", "ts_ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2019-02-19T21:00:00.829121Z", 1550610000829),
        ("2025-07-14T12:45:00.0000000Z", 1752497100000),
        ("2019-02-19T21:00:00.829999999Z", 1550610000829),
        ("2019-02-19T21:00:00.8Z", 1550610000800),
        ("2019-02-19t21:00:00z", 1550610000000),
        ("2019-02-19 21:00:00Z", 1550610000000),
        ("2019-02-19T22:30:00+01:30", 1550610000000),
        ("2019-02-19T19:30:00-01:30", 1550610000000),
        ("2016-12-31T23:59:60Z", 1483228800000),
        ("2024-02-29T00:00:00Z", 1709164800000),
        ("9999-12-31T23:59:59.999999999Z", MAX_TS_MS),
    ],
)
def test_a_time_with_zone_is_read_to_the_millisecond_and_rounded_down(
    text: str, ts_ms: int
) -> None:
    assert parse_time(text) == ts_ms


@pytest.mark.parametrize(
    "text",
    ["", "2019-02-19", "2019-02-19T21:00:00", "2019-02-19T21:00Z", "2019-02-29T00:00:00Z",
     "2019-13-01T00:00:00Z", "2019-02-19T24:00:00Z", "2019-02-19T21:60:00Z",
     "2019-02-19T21:00:61Z", "2019-02-19T21:00:00.Z", "2019-02-19T21:00:00.1234567890Z",
     "2019-02-19T21:00:00+24:00", "2019-02-19T21:00:00+0100", "1969-12-31T23:59:59Z",
     "0000-01-01T00:00:00Z", "２０１９-02-19T21:00:00Z", "2019-02-19T21:00:00Z\n"],  # noqa: RUF001
)  # fmt: skip
def test_anything_else_is_no_time(text: str) -> None:
    assert parse_time(text) is None
    assert TimeParser()(text) is None


@given(
    st.datetimes(
        datetime.fromisoformat("1970-01-01"),
        datetime.fromisoformat("9999-12-31"),
        timezones=st.just(UTC),
    )
)
def test_agrees_with_the_standard_library(moment: datetime) -> None:
    expected = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // (moment.resolution * 1000)
    assert parse_time(moment.isoformat().replace("+00:00", "Z")) == expected


def test_the_cache_answers_the_same_and_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.formats.times._MAX_CACHED", 3)
    parser = TimeParser()
    for second in [*range(10), *range(10)]:
        assert parser(f"1970-01-01T00:00:0{second}Z") == second * 1000
        assert len(parser.known) <= 3
