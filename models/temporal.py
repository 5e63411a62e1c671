"""Temporal detector: what is left when level, rhythm and load are taken off.

Three views of the residual - the sample, its short and its middle-long mean - see spikes, level
shifts and slow leaks; each is in units of its own spread. Fails where there is no past of a day
yet (the rhythm is then part of the residual) and where the rhythm itself moves.

Shape: works on the `(baseline.VIEWS,)` that `baseline.learn` writes for a sample; the rhythm is
`(season.SEASON,)` float32 a series.
Source: additive level and season, Holt (1957) and Winters (1960), learned from clipped residuals,
Gelper, Fried and Croux (2010).
"""

import math

import msgspec

from models.baseline import Z_MIDDLE, Z_SHORT, Z
from models.jit import jit
from models.statistical import oriented
from schema import F64


class TemporalSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Shares of the three views."""

    sample: float = 0.5
    short: float = 1.0
    middle: float = 1.0

    def __post_init__(self) -> None:
        for name in ("sample", "short", "middle"):
            value = getattr(self, name)
            if not 0 <= value <= 10:
                raise ValueError(f"{name} must be in [0, 10], got {value!r}")


@jit
def temporal_score(views: F64, direction: int, sample: float, short: float, middle: float) -> float:
    """Return the length of the three views' vector, >= 0, in spreads, where it hurts.

    >>> import numpy as np
    >>> views = np.zeros(10)
    >>> views[Z], views[Z_SHORT], views[Z_MIDDLE] = 6.0, 4.0, -2.0
    >>> temporal_score(views, 1, 0.5, 1.0, 1.0)
    5.0
    """
    a = sample * oriented(views[Z], direction)
    b = short * oriented(views[Z_SHORT], direction)
    c = middle * oriented(views[Z_MIDDLE], direction)
    return math.sqrt(a * a + b * b + c * c)
