"""Tests."""

import math

import numpy as np
import pytest

from models.calibration import COUNT, EXCESS, QUANTILE, CalibrationSettings, learn_tail, surprise
from models.fusion import DETECTORS, FusionSettings, confidence, fuse
from schema import F64


def learned(scores: F64, start: tuple[float, float] = (3.0, 0.5)) -> F64:
    tail = np.array([0.0, *start])
    for raw in scores:
        learn_tail(tail, float(raw), 20_000.0)
    return tail


def test_the_percentile_and_the_excess_of_an_exponential_law_are_found() -> None:
    tail = learned(np.random.default_rng(1).exponential(2.0, 20_000))
    assert tail[QUANTILE] == pytest.approx(2.0 * math.log(50), rel=0.15)
    assert tail[EXCESS] == pytest.approx(2.0, rel=0.3)


def test_a_surprise_of_three_comes_once_in_a_thousand() -> None:
    rng = np.random.default_rng(2)
    tail = learned(rng.exponential(1.0, 20_000))
    seen = [surprise(raw, tail, tail, 1000.0) >= 3.0 for raw in rng.exponential(1.0, 50_000)]
    assert 0.0003 < np.mean(seen) < 0.003


def test_faults_among_the_scores_do_not_hide_the_next_one() -> None:
    rng = np.random.default_rng(3)
    scores = rng.exponential(1.0, 20_000)
    faulty = scores.copy()
    faulty[10_000:10_100] += 30
    clean, hit = learned(scores), learned(faulty)
    assert surprise(15.0, hit, hit, 1000.0) > 0.6 * surprise(15.0, clean, clean, 1000.0)


def test_surprise_grows_with_the_score_and_is_bounded() -> None:
    tail = np.array([5000.0, 3.0, 0.5])
    sizes = [surprise(raw, tail, tail, 1000.0) for raw in np.linspace(-1, 100, 500)]
    assert sizes == sorted(sizes)
    assert sizes[0] == 0.0
    assert sizes[-1] == 16.0


def test_a_young_resource_is_judged_by_its_cohort() -> None:
    own, cohort = np.array([10.0, 1.0, 0.1]), np.array([1e6, 5.0, 1.0])
    by_cohort = surprise(5.0, cohort, cohort, 1000.0)
    assert surprise(5.0, own, cohort, 1000.0) == pytest.approx(by_cohort, rel=0.2)
    own[COUNT] = 1e6
    assert surprise(5.0, own, cohort, 1000.0) > 10


def test_a_detector_without_a_score_has_no_vote() -> None:
    votes = np.array(FusionSettings().votes)
    assert len(votes) == len(DETECTORS)
    alone = np.array([math.nan, 3.0, math.nan, math.nan])
    assert fuse(alone, votes) == 3.0
    assert math.isnan(fuse(np.full(4, math.nan), votes))


def test_a_detector_that_is_switched_off_does_not_count() -> None:
    assert fuse(np.array([9.0, 3.0]), np.array([0.0, 1.0])) == 3.0


def test_confidence_is_even_at_the_threshold() -> None:
    assert confidence(4.0, 4.0, 1.5) == 0.5
    assert confidence(0.0, 4.0, 1.5) < 0.01
    assert confidence(16.0, 4.0, 1.5) > 0.99


@pytest.mark.parametrize("field", ["prior_rows", "memory_rows", "start_quantile", "start_excess"])
@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_calibration_settings_are_checked(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=field):
        CalibrationSettings(**{field: value})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"temporal": -1.0}, "votes must be in"),
        (dict.fromkeys(DETECTORS, 0.0), "at least one vote"),
        ({"even_at": 0.0}, "even_at"),
        ({"threshold": 17.0}, "threshold"),
        ({"steepness": math.nan}, "steepness"),
        ({"smooth_samples": 0.5}, "smooth_samples"),
    ],
)
def test_fusion_settings_are_checked(given: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FusionSettings(**given)
