"""The curve of reliability is that of what was said and what was so."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.reliability import (
    APART_ROWS,
    EDGES,
    Judged,
    bins_of,
    calibration_error,
    kinds_of,
    most_likely,
    peaks,
    series_of,
)
from models.fusion import FusionSettings, confidence


def judged(*pairs: tuple[float, bool]) -> Judged:
    return Judged(np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs], np.bool_))


def test_a_bin_holds_its_lower_border_and_the_last_one_also_1() -> None:
    bins = bins_of(judged((0.5, True), (0.59, False), (0.6, True), (1.0, True)))
    assert [(each.least, each.size, each.was) for each in bins] == [
        (0.5, 2, 0.5),
        (0.6, 1, 1.0),
        (0.95, 1, 1.0),
    ]


def test_the_error_is_the_mean_distance_between_said_and_was_by_count() -> None:
    found = bins_of(judged((0.75, True), (0.75, True), (0.75, True), (0.75, False), (0.25, True)))
    assert calibration_error(found) == pytest.approx((4 * 0.0 + 1 * 0.75) / 5)


def test_of_nothing_there_is_no_error() -> None:
    assert np.isnan(calibration_error(bins_of(judged())))


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_bins_lose_nothing_and_lie_between_their_borders(pairs: list[tuple[float, bool]]) -> None:
    bins = bins_of(judged(*pairs))
    assert sum(each.size for each in bins) == len(pairs)
    assert all(each.least - 1e-12 <= each.said <= each.most + 1e-12 for each in bins)
    assert 0.0 <= calibration_error(bins) <= 1.0
    assert {each.least for each in bins} <= set(EDGES.tolist())


def test_what_is_most_likely_is_what_was_drawn_from() -> None:
    today = FusionSettings()
    rng = np.random.default_rng(1)
    score = rng.uniform(0.0, 8.0, 20_000)
    true = rng.random(score.size) < np.array([confidence(s, 5.0, 1.25) for s in score])
    said = np.array([confidence(s, today.even_at, today.steepness) for s in score])
    best = most_likely(Judged(said, true), today)
    assert best == pytest.approx((5.0, 1.25), rel=0.05)


@pytest.mark.parametrize("right", [True, False])
def test_nothing_is_most_likely_where_all_was_alike(right: bool) -> None:
    assert most_likely(judged((0.2, right), (0.9, right)), FusionSettings()) is None


def test_a_peak_is_the_first_of_the_highest_around_it() -> None:
    rows = np.zeros(4 * APART_ROWS)
    rows[[3, 5]] = 0.4
    rows[3 + 2 * APART_ROWS] = 0.2
    found = np.flatnonzero(peaks(rows))
    assert 3 in found
    assert 5 not in found
    assert 3 + 2 * APART_ROWS in found


def test_rows_near_a_label_are_right_and_the_probation_is_left_out(tmp_path: Path) -> None:
    data, scores = tmp_path / "data" / "family", tmp_path / "scores" / "family"
    data.mkdir(parents=True)
    scores.mkdir(parents=True)
    label = [0] * 100
    label[50] = 1
    lines = [f"2020-01-01 00:{i % 60:02d}:00,1,{each}" for i, each in enumerate(label)]
    (data / "a.csv").write_text("\n".join(["TimeStamp,Value,Label", *lines]))
    said = ["" if i < 20 else f"{i / 100}" for i in range(100)]
    lines = [f"{each},{int(i == 60)}" for i, each in enumerate(said)]
    (scores / "a.csv").write_text("\n".join(["confidence,is_anomaly", *lines]))
    (series,) = series_of(tmp_path, tmp_path / "scores")
    assert len(series.right) == 80  # 15 of probation lie within the 20 of warm-up
    assert (np.flatnonzero(series.right) + 20).tolist() == [47, 48, 49, 50, 51, 52, 53]
    kinds = kinds_of([series])
    assert kinds["alerts"].confidence.tolist() == [0.6]
    assert kinds["alerts"].right.tolist() == [False]
    assert kinds["peaks"].confidence.tolist() == [0.99]


def test_windows_name_what_is_right_with_both_borders(tmp_path: Path) -> None:
    for folder in ("data/family", "labels", "scores/family"):
        (tmp_path / folder).mkdir(parents=True)
    times = [f"2020-01-01 00:{i:02d}:00" for i in range(40)]
    (tmp_path / "data/family/a.csv").write_text(
        "\n".join(["timestamp,value", *(f"{each},1" for each in times)])
    )
    (tmp_path / "scores/family/a.csv").write_text(
        "\n".join(["confidence,is_anomaly", *(["0.1,0"] * 40)])
    )
    windows = {"family/a.csv": [[times[10], times[12]]]}
    (tmp_path / "labels/combined_windows.json").write_text(json.dumps(windows))
    (series,) = series_of(tmp_path, tmp_path / "scores")
    assert (np.flatnonzero(series.right) + 6).tolist() == [10, 11, 12]
