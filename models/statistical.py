"""Statistical detector: z-score, interquartile fences and change, against the series' own past.

Knows no rhythm and no shape: it says how rare a value is, and how rare its distance from the value
before. Where samples come minutes apart that is a poor judge, since spikes come every day; where
they come an hour apart they are nearly independent of each other, and the value says most. It fails
on strong seasons and on slow leaks.

Each of the three sizes x is taken as log(1 + x) and turned into a tail probability by the series'
own past and a prior; see `models.calibration.rarity`.

Shape: a state of `(WIDTH,)` float64 a series, beside the one of `models.baseline`.
Source: z-score (Shewhart, 1931); fences by interquartile ranges (Tukey, 1977).
"""

import msgspec
import numpy as np

from models.baseline import IQR_EXCESS, Z_CHANGE, Z_MEAN
from models.calibration import rarity
from models.jit import jit
from schema import F64

# state of a series: three tails, see `models.calibration`, and the two samples before; all float64
BEFORE, BEFORE_THAT = 9, 10
WIDTH = 11
_SIZES = 3

_PRIOR = (
    "prior_rows",
    "z_quantile",
    "z_excess",
    "fence_quantile",
    "fence_excess",
    "change_quantile",
    "change_excess",
)


class StatisticalSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The prior: 98th percentile of each size and mean excess above it, over many series."""

    prior_rows: float = 500.0  # rows that the prior is worth against the series' own
    z_quantile: float = 1.9
    z_excess: float = 1.0
    fence_quantile: float = 2.2
    fence_excess: float = 1.9
    change_quantile: float = 2.2
    change_excess: float = 1.0

    def __post_init__(self) -> None:
        for name in _PRIOR:
            value = getattr(self, name)
            if not 0 < value <= 1e9:
                raise ValueError(f"{name} must be in (0, 1e9], got {value!r}")

    @property
    def constants(self) -> F64:
        """Return the settings as the kernel takes them."""
        return np.array([getattr(self, name) for name in _PRIOR])


@jit
def judge(state: F64, views: F64, direction: int, constants: F64) -> float:
    """Judge a sample by its `models.baseline` views, where it hurts, then learn it.

    Returns how rare it is: the mean over the three sizes of -log10 of their tail probability,
    averaged over the last three samples; in [0, 8]. `state` is `(WIDTH,)` and is changed.

    >>> import numpy as np
    >>> views, state = np.zeros(10), np.zeros(WIDTH)
    >>> views[Z_MEAN], views[IQR_EXCESS], views[Z_CHANGE] = -9.0, -4.0, -12.0
    >>> constants = StatisticalSettings().constants
    >>> judge(state, views, 1, constants), round(judge(state, views, -1, constants), 2)
    (0.0, 0.55)
    """
    rare = 0.0
    for i in range(_SIZES):
        view = views[Z_MEAN] if i == 0 else views[IQR_EXCESS] if i == 1 else views[Z_CHANGE]
        tail = state[3 * i : 3 * i + 3]
        size = np.log1p(oriented(view, direction))
        rare += rarity(size, tail, constants[0], constants[2 * i + 1], constants[2 * i + 2])
    rare /= _SIZES
    mean = (rare + state[BEFORE] + state[BEFORE_THAT]) / 3.0
    state[BEFORE_THAT] = state[BEFORE]
    state[BEFORE] = rare
    return float(mean)


@jit
def oriented(size: float, direction: int) -> float:
    """Return how far `size` goes where it hurts: 1 up, -1 down, 0 both ways; never below 0.

    >>> oriented(-2.0, 0), oriented(-2.0, 1), oriented(-2.0, -1)
    (2.0, 0.0, 2.0)
    """
    if direction == 0:
        return abs(size)
    return max(size * direction, 0.0)
