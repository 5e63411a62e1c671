"""From a detector's raw score to how rare it is: a tail probability that detectors share.

Above its own 98th percentile a score's excess is taken as exponential (the exponential case of
the generalised Pareto law); below, rarity grows linearly. The percentile and the excess are
learned score by score, in three numbers a (resource, detector), and drawn towards those of the
whole cohort while the resource is young. The excess is learned by its median, not its mean, so
that the faults among the scores do not hide the next fault.

Source: peaks over threshold, Pickands (1975); stochastic quantile, Robbins and Monro (1951).
"""

import math

import msgspec

from models.jit import jit
from schema import F64

COUNT, QUANTILE, EXCESS = range(3)
WIDTH = 3
TAIL = 0.02  # share of scores above the quantile
AT_QUANTILE = -math.log10(TAIL)
LN10 = math.log(10.0)
MAX_SURPRISE = 16.0
MOST_RARE = 8.0
_LEAST_EXCESS = 0.5  # of the prior's: no series' own scores are taken to be closer together
_MEMORY_ROWS = 4_000.0  # scores after which the past fades, for `rarity`
_FEWEST_ROWS = 500.0  # that the start values of a tail are worth to itself, there
_MEDIAN = math.log(2.0)  # of an exponential law of mean 1
_MEDIAN_GAIN = 1.0 / _MEDIAN  # best step of a stochastic median of the excess' logarithm


class CalibrationSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much a resource's own scores count against its cohort's."""

    prior_rows: float = 2000.0  # rows that the cohort's tail is worth
    memory_rows: float = 20_000.0  # rows after which the past fades
    start_quantile: float = 3.0  # before anything is known
    start_excess: float = 0.5

    def __post_init__(self) -> None:
        for name in ("prior_rows", "memory_rows", "start_quantile", "start_excess"):
            value = getattr(self, name)
            if not 0 < value <= 1e9:
                raise ValueError(f"{name} must be in (0, 1e9], got {value!r}")


@jit
def learn_tail(tail: F64, raw: float, memory_rows: float) -> None:
    """Learn one raw score into `(3,)` count, quantile and excess."""
    tail[COUNT] += 1.0
    n = min(max(tail[COUNT], 100.0), memory_rows)
    step = tail[EXCESS] / (TAIL * n)
    over = raw - tail[QUANTILE]
    if over > 0.0:
        pace = _MEDIAN_GAIN / max(n * TAIL, 10.0)
        tail[EXCESS] *= math.exp(pace if over > _MEDIAN * tail[EXCESS] else -pace)
        tail[EXCESS] = max(tail[EXCESS], 1e-6)
        tail[QUANTILE] += min(step * (1.0 - TAIL), over)
    else:
        tail[QUANTILE] -= step * TAIL


@jit
def rarity(raw: float, tail: F64, prior_rows: float, quantile: float, excess: float) -> float:
    """Return -log10 of the tail probability of `raw`, in [0, 8], then learn it.

    `quantile` and `excess` are a prior that holds for series of many kinds. A series' own
    percentile counts only where it is higher, so that small wiggles of a calm series stay small.

    >>> import numpy as np
    >>> tail = np.zeros(3)
    >>> [round(rarity(raw, tail, 1000.0, 2.0, 0.5), 2) for raw in (0.0, 2.0, 3.0, 99.0)]
    [0.0, 1.7, 2.57, 8.0]
    """
    if tail[EXCESS] == 0.0:
        tail[QUANTILE] = quantile
        tail[EXCESS] = excess
    share = tail[COUNT] / (tail[COUNT] + prior_rows)
    quantile += share * max(tail[QUANTILE] - quantile, 0.0)
    excess += share * max(tail[EXCESS] - excess, (_LEAST_EXCESS - 1.0) * excess)
    tail[COUNT] += 1.0
    rows = min(max(tail[COUNT], _FEWEST_ROWS), _MEMORY_ROWS) * TAIL
    over = raw - tail[QUANTILE]
    if over > 0.0:
        tail[EXCESS] += (over - tail[EXCESS]) / rows
        tail[QUANTILE] += min(tail[EXCESS] / rows * (1.0 - TAIL), over)
    else:
        tail[QUANTILE] -= tail[EXCESS] / rows * TAIL
    if raw > quantile:
        return float(min(AT_QUANTILE + (raw - quantile) / (excess * LN10), MOST_RARE))
    return float(AT_QUANTILE * raw / quantile)


@jit
def surprise(raw: float, own: F64, cohort: F64, prior_rows: float) -> float:
    """Return -log10 of the probability of a score as high as `raw`, in [0, 16].

    >>> import numpy as np
    >>> tail = np.array([1000.0, 3.0, 0.5])
    >>> [round(surprise(raw, tail, tail, 1000.0), 2) for raw in (0.0, 3.0, 4.0, 6.0)]
    [0.0, 1.7, 2.57, 4.3]
    """
    share = own[COUNT] / (own[COUNT] + prior_rows)
    quantile = max(share * own[QUANTILE] + (1.0 - share) * cohort[QUANTILE], 1e-9)
    excess = max(share * own[EXCESS] + (1.0 - share) * cohort[EXCESS], 1e-9)
    if raw > quantile:
        return float(min(AT_QUANTILE + (raw - quantile) / (excess * LN10), MAX_SURPRISE))
    return float(AT_QUANTILE * max(raw, 0.0) / quantile)
