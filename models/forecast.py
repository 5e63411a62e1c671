"""Forecast detector: a climb so long and so steady that this series hardly ever has one.

Leaks and filling disks move a little each sample, always the same way: at no time is a sample far
from its neighbours, and when the level is far off at last, it is late. So the *climb* is judged:
two exponential means of the residual, a quick one and a slow one, whose distance is the slope times
the difference of their lengths, in units of its own learned spread. A step is no trend: a single
change counts for no more than a few usual ones, so that the means never learn of a jump that the
series has made. A jump back is counted in full, so that a recovery ends the climb.

A trend is seen only in a *smooth* series, whose neighbours differ little against how far it wanders
(memory, disks, queues); of what jumps about, like latency or errors, the baseline's means say the
same sooner. What the resource's load does at the same time is no leak: the caller takes off as much
of the climb as the load's own is unusual.

State of a series: one row of `WIDTH` float64, zeros at first; `judge(state, ...)` moves it on by a
sample. Unit of what it returns: spreads of the series' own climbs, where it hurts. It fails on what
climbs no faster than the series wanders in an hour (a leak over days: the baseline's level follows
it), on staircases whose steps are far apart, and where the rhythm has not been learned.

Sources: distance of two exponential means as a trend, Brown (1959), Appel (1979, "MACD"); clipped
changes, Huber (1964); noise by neighbours' differences against the spread, von Neumann (1941).
"""

import math

import msgspec
import numpy as np

from models.jit import jit
from schema import F64

# state of a series; all float64
(
    SEEN,
    LAST,  # residual
    LAST_TICK,
    CHANGE,  # mean size of the difference of neighbours
    SIZE,  # mean size of the residual
    QUICK,  # how far the residual is above its quick mean, jumps left out
    SLOW,  # above its slow mean
    SPREAD,  # mean size of the distance of the two
    HEIGHT,  # climb in the metric's unit, within the slow mean's reach
    SINCE,  # tick at which the present climb of a smooth series began, -1: none
    FROM,  # value then
    CLIMB,  # in spreads, what `judge` returned last; of a rough series too, 0 of a young one
) = range(12)
TAIL = 12  # here the series' own tail begins, see `models.calibration`
WIDTH = 15

# places of settings among the constants
QUICK_GAIN, SLOW_GAIN, MEMORY_TICKS, JUMP, ROUGHEST, FARTHEST_TICKS, WARM_UP_TICKS = range(7)

WARM_UP = 240  # samples at least before anything is said
_SETTLED = 60  # samples before jumps are told from changes, and climbs from the beginning
_TO_DEVIATION = 1.2533141373155003  # mean absolute deviation to deviation, normal law
_CALM = 1.0  # spreads below which a climb is over
_FIRM = 3.0  # from which it is worth a word
_LONGEST_GAP = 3.0  # steps; over a longer one nothing is known of the change
_FLOOR = 0.05  # of the smallest change of interest: no change is taken to be smaller
_LEAST_RATIO = 2e-4  # of the value
_WILD = 6.0  # spreads; what is larger teaches the spread no more than this
_MOST = 50.0
_MAX_SIZE = 1e100


class ForecastSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which climbs are looked for, and in which series."""

    quick: float = 8.0  # samples
    slow: float = 60.0  # samples
    warm_up_h: float = 48.0  # before anything is said: a rhythm of days climbs too
    spread_h: float = 24.0  # over which the usual is learned
    jump: float = 2.0  # usual changes from which a change is a jump
    load_spreads: float = 1.5  # of the climb of the resource's load that explain nothing yet
    roughest: float = 0.4  # usual change of neighbours against the residual's spread
    farthest_h: float = 24.0  # a limit that is farther away is not told

    def __post_init__(self) -> None:
        if not 1 <= self.quick < self.slow <= 10_000:
            raise ValueError(
                "quick and slow must be 1 <= quick < slow <= 10000, "
                f"got {(self.quick, self.slow)!r}"
            )
        for name in ("warm_up_h", "spread_h", "jump", "farthest_h"):
            value = getattr(self, name)
            if not 1 <= value <= 10_000:
                raise ValueError(f"{name} must be in [1, 10000], got {value!r}")
        for name in ("load_spreads", "roughest"):
            value = getattr(self, name)
            if not 0 < value <= 100:
                raise ValueError(f"{name} must be in (0, 100], got {value!r}")

    def constants(self, tick_s: float) -> F64:
        """Return the settings as the kernels take them: lengths in ticks where they are times."""
        hour = 3600.0 / tick_s
        return np.array(
            [
                1.0 / self.quick,
                1.0 / self.slow,
                self.spread_h * hour,
                self.jump,
                self.roughest,
                self.farthest_h * hour,
                self.warm_up_h * hour,
            ]
        )


@jit
def _counted(change: float, usual: float, climbed: float, jump: float) -> float:
    """Return what of a change is part of a trend; a fall takes back all that was climbed."""
    most = jump * _TO_DEVIATION * usual
    if change > most:
        return most
    return max(change, -max(most, climbed))


@jit
def judge(
    state: F64,
    value: float,
    residual: float,
    tick: float,
    step: float,
    direction: int,
    least: float,
    constants: F64,
) -> float:
    """Learn a sample; return how unusual the climb is that it is part of.

    `residual` is what level and rhythm leave of `value`, `step` the usual ticks between samples,
    `direction` 1 where rising hurts, else -1, `least` the smallest change of interest. In [-50, 50]
    spreads, below 0 where it gets better; NaN while the series is young, and while it is rough.
    `state` is `(WIDTH,)` and changed.

    >>> import numpy as np
    >>> state, constants = np.zeros(WIDTH), ForecastSettings(warm_up_h=4.0).constants(60.0)
    >>> def climb(tick, x):
    ...     x += math.sin(tick / 150.0) + (tick * 7919 % 101) / 500.0
    ...     return round(judge(state, 50.0 + x, x, tick, 1.0, 1, 1.0, constants), 1)
    >>> usual = [climb(tick, 0.0) for tick in range(3000)]
    >>> jump = [climb(3000 + tick, 4.0) for tick in range(1000)]
    >>> leak = [climb(4000 + tick, 4.0 + tick / 10.0) for tick in range(60)]
    >>> usual[0], max(usual[WARM_UP:]), max(jump), leak[9], leak[59]
    (nan, 1.3, 1.3, 1.7, 9.8)
    """
    residual = min(max(residual, -_MAX_SIZE), _MAX_SIZE)
    n = state[SEEN]
    change = direction * (residual - state[LAST])
    if n == 0.0 or tick - state[LAST_TICK] > _LONGEST_GAP * max(step, 1.0):
        change = 0.0
    floor = max(_FLOOR * least, _LEAST_RATIO * abs(value), 1e-9)
    memory = max(constants[MEMORY_TICKS] / max(step, 1.0), 4.0 * _SETTLED)
    size = abs(change)
    away = abs(residual)
    if n >= _SETTLED:
        away = min(away, _WILD * max(state[SIZE], floor))
        usual = max(state[CHANGE], floor)
        size = min(size, 2.0 * constants[JUMP] * usual)
        change = _counted(change, usual, state[SLOW], constants[JUMP])
    state[CHANGE] += (size - state[CHANGE]) / min(n + 1.0, memory)
    state[SIZE] += (away - state[SIZE]) / min(n + 1.0, memory)
    state[QUICK] = (1.0 - constants[QUICK_GAIN]) * (state[QUICK] + change)
    state[SLOW] = (1.0 - constants[SLOW_GAIN]) * (state[SLOW] + change)
    distance = state[SLOW] - state[QUICK]
    spread = max(state[SPREAD], 2.0 * floor)
    climb = min(max(distance / (_TO_DEVIATION * spread), -_MOST), _MOST)
    if n >= _SETTLED:
        size = abs(distance) if n < WARM_UP else min(abs(distance), _WILD * spread)
        state[SPREAD] += (size - state[SPREAD]) / min(n - _SETTLED + 1.0, memory)
    state[SEEN] = n + 1.0
    state[LAST] = residual
    state[LAST_TICK] = tick
    if n < max(WARM_UP, constants[WARM_UP_TICKS] / max(step, 1.0)):
        state[SINCE] = -1.0
        return math.nan
    smooth = state[CHANGE] <= constants[ROUGHEST] * state[SIZE]
    if climb < _CALM or not smooth:
        state[SINCE] = -1.0
    elif state[SINCE] < 0.0:
        state[SINCE] = tick
        state[FROM] = value
    state[HEIGHT] = state[SLOW]
    state[CLIMB] = climb
    return float(climb) if smooth else math.nan


@jit
def climbs_since(state: F64) -> float:
    """Return the tick at which the present climb began, -1 where there is none worth a word.

    >>> import numpy as np
    >>> state = np.zeros(WIDTH)
    >>> state[CLIMB], state[SINCE] = 4.0, 170.0
    >>> climbs_since(state)
    170.0
    """
    return float(state[SINCE]) if state[CLIMB] >= _FIRM else -1.0


@jit
def ticks_left(state: F64, value: float, tick: float, limit: float, constants: F64) -> float:
    """Return in how many ticks the climb reaches `limit` at the pace that it has had, NaN: never.

    Never is also what is farther away than the settings' `farthest_h`, or further than ten times
    as long as the climb has been seen.

    >>> import numpy as np
    >>> state, constants = np.zeros(WIDTH), ForecastSettings().constants(60.0)
    >>> state[CLIMB], state[SINCE], state[FROM] = 4.0, 100.0, 70.0
    >>> ticks_left(state, 80.0, 120.0, 100.0, constants)
    40.0
    >>> ticks_left(state, 70.1, 120.0, 100.0, constants)
    nan
    """
    since = climbs_since(state)
    elapsed = tick - since
    moved = value - state[FROM]
    if since < 0.0 or elapsed <= 0.0 or (limit - value) * moved <= 0.0:
        return math.nan
    left = elapsed * (limit - value) / moved
    return float(left) if left <= min(constants[FARTHEST_TICKS], 10.0 * elapsed) else math.nan
