from itertools import permutations
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.ticks import LARGEST, MEAN, SMALLEST, SUM, Order, TickBuffer, ordered, rule_of

Row = tuple[int, int, float]  # series, time, value
TICK_MS = 60_000


def columns(
    rows: list[Row],
) -> tuple[
    "np.ndarray[tuple[int], np.dtype[np.int32]]",
    "np.ndarray[tuple[int], np.dtype[np.int64]]",
    "np.ndarray[tuple[int], np.dtype[np.float64]]",
]:
    return (
        np.array([r[0] for r in rows], np.int32),
        np.array([r[1] for r in rows], np.int64),
        np.array([r[2] for r in rows], np.float64),
    )


def merged(rows: list[Row], rule: int = MEAN, series: int = 3) -> list[Row]:
    """Order rows of series whose rank is the reverse of their number, all of one cohort."""
    ids = np.arange(series, dtype=np.int32)
    order = Order(
        np.zeros(series, np.int32),
        ids[::-1].copy(),
        np.full(series, rule, np.int32),
        ids.astype(np.uint64),
    )
    out = ordered(*columns(rows), TICK_MS, order)
    return list(zip(*(column.tolist() for column in out), strict=True))


@pytest.mark.parametrize(
    ("statistic", "rule"),
    [
        ("sum", SUM), ("count", SUM), ("max", LARGEST), ("min", SMALLEST), ("mean", MEAN),
        ("p99", MEAN), ("whatever", MEAN),
    ],
)  # fmt: skip
def test_a_statistic_decides_how_samples_merge(statistic: str, rule: int) -> None:
    assert rule_of(statistic) == rule


@pytest.mark.parametrize(
    ("rule", "wanted"), [(MEAN, 4.0), (SUM, 12.0), (LARGEST, 7.0), (SMALLEST, 2.0)]
)
def test_several_samples_of_a_tick_become_one(rule: int, wanted: float) -> None:
    assert merged([(0, 1, 7.0), (0, 2, 2.0), (0, 59_999, 3.0)], rule) == [(0, 0, wanted)]


@pytest.mark.parametrize("rule", [MEAN, SUM, LARGEST, SMALLEST])
def test_of_equal_times_the_largest_value_counts_once(rule: int) -> None:
    assert merged([(0, 5, 1.0), (0, 5, 9.0), (0, 5, 9.0)], rule) == [(0, 0, 9.0)]


def test_the_borders_of_a_tick_are_half_open() -> None:
    rows = [(0, 59_999, 1.0), (0, 60_000, 2.0), (0, 119_999, 4.0), (0, 120_000, 5.0)]
    assert merged(rows) == [(0, 0, 1.0), (0, 1, 3.0), (0, 2, 5.0)]


def test_ticks_before_1970_are_ticks_too() -> None:
    assert merged([(0, -1, 1.0), (0, 0, 2.0)]) == [(0, -1, 1.0), (0, 0, 2.0)]


def test_rows_leave_by_cohort_then_tick_then_rank() -> None:
    rows = [(0, 0, 1.0), (1, 0, 2.0), (2, 0, 3.0), (0, 60_000, 4.0), (2, 60_000, 5.0)]
    cohort, rank = np.array([1, 0, 1], np.int32), np.array([1, 0, 0], np.int32)
    order = Order(cohort, rank, np.zeros(3, np.int32), np.arange(3, dtype=np.uint64))
    series, tick, _ = ordered(*columns(rows), TICK_MS, order)
    assert list(zip(series.tolist(), tick.tolist(), strict=True)) == [
        (1, 0), (2, 0), (0, 0), (2, 1), (0, 1),
    ]  # fmt: skip


def test_sums_do_not_depend_on_the_order_of_arrival() -> None:
    rows = [(0, i, value) for i, value in enumerate((1e16, 1.0, -1e16, 3.0))]
    assert len({merged(list(some), SUM)[0][2] for some in permutations(rows)}) == 1


ROWS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(-200_000, 200_000), st.floats(-1e9, 1e9)),
    min_size=1,
)


@given(ROWS, st.sampled_from([MEAN, SUM, LARGEST, SMALLEST]), st.randoms())
def test_any_order_gives_the_same_rows(rows: list[Row], rule: int, random: Random) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert merged(shuffled, rule) == merged(rows, rule)


@given(ROWS)
def test_each_series_has_at_most_one_row_a_tick_and_none_is_lost(rows: list[Row]) -> None:
    found = [(series, tick) for series, tick, _ in merged(rows)]
    assert found == sorted(set(found), key=lambda at: (at[1], -at[0]))
    assert set(found) == {(series, ts // TICK_MS) for series, ts, _ in rows}


# ------------------------------------------------------------------ the buffer


def taken(buffer: TickBuffer, until_ms: int) -> list[Row]:
    return list(zip(*(column.tolist() for column in buffer.take(until_ms)), strict=True))


def test_an_empty_buffer_gives_nothing() -> None:
    assert taken(TickBuffer(), 10) == []


def test_takes_what_lies_before_and_keeps_the_rest() -> None:
    buffer = TickBuffer()
    buffer.add(*columns([(0, 9, 1.0), (1, 10, 2.0)]))
    buffer.add(*columns([]))
    buffer.add(*columns([(2, 11, 3.0), (0, 8, 4.0)]))
    assert taken(buffer, 10) == [(0, 9, 1.0), (0, 8, 4.0)]
    assert taken(buffer, 10) == []
    assert taken(buffer, 12) == [(1, 10, 2.0), (2, 11, 3.0)]
    assert len(buffer.columns()[0]) == 0


@given(st.lists(ROWS, max_size=5), st.lists(st.integers(-200_000, 200_001)))
def test_every_sample_leaves_exactly_once(batches: list[list[Row]], bounds: list[int]) -> None:
    buffer = TickBuffer()
    got: list[Row] = []
    for i, rows in enumerate(batches):
        buffer.add(*columns(rows))
        for until_ms in bounds[i : i + 1]:
            out = taken(buffer, until_ms)
            assert all(ts < until_ms for _, ts, _ in out)
            got += out
    got += taken(buffer, 200_001)
    assert sorted(got) == sorted(row for rows in batches for row in rows)
