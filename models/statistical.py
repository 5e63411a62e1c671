"""Statistical detector: z-score and interquartile bounds against the series' own past.

Knows no rhythm: a metric that is high every morning is high for it every morning, which its
calibration learns to live with. It fails on strong seasons and on slow leaks, and is good for
what has none: counts, errors, steady levels.

Shape: works on the `(baseline.VIEWS,)` that `baseline.learn` writes for a sample, of a state of
`(baseline.WIDTH,)` float64 a series that the temporal detector shares.
Source: z-score (Shewhart, 1931); fences at 1.5 interquartile ranges (Tukey, 1977).
"""

import msgspec

from models.baseline import IQR_EXCESS, Z_MEAN
from models.jit import jit
from schema import F64


class StatisticalSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where z-score and fences call a value unusual: both are scaled to 1 there."""

    z: float = 3.0
    iqr: float = 1.5

    def __post_init__(self) -> None:
        for name in ("z", "iqr"):
            value = getattr(self, name)
            if not 0 < value <= 100:
                raise ValueError(f"{name} must be in (0, 100], got {value!r}")


@jit
def statistical_score(views: F64, direction: int, z: float, iqr: float) -> float:
    """Return how far outside a sample is, >= 0; 1 at the first of the two bounds.

    >>> import numpy as np
    >>> views = np.zeros(10)
    >>> views[Z_MEAN], views[IQR_EXCESS] = -6.0, -1.5
    >>> statistical_score(views, 0, 3.0, 1.5), statistical_score(views, 1, 3.0, 1.5)
    (2.0, 0.0)
    """
    return max(oriented(views[Z_MEAN], direction) / z, oriented(views[IQR_EXCESS], direction) / iqr)


@jit
def oriented(size: float, direction: int) -> float:
    """Return how far `size` goes where it hurts: 1 up, -1 down, 0 both ways; never below 0.

    >>> oriented(-2.0, 0), oriented(-2.0, 1), oriented(-2.0, -1)
    (2.0, 0.0, 2.0)
    """
    if direction == 0:
        return abs(size)
    return max(size * direction, 0.0)
