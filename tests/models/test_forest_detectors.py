"""The forests as objects: their libraries' scores, and when a forest is grown anew."""

import numpy as np
import pytest
from river import anomaly
from sklearn.ensemble import IsolationForest as Reference

from models.forest_detectors import HalfSpaces, IsolationForest
from models.half_space_trees import HalfSpaceTreesSettings
from models.isolation_forest import IsolationForestSettings
from schema import F64

SMALL = IsolationForestSettings(
    trees=10, max_samples=64, min_rows=100, reservoir_rows=150, refit_s=6_000
)


def rows_of(n: int, seed: int = 1) -> F64:
    return np.random.default_rng(seed).normal(size=(n, 3))


def test_scores_are_those_of_scikit_learn_on_the_rows_that_were_fitted() -> None:
    rows = rows_of(140)
    detector = IsolationForest(SMALL).fit(rows)
    reference = Reference(n_estimators=10, max_samples=64, random_state=SMALL.seed).fit(rows)
    asked = rows_of(50, 2) * 3
    np.testing.assert_allclose(
        detector.get_anomaly_scores(asked), -reference.score_samples(asked), rtol=0, atol=1e-9
    )


def test_scores_are_those_of_river_on_squashed_rows() -> None:
    given = HalfSpaceTreesSettings(trees=10, height=6, window=50)
    river = anomaly.HalfSpaceTrees(n_trees=10, height=6, window_size=50, seed=given.seed)
    detector = HalfSpaces(given)
    for i, row in enumerate(rows_of(200)):
        keyed = dict(enumerate((1.0 / (1.0 + np.exp(-0.5 * row))).tolist()))
        score = detector.judge(row)
        if i >= 50:
            assert score == pytest.approx(river.score_one(keyed), abs=1e-9)
        river.learn_one(keyed)


@pytest.mark.parametrize("fitted", [False, True])
def test_a_forest_is_grown_anew_when_its_time_is_over_and_not_before(fitted: bool) -> None:
    detector = IsolationForest(SMALL)
    rows = rows_of(100)
    if fitted:
        detector.fit(rows)
    else:
        for row in rows:
            detector.learn(row)
    asked = np.array([2.0, -1.0, 0.5])
    first = detector.score(asked)
    for tick in range(100, 198):  # 6,000 s are 100 ticks
        detector.learn(rows_of(1, tick)[0], tick)
    assert detector.score(asked, 500) == first
    detector.learn(rows_of(1)[0], 199)
    assert detector.score(asked, 500) != first


def test_less_than_the_least_number_of_rows_gives_no_forest() -> None:
    detector = IsolationForest(SMALL).fit(rows_of(99))
    assert detector.score([0.0, 0.0, 0.0]) is None
    assert not detector.predict(np.full((1, 3), 99.0)).any()
    assert detector.fit(rows_of(1)).score([0.0, 0.0, 0.0]) is not None
