"""What is normal for one series: level, rhythm and spread, learned sample by sample.

A series' state is one row of float64 (`WIDTH` long) and one row of `models.season`, so
that a thousand series are two arrays and one pass of compiled code. Nothing here depends on how
many samples come at once.

- The *level* follows the series slowly (half a day), the *season* holds what an hour of the day
  adds, and what the weekend adds to that, interpolated between the hours' middles; both learn
  from the clipped residual (Huber, 1964), so that an outage does not become the new normal, but
  a change that stays does within a day. While an hour has not been seen yet, the spread is as wide
  as the whole day's, so that the first morning is no alarm.
- What the resource's *load* explains is taken off: the slope of the metric on the load is learned
  over the day, so that a surge of traffic does not make its processor look broken.
- Three views of the residual - the sample, a short and a middle-long mean - are each divided by
  their own learned spread, which makes them comparable whatever the noise's autocorrelation.
"""

import math

import msgspec
import numpy as np

from models.jit import jit
from models.season import DAY_SEEN, SEASON, WEEKEND_SEEN, rhythm_at, teach_rhythm
from schema import F64

# state of a series; all float64
(
    SEEN,  # samples so far
    LAST,  # last value
    LAST_TICK,
    STEP,  # usual distance of samples, ticks
    VOTES,  # how sure of it (Boyer-Moore majority vote)
    LEVEL,
    SPREAD,  # of the residual
    SHORT,  # mean of the last few residuals
    SHORT_SPREAD,
    MIDDLE,  # mean of some dozens
    MIDDLE_SPREAD,
    CHANGE_SPREAD,  # of the difference of neighbours
    MEAN,  # plain, over about a day
    DEVIATION,  # plain, over about a day
    QUARTILE_1,
    QUARTILE_3,
    LOAD_PRODUCT,  # mean of residual x load residual
    LOAD_SQUARE,
    OUT_SINCE,  # tick at which the residual left its band, -1 inside
    IN_BAND,  # samples back inside
) = range(20)
TAIL = 20  # here the series' own tail begins, see `models.calibration`
REST = 23  # mean size of the residual, outliers in full
OUTSIDE = 24  # what the time outside of the band, as long as it lasts, will add to that
WIDTH = 25

# what `learn` returns for a sample
(
    Z,  # robust z of the residual
    Z_SHORT,  # of the short mean
    Z_MIDDLE,  # of the middle-long mean
    Z_CHANGE,  # of the change since the last sample
    EXPECTED,
    BAND,  # half width of the expected band
    RESIDUAL,  # before the load was taken off
    Z_MEAN,  # plain z-score, for the statistical detector
    IQR_EXCESS,  # distance outside the quartiles, in interquartile ranges
    EFFECT,  # the short mean in spreads of a sample: how far it is, not how rare
) = range(10)
VIEWS = 10

_HUBER = 2.0  # spreads; a residual beyond teaches the level no more than this
_TO_DEVIATION = 1.2533141373155003  # mean absolute deviation to deviation, normal law
BAND_SPREADS = 3.0  # spreads either side
_MAX_Z = 50.0
_MAX_SIZE = 1e100  # larger values count as this, so that their squares stay finite
LOAD_DOUBT = 0.3  # of what the load explains
_LONG_OUTSIDE = (
    4.0  # spreads on the mean of a day from which on a time outside is no fault any more
)
WARM_UP = 30  # samples before anything is said


class BaselineSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How fast the normal is learned. Lengths count samples, or hours of the series' step."""

    level_h: float = 12.0
    spread_h: float = 24.0
    season_days: float = 7.0
    short: float = 8.0  # samples
    middle: float = 40.0  # samples
    least_ratio: float = 0.002  # of the level: no spread is taken to be smaller

    def __post_init__(self) -> None:
        for name in ("level_h", "spread_h", "season_days", "short", "middle"):
            value = getattr(self, name)
            if not 1 <= value <= 10_000:
                raise ValueError(f"{name} must be in [1, 10000], got {value!r}")
        if not 0 <= self.least_ratio < 1:
            raise ValueError(f"least_ratio must be in [0, 1), got {self.least_ratio!r}")

    def constants(self, tick_s: float) -> F64:
        """Return the settings as the kernels take them: lengths in ticks where they are times."""
        hour = 3600.0 / tick_s
        return np.array(
            [
                self.level_h * hour,
                self.spread_h * hour,
                self.season_days,
                self.short,
                self.middle,
                self.least_ratio,
                hour,
            ]
        )


