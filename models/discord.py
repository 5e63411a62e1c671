"""Discord detector: how far the last few points are from anything that the series has done before.

The distance of the last 2 and the last 5 points to the nearest run of as many points in the
series' own bounded past, in units of a slowly learned scale: a discord, found as it happens. It
sees new levels, new shapes and broken rhythms, whatever the law of the values, and forgives what
has happened before, however odd it looks. Fails on what repeats (the second outage of a kind is
half as odd), on slow drifts (each step has a neighbour), and where noise fills the plane.

The scale is the larger of the deviation (median absolute, so outliers do not count) and a share
of the plain one (so a series that is nearly always constant has a scale at all), plus the usual
change between neighbours.

Sources: discords, Keogh, Lin and Fu (2005), HOT SAX; distance to the nearest neighbour as a
score, Ramaswamy, Rastogi and Shim (2000); on streams, Burnaev and Ishimtsev (2016).
"""

import math

import msgspec
import numpy as np
import numpy.typing as npt

from models.calibration import rarity
from models.jit import jit
from schema import F64

F32 = npt.NDArray[np.float32]

# state of a series; all float64
(
    SEEN,
    MEDIAN,
    SPREAD,  # median absolute deviation
    MEAN,
    VARIANCE,
    CHANGE,  # mean size of the difference of neighbours
    BEFORE,  # surprise of the sample before
    BEFORE_THAT,
) = range(8)
TAILS = 8  # here the series' own tails begin, one a length, see `models.calibration`
WIDTH = 14

WARM_UP = 40  # samples before anything is said
_TO_DEVIATION = 1.4826  # median absolute deviation to deviation, normal law
_YOUNG = 50.0  # samples that are averaged before the median is followed
_LEAST_PACE = 0.002
_LEAST_RATIO = 2e-4  # of the median: no scale is taken to be smaller
_MAX_SIZE = 1e18  # larger values count as this, so that their squares stay finite in 32 bits
_SHORT, _LONG = 2, 5  # points


_PRIOR = ("prior_rows", "short_quantile", "short_excess", "long_quantile", "long_excess")


class DiscordSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much past there is and how the scale is made. Memory: 4 bytes a sample of `past`."""

    past: int = 1_000  # samples
    memory: float = 3_000.0  # samples over which the scale is learned
    plain_share: float = 0.3  # of the plain deviation
    change_share: float = 0.5  # of the usual change
    prior_rows: float = 500.0  # rows that the prior is worth against the series' own scores
    # The prior: 98th percentile of the scores of the two lengths, and mean excess above it, over
    # series of many kinds; see `models.calibration.rarity`.
    short_quantile: float = 0.2
    short_excess: float = 0.42
    long_quantile: float = 0.53
    long_excess: float = 0.56

    def __post_init__(self) -> None:
        if not 50 <= self.past <= 100_000:
            raise ValueError(f"past must be in [50, 100000], got {self.past!r}")
        if not 100 <= self.memory <= 1e6:
            raise ValueError(f"memory must be in [100, 1e6], got {self.memory!r}")
        for name in ("plain_share", "change_share"):
            value = getattr(self, name)
            if not 0 <= value <= 10:
                raise ValueError(f"{name} must be in [0, 10], got {value!r}")
        for name in _PRIOR:
            value = getattr(self, name)
            if not 0 < value <= 1e9:
                raise ValueError(f"{name} must be in (0, 1e9], got {value!r}")
        if not self.plain_share + self.change_share > 0:
            raise ValueError("plain_share and change_share must not both be 0")

    @property
    def constants(self) -> F64:
        """Return the settings as the kernels take them."""
        prior = [getattr(self, name) for name in _PRIOR]
        return np.array([self.memory, self.plain_share, self.change_share, *prior])


@jit
def scale_of(state: F64, constants: F64) -> float:
    """Return what distances are measured by."""
    spread = max(_TO_DEVIATION * state[SPREAD], constants[1] * math.sqrt(state[VARIANCE]))
    spread += constants[2] * state[CHANGE]
    return float(max(spread, _LEAST_RATIO * abs(state[MEDIAN]), 1e-9))


@jit
def _least(distances: F32) -> float:
    """Return the least of some distances; changes them.

    The upper half is folded onto the lower one, since the processor compares pairs many at once.
    """
    left = distances.size
    while left > 1:
        half = (left + 1) // 2
        low, high = distances[: left - half], distances[half:left]
        for i in range(high.size):
            low[i] = np.minimum(low[i], high[i])
        left = half
    return float(distances[0])


@jit
def _nearest(past: F32, seen: int) -> tuple[float, float]:
    """Return the least mean square distances of the last 2 and 5 samples to earlier runs.

    `past` is a ring: sample i lies at i modulo its size, the newest is `seen` - 1.
    """
    count = min(seen, past.size)
    line = np.empty(count, np.float32)  # the past in order
    older, newer = past[seen % past.size : count], past[: seen % past.size]
    if seen < past.size:
        older, newer = past[:count], past[:0]
    for i in range(older.size):
        line[i] = older[i]
    rest = line[older.size :]
    for i in range(rest.size):
        rest[i] = newer[i]
    p4, p3, p2, p1, p0 = line, line[1:], line[2:], line[3:], line[4:]
    e, d, c, b, a = line[-5], line[-4], line[-3], line[-2], line[-1]
    near = np.empty(count - _LONG - 1, np.float32)  # to runs of 2 from the fifth sample on
    for i in range(near.size):
        near[i] = (a - p0[i]) * (a - p0[i]) + (b - p1[i]) * (b - p1[i])
    far = np.empty(count - 2 * _LONG + 1, np.float32)  # to runs of 5
    for i in range(far.size):
        far[i] = (
            near[i]
            + (c - p2[i]) * (c - p2[i])
            + (d - p3[i]) * (d - p3[i])
            + (e - p4[i]) * (e - p4[i])
        )
    return _least(near) / _SHORT, _least(far) / _LONG


@jit
def _follow(state: F64, x: float, last: float, memory: float) -> None:
    """Learn the scale's parts."""
    n = state[SEEN]
    gain = 1.0 / min(n + 1.0, memory)
    pace = state[SPREAD] * max(3.0 * gain, _LEAST_PACE)
    if n < _YOUNG:
        state[MEDIAN] += (x - state[MEDIAN]) / (n + 1.0)
        state[SPREAD] += (abs(x - state[MEDIAN]) - state[SPREAD]) / (n + 1.0)
    else:
        state[MEDIAN] += pace * np.sign(x - state[MEDIAN])
        state[SPREAD] += pace * np.sign(abs(x - state[MEDIAN]) - state[SPREAD])
    away = x - state[MEAN]
    state[MEAN] += gain * away
    state[VARIANCE] += gain * (away * away * (1.0 - gain) - state[VARIANCE])
    if n > 0.0:
        change = abs(x - last)
        if n > 30.0:
            change = min(change, 5.0 * state[CHANGE] + 1e-9)
        state[CHANGE] += max(gain, _LEAST_PACE) * (change - state[CHANGE])


@jit
def judge(state: F64, past: F32, x: float, constants: F64) -> float:
    """Judge `x` by what came before it, then learn it; NaN while the series is young.

    Returns how rare the last points are: the geometric mean over both lengths of -log10 of their
    tail probability, averaged over the last three samples; in [0, 8]. Geometric, since what is new
    is new at both lengths. `state` is `(WIDTH,)`, `past`
    `(settings.past,)`; both are changed.

    >>> import numpy as np
    >>> settings = DiscordSettings(past=100)
    >>> state, past = np.zeros(WIDTH), np.zeros(settings.past, np.float32)
    >>> def score(x): return round(judge(state, past, x, settings.constants), 2)
    >>> wave = [score(10.0 + i % 4) for i in range(100)]
    >>> wave[0], wave[-1], score(11.5), score(30.0)
    (nan, 0.0, 0.44, 1.42)
    """
    x = min(max(x, -_MAX_SIZE), _MAX_SIZE)
    seen = int(state[SEEN])
    last = past[(seen - 1) % past.size] if seen else np.float32(x)
    scale = scale_of(state, constants)
    past[seen % past.size] = x
    _follow(state, x, float(last), constants[0])
    state[SEEN] = seen + 1.0
    if seen < WARM_UP:
        return math.nan
    short, long = _nearest(past, seen + 1)
    rare_short = rarity(
        math.log1p(math.sqrt(short) / scale),
        state[TAILS : TAILS + 3],
        constants[3],
        constants[4],
        constants[5],
    )
    rare_long = rarity(
        math.log1p(math.sqrt(long) / scale),
        state[TAILS + 3 :],
        constants[3],
        constants[6],
        constants[7],
    )
    rare = math.sqrt(rare_short * rare_long)
    mean = (rare + state[BEFORE] + state[BEFORE_THAT]) / 3.0
    state[BEFORE_THAT] = state[BEFORE]
    state[BEFORE] = rare
    return float(mean)
