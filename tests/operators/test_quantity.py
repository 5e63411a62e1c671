import doctest
import math

import pytest

from operators import quantity as module
from operators.quantity import band, clock, quantity, span
from tests.operators.edges import at


def test_the_examples_of_the_docstrings_hold() -> None:
    result = doctest.testmod(module)
    assert (result.failed, result.attempted) == (0, 4)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0, "percent", "0 %"),
        (100.0, "percent", "100 %"),
        (12_345.0, "percent", "12345 %"),
        (0.00123456, "ratio", "0.00123"),
        (0.00123456, "ppm", "0.00123 ppm"),
        (42.0, "1/s", "42/s"),
        (12_300.0, "1/s", "12.3k/s"),
        (-93.27, "percent", "-93.3 %"),
        (999.0, "ms", "999 ms"),
        (1_000.0, "ms", "1 s"),
        (90.0, "seconds", "1.5 min"),
        (0.25, "s", "250 ms"),
        (1_500.0, "us", "1.5 ms"),
        (1.5, "us", "0.0015 ms"),
        (999.0, "bytes", "999 B"),
        (1_000.0, "bytes", "1 kB"),
        (3.21e15, "bytes", "3.21 PB"),
        (2_500_000.0, "bytes/s", "2.5 MB/s"),
        (12_300.0, "count", "12.3k"),
        (12_300.0, "requests/s", "12.3k requests/s"),
        (1_000_000.0, "", "1M"),
        (42.0, "", "42"),
        (math.nan, "percent", "unknown"),
        (math.inf, "percent", "unknown"),
    ],
)
def test_a_quantity_reads_as_people_write_it(value: float, unit: str, text: str) -> None:
    assert quantity(value, unit) == text


@pytest.mark.parametrize(
    ("lower", "upper", "unit", "text"),
    [
        (41.0, 48.0, "percent", "41-48 %"),
        (41.0, 41.0, "percent", "41 %"),
        (-3.0, 5.0, "percent", "-3 to 5 %"),
        (800.0, 1_200.0, "ms", "0.8-1.2 s"),
        (0.0, 2e9, "bytes", "0-2 GB"),
        (5.0, math.inf, "ms", "at least 5 ms"),
        (-math.inf, math.inf, "ms", "unknown"),
        (math.nan, 1.0, "", "up to 1"),
    ],
)
def test_a_band_names_its_unit_once(lower: float, upper: float, unit: str, text: str) -> None:
    assert band(lower, upper, unit) == text


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0 s"),
        (999, "0 s"),
        (60_000, "1 min"),
        (61_000, "1 min 1 s"),
        (3_601_000, "1 h"),
        (3_660_000, "1 h 1 min"),
        (90_000_000, "1 d 1 h"),
        (-5, "0 s"),
    ],
)
def test_a_span_has_its_two_largest_units(ms: int, text: str) -> None:
    assert span(ms) == text


def test_a_time_of_another_day_has_its_date() -> None:
    assert clock(at(0), at(719)) == "12:00 UTC"
    assert clock(at(0), at(720)) == "2026-03-01 12:00 UTC"