@jit
def learn_step(state: F64, tick: float) -> float:
    """Vote on the series' step; return the ticks since the last sample (0 for the first).

    Source: Boyer and Moore (1981), majority vote in one cell.
    """
    if state[SEEN] == 0.0:
        return 0.0
    gap = tick - state[LAST_TICK]
    if gap == state[STEP]:
        state[VOTES] = min(state[VOTES] + 1.0, 8.0)
    elif state[VOTES] > 0.0:
        state[VOTES] -= 1.0
    else:
        state[STEP] = gap
        state[VOTES] = 1.0
    return float(gap)


@jit
def _follow(spread: float, size: float, gain: float, warm: bool) -> float:
    """Move a spread towards |size|, which counts for no more than three spreads."""
    if warm:
        size = min(size, 3.0 * spread + 1e-300)
    return spread + gain * (size * _TO_DEVIATION - spread)


@jit
def _z(size: float, spread: float) -> float:
    return float(min(max(size / spread, -_MAX_Z), _MAX_Z))


@jit
def _less(residual: float, explained: float) -> float:
    """Take off a residual what the load explains of it, and never more than there is."""
    if residual > 0.0:
        return residual - min(max(explained, 0.0), residual)
    return residual - max(min(explained, 0.0), residual)


@jit
def _move_means(state: F64, rest: float, spread: float, constants: F64) -> None:
    """Move the short and the middle-long mean; a single sample counts for five spreads at most."""
    clipped = min(max(rest, -5.0 * spread), 5.0 * spread)
    n = state[SEEN] + 1.0
    state[SHORT] += (clipped - state[SHORT]) / min(n, constants[3])
    state[MIDDLE] += (clipped - state[MIDDLE]) / min(n, constants[4])


@jit
def _look(
    state: F64, x: float, rest: float, change: float, floor: float, unknown: float, views: F64
) -> None:
    """Write down how odd the sample is; a mean's spread is at least its share of `floor`."""
    spread = math.hypot(max(state[SPREAD], floor), unknown)
    short_spread = math.hypot(max(state[SHORT_SPREAD], 0.35 * floor), unknown)
    middle_spread = math.hypot(max(state[MIDDLE_SPREAD], 0.16 * floor), unknown)
    views[EXPECTED] = x - rest
    views[BAND] = BAND_SPREADS * spread
    views[EFFECT] = state[SHORT] / spread
    views[Z] = _z(rest, spread)
    views[Z_SHORT] = _z(state[SHORT], short_spread)
    views[Z_MIDDLE] = _z(state[MIDDLE], middle_spread)
    views[Z_CHANGE] = _z(change, max(state[CHANGE_SPREAD], floor))
    views[Z_MEAN] = _z(x - state[MEAN], max(state[DEVIATION], floor))
    width = max(state[QUARTILE_3] - state[QUARTILE_1], 1.35 * floor)
    views[IQR_EXCESS] = 0.0
    if x > state[QUARTILE_3]:
        views[IQR_EXCESS] = (x - state[QUARTILE_3]) / width
    elif x < state[QUARTILE_1]:
        views[IQR_EXCESS] = (x - state[QUARTILE_1]) / width


@jit
def _mark_onset(state: F64, is_out: bool, tick: float) -> None:
    """Keep the tick at which the series left its band; three samples inside end it."""
    if is_out:
        if state[OUT_SINCE] < 0.0:
            state[OUT_SINCE] = tick
        state[IN_BAND] = 0.0
    elif state[OUT_SINCE] >= 0.0:
        state[IN_BAND] += 1.0
        if state[IN_BAND] >= 3.0:
            state[OUT_SINCE] = -1.0


