"""How well a model does on rows that it has not seen, and whether one does no worse than another.

Two things can go wrong with a model, and both are measured on the same recent rows, which are
ordinary but for the few faults among them. It may find too much of them odd: `above_tail`, the
share of rows above the tail that it was calibrated to, of which there should be 2 %. Or it may no
longer tell what is odd: `separation`, the chance that a row with one metric moved by some spreads
scores above a row that is as it was; a half is a guess, 1 never errs.
"""

import math
from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from models.calibration import QUANTILE, TAIL
from models.flat_forest import FlatForest, score_rows
from models.fusion import DETECTORS
from operators.layout import FEATURES, MISSING
from operators.shelf import ServiceModel
from operators.training import F32, RAW_SCALE, as_columns
from schema import F64

SHIFT_SPREADS = 3.0  # that a metric is moved by, in all its views
MAX_FEATURE = 12.0  # as features are clipped
NOISE = 2.0  # standard deviations of a share that two models may differ by
SEPARATION_SLACK = 0.02  # likewise, of a thousand rows


class Figures(msgspec.Struct, frozen=True):
    """How a model does on rows."""

    rows: int
    mean_score: float  # (0, 1]
    above_tail: float  # share of the rows
    separation: float  # [0, 1]


def figures_of(
    forest: FlatForest,
    tails: F64,
    names: Sequence[str],
    rows: F32,
    of: Sequence[str],
    weight: Callable[[str], float],
) -> Figures:
    """Judge a model of columns `names` by rows of columns `of`.

    Of the rows' metrics each is moved in turn, where it is not missing; they count by `weight`. One
    that the model does not look at is one that it cannot tell.
    """
    plain = _scores(forest, rows, of, names)
    above = float((plain * RAW_SCALE > tails[DETECTORS.index("isolation_forest"), QUANTILE]).mean())
    told = weights = 0.0
    for at in range(0, len(of), FEATURES):
        present = rows[:, at + MISSING] == 0.0
        share = weight(of[at].rpartition(":")[0])
        if share > 0.0 and present.any():
            moved = rows[present]
            views = slice(at, at + MISSING)
            moved[:, views] = np.minimum(moved[:, views] + np.float32(SHIFT_SPREADS), MAX_FEATURE)
            told += share * chance_above(_scores(forest, moved, of, names), plain)
            weights += share
    separation = told / weights if weights > 0.0 else 0.5
    return Figures(len(rows), float(plain.mean()), above, separation)


def figures_of_model(
    model: ServiceModel, rows: F32, of: Sequence[str], weight: Callable[[str], float]
) -> Figures:
    """Judge a model of the registry."""
    return figures_of(model.forest, model.tails, model.names, rows, of, weight)


def chance_above(scores: F64, others: F64) -> float:
    """Return the chance that one of `scores` is above one of `others`; of equal ones, half.

    >>> chance_above(np.array([3.0, 2.0]), np.array([1.0, 2.0]))
    0.875
    """
    ordered = np.sort(others)
    below = np.searchsorted(ordered, scores, "left") + np.searchsorted(ordered, scores, "right")
    return float(below.sum()) / (2.0 * len(scores) * len(others))


def what_is_worse(candidate: Figures, active: Figures) -> str:
    """Return in which respect a candidate does worse than the active model; "" if in none."""
    usual = max(active.above_tail, TAIL)
    allowed = usual + NOISE * math.sqrt(usual * (1.0 - usual) / candidate.rows)
    if candidate.above_tail > allowed:
        return (
            f"{candidate.above_tail:.1%} of recent rows are above its tail, "
            f"{active.above_tail:.1%} above that of the active one, {allowed:.1%} allowed"
        )
    if candidate.separation < active.separation - SEPARATION_SLACK:
        return (
            f"it tells a moved metric with {candidate.separation:.3f}, "
            f"the active one with {active.separation:.3f}"
        )
    return ""


def agreement(a: F64, b: F64) -> float:
    """Return the rank correlation of two models' scores of the same rows, in [-1, 1].

    >>> agreement(np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.5, 0.9]))
    1.0
    """
    x, y = _ranks(a), _ranks(b)
    spread = math.sqrt(float((x * x).sum()) * float((y * y).sum()))
    return float((x * y).sum()) / spread if spread > 0.0 else 1.0


def _ranks(scores: F64) -> F64:
    ordered = np.sort(scores)
    ranks = np.searchsorted(ordered, scores, "left") + np.searchsorted(ordered, scores, "right")
    return np.asarray(ranks - ranks.mean(), np.float64)


def _scores(forest: FlatForest, rows: F32, of: Sequence[str], names: Sequence[str]) -> F64:
    return score_rows(forest, as_columns(rows, of, names).astype(np.float64))
