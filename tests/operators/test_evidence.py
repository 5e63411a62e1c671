"""A followed series keeps a bounded number of points, and those that show most."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.evidence import EvidenceSettings, Point, Track


def track(recalled: int = 0) -> Track:
    return Track(1, 0, 1.0, [Point(at, 0.0, 0.0, 1.0) for at in range(recalled)], recalled)


def test_points_are_kept_as_they_come_while_there_is_room() -> None:
    one = track(2)
    points = [Point(at, float(at), 0.0, 1.0) for at in range(2, 10)]
    for point in points:
        one.add(point, 10)
    assert one.points[2:] == points


def test_of_each_stretch_the_point_that_is_farthest_off_stays() -> None:
    one = track()
    values = [0, 5, 1, 1, -7, 2, 0, 0, 3, 4, -4, 1]
    for at, value in enumerate(values):
        one.add(Point(at, float(value), 0.0, 1.0), 8)
    assert [point.value for point in one.points] == [5.0, 1.0, -7.0, 0.0, 4.0, -4.0]
    assert one.stride == 2


@given(st.integers(0, 40), st.integers(1, 500), st.integers(50, 60))
def test_there_are_never_too_many_and_what_came_before_stays(
    recalled: int, more: int, most: int
) -> None:
    one = track(recalled)
    for at in range(more):
        one.add(Point(recalled + at, 100.0 if at == more // 2 else 1.0, 0.0, 1.0), most)
        assert len(one.points) <= most + 1
    assert [point.tick for point in one.points[:recalled]] == list(range(recalled))
    assert max(point.value for point in one.points) == 100.0
    ticks = [point.tick for point in one.points]
    assert ticks == sorted(set(ticks))


def test_where_nothing_is_expected_nothing_is_far() -> None:
    assert Point(0, 5.0, math.nan, math.nan).far == 0.0
    assert Point(0, 5.0, 3.0, 0.5).far == 4.0


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("members", 0, r"members must be in \[1, 20\], got 0"),
        ("metrics", 9, r"metrics must be in \[1, 8\], got 9"),
        ("points", 10, r"points must be in \[20, 2000\], got 10"),
        ("before", 240, r"before must be at most points - 10, got \(240, 240\)"),
        ("every_s", 1.0, r"every_s must be in \[60, 86400\] s, got 1.0"),
        ("every_s", float("nan"), r"every_s must be in \[60, 86400\] s, got nan"),
    ],
)
def test_settings_that_make_no_sense_are_refused(name: str, value: float, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        msgspec.convert({name: value}, EvidenceSettings)