@jit
def _adapt(
    state: F64, x: float, rest: float, change: float, gain: float, sure: float, warm: bool
) -> None:
    """Learn spreads, plain mean and quartiles; `sure` is the gain where the rhythm is known."""
    state[SPREAD] = _follow(state[SPREAD], abs(rest), sure, warm)
    state[SHORT_SPREAD] = _follow(state[SHORT_SPREAD], abs(state[SHORT]), sure, warm)
    state[MIDDLE_SPREAD] = _follow(state[MIDDLE_SPREAD], abs(state[MIDDLE]), sure, warm)
    state[CHANGE_SPREAD] = _follow(state[CHANGE_SPREAD], abs(change), gain, warm)
    away = x - state[MEAN]
    bound = 3.0 * max(state[DEVIATION], 1e-9) if warm else 1e300
    state[DEVIATION] = _follow(state[DEVIATION], abs(away), gain, warm)
    state[MEAN] += gain * min(max(away, -bound), bound)
    pace = state[DEVIATION] * max(0.01, 2.0 / (state[SEEN] + 2.0))
    state[QUARTILE_1] += pace * (0.25 - (x < state[QUARTILE_1]))
    state[QUARTILE_3] += pace * (0.75 - (x < state[QUARTILE_3]))


@jit
def _learn_rest(state: F64, size: float, gain: float) -> None:
    """Learn the residual's mean size; what is outside of the band counts once it is over.

    A fault would else discredit itself.
    """
    if state[OUT_SINCE] >= 0.0 and state[OUTSIDE] < _LONG_OUTSIDE * state[SPREAD]:
        state[OUTSIDE] += gain * size
        return
    state[REST] += state[OUTSIDE] + gain * (size - state[REST])
    state[OUTSIDE] = 0.0


@jit
def trust(state: F64) -> float:
    """Return how far a series' deviations mean something, [0, 1]: 0 where their tails are heavy.

    Of a light-tailed residual the robust spread is that of the plain mean size; where spikes come
    every day it is far smaller, and a deviation of many spreads is nothing new.
    """
    if state[REST] == 0.0:
        return 0.0
    # After a great fault, too, until it is forgotten: the day after says little of the next one.
    light = min(state[SPREAD] / (_TO_DEVIATION * state[REST]), 1.0)
    return float(light * light)


