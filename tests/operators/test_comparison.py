"""A candidate beside the active model, on rows that neither has seen."""

import numpy as np
import pytest

from models import calibration
from models.flat_forest import score_rows
from models.fusion import DETECTORS
from models.isolation_forest import fit_forest
from operators.comparison import Figures, agreement, chance_above, figures_of, what_is_worse
from operators.reservoir import VIEW_NAMES
from operators.training import F32, RAW_SCALE, tail_of
from schema import F64

N = len(VIEW_NAMES)
NAMES = tuple(f"{metric}:{view}" for metric in ("cpu", "disk") for view in VIEW_NAMES)


def rows(seed: int, count: int = 400, spread: float = 1.0) -> F32:
    found = np.random.default_rng(seed).normal(0.0, spread, (count, len(NAMES)))
    found[:, N - 1 :: N] = 0.0  # nothing is missing
    return found.astype(np.float32)


def tails(raw: F64) -> F64:
    out = np.zeros((len(DETECTORS), calibration.WIDTH))
    out[DETECTORS.index("isolation_forest")] = tail_of(raw * RAW_SCALE)
    return out


def figures(fitted: F32, judged: F32, names: tuple[str, ...] = NAMES) -> Figures:
    own = fitted[:, : len(names)].astype(np.float64)
    forest = fit_forest(own, 20, 128, seed=1)
    tail = tails(score_rows(forest, own))
    return figures_of(forest, tail, names, judged, NAMES, lambda _: 1.0)


def test_a_model_of_the_same_normal_has_two_percent_above_its_tail_and_tells_what_moved() -> None:
    found = figures(rows(1), rows(2, 2_000))
    assert 0.01 < found.above_tail < 0.06
    assert 0.8 < found.separation < 1.0
    assert what_is_worse(found, found) == ""


def test_a_model_of_a_quieter_past_finds_too_much_odd() -> None:
    judged = rows(2, 2_000)
    quiet, right = figures(rows(1, spread=0.4), judged), figures(rows(1), judged)
    assert "of recent rows are above its tail" in what_is_worse(quiet, right)
    assert what_is_worse(right, quiet) == ""


def test_a_model_of_a_wilder_past_no_longer_tells_what_moved() -> None:
    judged = rows(2, 2_000)
    wild, right = figures(rows(1, spread=6.0), judged), figures(rows(1), judged)
    assert wild.above_tail <= right.above_tail
    assert "it tells a moved metric with" in what_is_worse(wild, right)


def test_a_metric_that_a_model_does_not_look_at_is_one_that_it_cannot_tell() -> None:
    judged = rows(2, 1_000)
    half = figures(rows(1), judged, NAMES[:N])
    assert half.separation < figures(rows(1), judged).separation - 0.1


def test_rows_in_which_every_metric_is_missing_tell_nothing() -> None:
    nothing = np.zeros((100, len(NAMES)), np.float32)
    nothing[:, N - 1 :: N] = 1.0
    assert figures(rows(1), nothing).separation == 0.5


@pytest.mark.parametrize(
    ("candidate", "active", "worse"),
    [
        ((1_000, 0.02, 0.9), (0.02, 0.9), ""),
        ((1_000, 0.028, 0.9), (0.0, 0.9), ""),  # 2 % is what a tail is for, and 0.9 % is chance
        ((1_000, 0.029, 0.9), (0.0, 0.9), "tail"),
        ((1_000, 0.11, 0.9), (0.1, 0.9), ""),
        ((1_000, 0.02, 0.881), (0.02, 0.9), ""),
        ((1_000, 0.02, 0.879), (0.02, 0.9), "moved"),
    ],
)
def test_worse_is_what_chance_does_not_explain(
    candidate: tuple[int, float, float], active: tuple[float, float], worse: str
) -> None:
    count, above, separation = candidate
    said = what_is_worse(Figures(count, 0.4, above, separation), Figures(count, 0.4, *active))
    assert worse in said
    assert bool(said) == bool(worse)


def test_scores_all_alike_are_a_guess_and_the_reverse_order_disagrees() -> None:
    assert chance_above(np.ones(5), np.ones(3)) == 0.5
    line = np.arange(9.0)
    assert agreement(line, -line) == pytest.approx(-1.0)
    assert agreement(line, np.exp(line)) == pytest.approx(1.0)
    assert agreement(line, np.ones(9)) == 1.0
