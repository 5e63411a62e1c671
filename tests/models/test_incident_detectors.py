"""The detectors of tables: the first system's parameters, its errors, and what it got wrong."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.ensemble import IsolationForest

from models.incident_detectors import (
    INCIDENT_DETECTORS,
    NotFittedError,
    create_incident_detector,
)
from models.incident_table import TIMESTAMP

DRAW = np.random.default_rng(7)
ROWS = DRAW.normal(size=(200, 3))


def table(rows: npt.ArrayLike) -> dict[str, Any]:
    columns: dict[str, Any] = {f"c{i}": column for i, column in enumerate(np.asarray(rows).T)}
    columns["category"] = ["disk"] * len(np.asarray(rows))
    columns[TIMESTAMP] = np.arange(len(np.asarray(rows))) * 1000
    return columns


@pytest.mark.parametrize("name", sorted(INCIDENT_DETECTORS))
class TestEvery:
    def test_it_is_made_by_name_and_refuses_to_judge_before_it_is_fitted(self, name: str) -> None:
        detector = create_incident_detector(name)
        for ask in (detector.predict, detector.get_anomaly_scores, detector.shares):
            with pytest.raises(NotFittedError, match=f"{name} must be fitted before it can judge"):
                ask(table(ROWS))

    def test_a_table_without_numbers_or_with_one_row_is_refused(self, name: str) -> None:
        words: dict[str, Any] = {"category": ["disk", "net"], TIMESTAMP: [0, 1]}
        with pytest.raises(ValueError, match=r"column of numbers, got \['category', 'timestamp'\]"):
            create_incident_detector(name).fit(words)
        with pytest.raises(ValueError, match="2 rows or more, got 1"):
            create_incident_detector(name).fit(table(ROWS[:1]))

    def test_scores_are_finite_the_far_row_is_the_oddest_and_the_same_each_time(
        self, name: str
    ) -> None:
        detector = create_incident_detector(name).fit(table(ROWS))
        judged = table(np.vstack([ROWS, [9.0, -9.0, 9.0]]))
        scores = detector.get_anomaly_scores(judged)
        known = scores[~np.isnan(scores)]
        assert np.isfinite(known).all()
        assert scores[-1] == known.max()
        assert detector.predict(judged)[-1]
        again = create_incident_detector(name).fit(table(ROWS)).get_anomaly_scores(judged)
        assert np.array_equal(scores, again, equal_nan=True)

    def test_empty_and_infinite_cells_count_as_unknown(self, name: str) -> None:
        rows = ROWS.copy()
        rows[::7, 0], rows[::11, 1] = np.nan, np.inf
        detector = create_incident_detector(name).fit(table(rows))
        found = detector.get_anomaly_scores(table(rows))
        assert np.isfinite(found[2:]).all()
        assert not detector.predict(table(np.full((1, 3), np.nan)))[0]

    def test_a_data_frame_does_as_well(self, name: str) -> None:
        detector = create_incident_detector(name).fit(pd.DataFrame(table(ROWS)))  # type: ignore[arg-type]
        plain = create_incident_detector(name).fit(table(ROWS))
        assert detector.columns == plain.columns == ("c0", "c1", "c2")

    def test_parameters_that_are_not_its_own_are_refused(self, name: str) -> None:
        with pytest.raises(ValueError, match=f"parameters of '{name}': .*unknown field `depth`"):
            create_incident_detector(name, {"depth": 3})

    def test_a_column_that_is_missing_later_is_named(self, name: str) -> None:
        detector = create_incident_detector(name).fit(table(ROWS))
        with pytest.raises(ValueError, match=r"got none of \['c2'\]"):
            detector.predict(table(ROWS[:, :2]))


def test_an_unknown_algorithm_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"among .*'temporal'\], got 'oracle'"):
        create_incident_detector("oracle")


def test_the_parameters_are_the_first_systems() -> None:
    z = create_incident_detector("statistical").settings
    forest = create_incident_detector("isolation_forest").settings
    temporal = create_incident_detector("temporal").settings
    assert (z.z_threshold, z.iqr_multiplier) == (3.0, 1.5)
    assert (forest.contamination, forest.trees, forest.seed) == (0.1, 100, 42)
    assert (temporal.window_rows, temporal.multiplier) == (24, 2.0)


@pytest.mark.parametrize(
    ("name", "parameters", "said"),
    [
        ("statistical", {"z_threshold": 0}, "z_threshold must be in"),
        ("statistical", {"z_threshold": float("nan")}, "z_threshold must be in"),
        ("isolation_forest", {"contamination": 0.9}, "contamination must be in"),
        ("isolation_forest", {"trees": 0}, "trees must be in"),
        ("temporal", {"window_rows": 1}, "window_rows must be in"),
        ("temporal", {"least_spread": -1}, "least_spread must be in"),
    ],
)
def test_parameters_out_of_range_are_refused(
    name: str, parameters: dict[str, float], said: str
) -> None:
    with pytest.raises(ValueError, match=f"parameters of '{name}': {said}"):
        create_incident_detector(name, parameters)


def test_a_temporal_detector_needs_times_in_every_row() -> None:
    without = table(ROWS)
    del without[TIMESTAMP]
    with pytest.raises(ValueError, match="must have a column 'timestamp'"):
        create_incident_detector("temporal").fit(without)
    holes = table(ROWS) | {TIMESTAMP: [None, *range(199)]}
    with pytest.raises(ValueError, match="timestamp must be there in every row"):
        create_incident_detector("temporal").fit(holes)


def test_statistical_scores_are_deviations_and_fences_catch_what_they_miss() -> None:
    rows = np.array([[x, 0.0, 0.0] for x in (9, 10, 11, 10, 9, 11, 10, 10)], np.float64)
    detector = create_incident_detector("statistical").fit(table(rows))
    far = table([[12.0, 0.0, 0.0]])
    spread = rows[:, 0].std()
    assert detector.get_anomaly_scores(far)[0] == pytest.approx(2.0 / spread)
    assert 2.0 / spread < 3.0
    assert detector.predict(far)[0]  # beyond the fences


def test_the_forest_is_scikit_learns_and_stays_within_a_half() -> None:
    theirs = IsolationForest(n_estimators=100, contamination=0.1, random_state=42)
    standard = (ROWS - ROWS.mean(axis=0)) / ROWS.std(axis=0)
    theirs.fit(standard)
    detector = create_incident_detector("isolation_forest").fit(table(ROWS))
    scores = detector.get_anomaly_scores(table(ROWS))
    assert scores == pytest.approx(-theirs.decision_function(standard), abs=1e-9)
    assert np.abs(scores).max() < 0.5
    assert detector.predict(table(ROWS)).mean() == pytest.approx(0.1, abs=0.01)


def test_a_temporal_score_is_by_the_rows_before_alone() -> None:
    rows = np.array([[0.0], [1.0]] * 12 + [[5.0]])
    columns: dict[str, Any] = {"c0": rows[:, 0], TIMESTAMP: np.arange(25)}
    before = create_incident_detector("temporal").fit(columns).get_anomaly_scores(columns)
    assert before[-1] == pytest.approx(4.5 / 0.5)
    itself = create_incident_detector("temporal", {"with_itself": True}).fit(columns)
    assert itself.get_anomaly_scores(columns)[-1] == pytest.approx(
        (5.0 - rows[1:].mean()) / rows[1:].std()
    )
    assert np.isnan(before[:2]).all()  # nothing before them: no score, not a low one