@jit
def learn(
    state: F64,
    season: F64,
    x: float,
    tick: float,
    hour: float,
    weekend: bool,
    load: float,
    load_away: float,
    least: float,
    counted: bool,
    constants: F64,
    views: F64,
) -> bool:
    """Judge sample `x` by what came before it, into `views`, and then learn it.

    `hour` is the hour of the day in [0, 24) at the tick's start, `load` the residual of the
    resource's load metric at this tick (NaN: none), `load_away` that metric's distance from its
    plain mean, `least` the smallest change of interest in the metric's unit; a `counted` metric
    is a number of events, whose spread is at least a Poisson law's. Returns whether the series is
    warm; while it is not, `views` says nothing but the expected value.
    """
    x = min(max(x, -_MAX_SIZE), _MAX_SIZE)
    n = state[SEEN]
    gap = learn_step(state, tick)
    step = max(state[STEP], 1.0)
    if n == 0.0:
        state[LEVEL] = x
        state[MEAN] = x
        state[QUARTILE_1] = x
        state[QUARTILE_3] = x
        state[OUT_SINCE] = -1.0
        state[STEP] = 1.0
    warm = n >= WARM_UP
    in_hour = max(constants[6] / step, 1.0)  # samples
    rhythm, doubt = rhythm_at(season, hour, weekend, constants[6] / step)
    residual = x - state[LEVEL] - rhythm
    explained = 0.0
    if warm and not math.isnan(load) and state[LOAD_SQUARE] > 0.0:
        explained = load * state[LOAD_PRODUCT] / state[LOAD_SQUARE]
    rest = _less(residual, explained)
    floor = max(least * 0.25, constants[5] * abs(state[LEVEL]), 1e-9)
    if counted:
        floor = max(floor, math.sqrt(max(x - rest, 0.0)))
    unknown = math.hypot(doubt * state[DEVIATION], LOAD_DOUBT * explained)
    spread = math.hypot(max(state[SPREAD], floor), unknown)
    change = x - state[LAST] if n > 0.0 and gap <= 3.0 * step else 0.0
    _move_means(state, rest, max(state[SPREAD], floor), constants)
    _look(state, x, rest, change, floor, unknown, views)
    views[RESIDUAL] = residual
    _mark_onset(state, abs(rest) > 2.0 * spread and warm, tick)
    gain = 1.0 / min(n + 1.0, max(constants[1] / step, 60.0))
    if warm:
        _learn_rest(state, abs(rest), gain * (1.0 - doubt))
    else:  # before that, all is an outlier
        state[REST] = state[SPREAD] / _TO_DEVIATION
    _adapt(state, x, rest, change, gain, gain * (1.0 - doubt), warm)
    bound = _HUBER * spread if warm else 1e300
    taught = min(max(rest, -bound), bound)
    state[LEVEL] += taught / min(n + 1.0, max(constants[0] / step, 30.0))
    teach_rhythm(season, hour, weekend, taught, in_hour, constants[2])
    if not math.isnan(load):
        away = 4.0 * max(state[DEVIATION], floor)
        away = min(max(x - state[MEAN], -away), away)
        state[LOAD_PRODUCT] += gain * (away * load_away - state[LOAD_PRODUCT])
        state[LOAD_SQUARE] += gain * (load_away * load_away - state[LOAD_SQUARE])
    state[SEEN] = n + 1.0
    state[LAST] = x
    state[LAST_TICK] = tick
    return bool(warm)


@jit
def note_away(away: F64, state: F64, rest: float, band: float) -> None:
    """Keep the mean residual of a series since it left its band; `away` is `(2,)`: samples, mean.

    The views' means take a sample that is far off for no more than a few spreads, so they cannot
    say where a level has gone. Of the last 20 samples, about; once there are eight, one that is
    far from their mean counts as the band's width.
    """
    if state[OUT_SINCE] < 0.0:
        away[0] = 0.0
        return
    away[0] = min(away[0] + 1.0, 20.0)
    error = rest - away[1]
    if away[0] > 8.0:
        error = min(max(error, -band), band)
    away[1] += error / away[0]


@jit
def move_level(
    state: F64, season: F64, amount: float, hour: float, weekend: bool, in_hour: float
) -> None:
    """Take it from now on that the series is higher by `amount` at this hour, and stays so.

    Its rhythm, and what the load explains of it, are taken to grow with the level, by twice at most
    or a half: what follows the load costs more of it now. Since that may be wrong, the time of day
    is learned anew, as if it had been seen for a day. `in_hour` counts samples.
    """
    rhythm, _ = rhythm_at(season, hour, weekend, in_hour)
    expected = state[LEVEL] + rhythm
    scale = 1.0
    if expected != 0.0:
        scale = min(max((expected + amount) / expected, 0.5), 2.0)
    for i in range(DAY_SEEN):
        season[i] *= scale
    for i in range(DAY_SEEN, WEEKEND_SEEN):
        season[i] = min(season[i], max(0.25 * in_hour, 1.0))
    for i in range(WEEKEND_SEEN, SEASON):
        season[i] = min(season[i], max(in_hour, 1.0))
    state[LEVEL] += amount + (1.0 - scale) * rhythm
    state[LOAD_PRODUCT] *= scale
    for i in (MEAN, QUARTILE_1, QUARTILE_3):
        state[i] += amount
    state[SHORT] = 0.0
    state[MIDDLE] = 0.0
    state[OUTSIDE] = 0.0  # it was no fault, and says nothing of the tails
    state[OUT_SINCE] = -1.0
    state[IN_BAND] = 0.0
