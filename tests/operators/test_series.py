from functools import cache

import numpy as np
import pytest

from models.baseline import WARM_UP
from operators.ingest import FOREVER_MS
from operators.keygroup import GroupSettings, KeyGroup
from operators.packing import Named, Packed, pack
from operators.series import SeriesVerdicts, judge_series, own_tick_ms
from schema import F64, I64, Resource, Series, stable_id
from tests.operators.small_estate import DETECT, catalogue

STEP_MS = 300_000
ROWS = 500
BROKEN = 400  # row from which the level is another; the second day


@cache
def example() -> tuple[I64, F64]:
    """Two days of noise, a level shift in the second."""
    value = np.random.default_rng(1).normal(10.0, 1.0, ROWS)
    value[BROKEN : BROKEN + 40] += 15.0
    return 1_400_000_000_000 + np.arange(ROWS) * STEP_MS, value


def judged(ts_ms: I64, value: F64) -> SeriesVerdicts:
    return judge_series(ts_ms, value, DETECT, catalogue(), 60)


@cache
def verdicts() -> SeriesVerdicts:
    return judged(*example())


def same(found: SeriesVerdicts, expected: SeriesVerdicts) -> bool:
    pairs = zip(found, expected, strict=True)
    return all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in pairs)


def at(verdicts: SeriesVerdicts, row: int | slice | I64) -> SeriesVerdicts:
    return SeriesVerdicts._make(column[row] for column in verdicts)


def test_the_alerts_are_those_of_a_key_group() -> None:
    ts_ms, value = example()
    series = Series(Resource("", "series", "", "", "any"), "value")
    key = series.resource.key
    named = Named(stable_id(f"{key}\n{series.stream_key}"), stable_id(key), int(ts_ms[0]), series)
    uid = np.full(ROWS, named.uid, np.uint64)
    group = KeyGroup(GroupSettings(1, 1, 60, DETECT, catalogue()), 0)
    group.feed(pack(Packed(0, 0, FOREVER_MS, int(ts_ms[-1]), True, uid, ts_ms, value, (named,))))
    word = group.close()
    assert word is not None
    opens = [a for a in word.anomalies if (a.kind, a.edge) == ("metrics", "open")]
    rows = np.flatnonzero(verdicts().is_anomaly)
    assert [a.tick_ms for a in opens] == (ts_ms[rows] // 60_000 * 60_000).tolist()
    assert [a.confidence for a in opens] == verdicts().confidence[rows].round(4).tolist()
    assert [a.evidence[0].expected for a in opens] == verdicts().expected[rows].tolist()
    assert [a.evidence[0].upper for a in opens] == verdicts().upper[rows].tolist()


def test_a_level_shift_is_one_alert_near_its_first_row() -> None:
    rows = np.flatnonzero(verdicts().is_anomaly)
    assert len(rows) == 1
    assert BROKEN <= rows[0] < BROKEN + 10
    assert verdicts().upper[BROKEN] < example()[1][BROKEN]


def test_the_score_stands_above_the_threshold_on_new_maxima_only() -> None:
    score = verdicts().anomaly_score[BROKEN : BROKEN + 40]
    high = score[score > DETECT.fusion.threshold]
    assert 0 < len(high) < len(score)
    assert np.all(np.diff(high) > 0)


def test_the_warm_up_has_no_verdict() -> None:
    known = ~np.isnan(verdicts().anomaly_score)
    assert not known[: WARM_UP + 1].any()
    assert known[WARM_UP + 12 :].all()
    for column in (verdicts().confidence, verdicts().expected, verdicts().lower):
        assert np.array_equal(~np.isnan(column), known)


@pytest.mark.parametrize("rows", [1, WARM_UP, 200, BROKEN + 5])
def test_a_verdict_depends_on_nothing_that_comes_after_it(rows: int) -> None:
    ts_ms, value = example()
    assert same(judged(ts_ms[:rows], value[:rows]), at(verdicts(), slice(rows)))


def test_rows_that_repeat_a_time_or_go_back_bear_the_verdict_before() -> None:
    ts_ms, value = example()
    rows = np.array([*range(300), 299, 250, *range(300, ROWS)])
    times, values = ts_ms[rows], value[rows]
    values[300:302] = 99.0
    found = judged(times, values)
    kept = np.delete(np.arange(ROWS + 2), [300, 301])
    assert same(at(found, kept), verdicts())
    assert found.anomaly_score[300:302].tolist() == [found.anomaly_score[299]] * 2
    assert found.upper[300:302].tolist() == [found.upper[299]] * 2


def test_a_repeated_row_is_no_second_alert() -> None:
    ts_ms, value = example()
    (row,) = np.flatnonzero(verdicts().is_anomaly)
    rows = np.insert(np.arange(ROWS), row, row)
    assert np.flatnonzero(judged(ts_ms[rows], value[rows]).is_anomaly).tolist() == [row]


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_rows_without_a_value_have_no_verdict_and_teach_nothing(broken: float) -> None:
    ts_ms, value = example()
    missing = np.array([0, 5, 100, 300, ROWS - 1])
    with_holes = value.copy()
    with_holes[missing] = broken
    found = judged(ts_ms, with_holes)
    assert np.isnan(found.anomaly_score[missing]).all()
    assert not found.is_anomaly[missing].any()
    kept = np.delete(np.arange(ROWS), missing)
    assert same(at(found, kept), judged(ts_ms[kept], value[kept]))


def test_nothing_is_said_of_a_series_without_values() -> None:
    nothing = judged(np.zeros(3, np.int64), np.full(3, np.nan))
    assert np.isnan(nothing.anomaly_score).all()
    assert len(judged(np.zeros(0, np.int64), np.zeros(0)).anomaly_score) == 0


def test_a_week_earlier_is_all_the_same_even_before_1970() -> None:
    ts_ms, value = example()
    weeks_ms = 3_000 * 7 * 86_400_000
    assert ts_ms[0] < weeks_ms
    assert same(judged(ts_ms - weeks_ms, value), verdicts())


@pytest.mark.parametrize(
    ("steps_ms", "tick_ms"),
    [
        ([], 60_000),
        ([300_000] * 50, 60_000),
        ([60_000] * 50, 60_000),
        ([10_000] * 50, 10_000),
        ([10_000, 0, -10_000] * 20, 10_000),
        ([10_000] * 20 + [250_000] * 15, 10_000),
        ([250] * 50, 250),
        ([300_000] * (WARM_UP - 1) + [10_000] * 100, 60_000),
    ],
)
def test_the_tick_is_a_minute_or_the_first_steps_if_shorter(
    steps_ms: list[int], tick_ms: int
) -> None:
    assert own_tick_ms(np.cumsum([0, *steps_ms]), 60) == tick_ms


def test_a_fast_series_is_judged_at_its_own_step() -> None:
    value = example()[1]
    found = judged(np.arange(ROWS) * 10_000, value)
    assert len(set(found.expected[100:].tolist())) == ROWS - 100  # none repeats its neighbour
