"""How each kind of metric behaves: formulas on arrays of (series, steps), without faults.

Every function is elementwise along the series, so that a series' values do not depend on which
others are computed with it.
"""

import numpy as np

from schema import F64

LEAD = 32  # innovations before the block that the autoregression looks back on
DAY_S = 86_400.0
WEEK_S = 604_800.0
EPOCH_MONDAY_S = 345_600.0  # 1970-01-05, a Monday
# Share of the weekend in the hours of the week from Monday 00:00: smooth at both ends.
_WEEKEND_HOURS = (0.0, 4.0, 116.0, 126.0, 164.0, 168.0)
_WEEKEND_SHARE = (0.5, 0.0, 0.0, 1.0, 1.0, 0.5)


def autoregress(innovations: F64, phi: float) -> F64:
    """Return AR(1) noise of unit variance: (n, LEAD + steps) -> (n, steps).

    The sum over 32 lags, by doubling; phi ** 32 must be negligible.
    """
    noise = innovations
    for lag in (1, 2, 4, 8, 16):
        shifted = noise.copy()
        shifted[..., lag:] += phi**lag * noise[..., :-lag]
        noise = shifted
    scaled: F64 = noise[..., LEAD:] * float(np.sqrt(1.0 - phi * phi))
    return scaled


def wander(since_s: F64, knots: F64, period_s: float) -> F64:
    """Return a slow walk, smooth between knots: (steps,), (n, knots) -> (n, steps).

    `knots` are standard normal, one every `period_s` from the start of the run on.
    """
    place = since_s / period_s
    left = np.floor(place).astype(np.intp)
    share = place - left
    share = share * share * (3.0 - 2.0 * share)
    walk: F64 = knots[:, left] * (1.0 - share) + knots[:, left + 1] * share
    return walk


def heavy(noise: F64) -> F64:
    """Give normal noise a heavier tail: a point now and then, as real latencies have them."""
    return noise * (0.82 + 0.06 * noise * noise)


def rhythm(
    time_s: F64, day_gain: float, noon_gain: float, peak_h: float, weekend_loss: float
) -> F64:
    """Return the daily and weekly shape of traffic, about 1 on average of a weekday."""
    angle = 2 * np.pi * (time_s / 3600.0 - peak_h) / 24.0
    angle = angle - 0.35 * np.sin(angle)  # a broad day, a short night
    shape = 1.0 + day_gain * np.cos(angle) + noon_gain * np.cos(2 * angle)
    hour = ((time_s - EPOCH_MONDAY_S) % WEEK_S) / 3600.0
    weekend = np.interp(hour, _WEEKEND_HOURS, _WEEKEND_SHARE)
    return np.maximum(shape, 0.12) * (1.0 - weekend_loss * weekend)


def cpu(load: F64, gain: F64, idle: F64, slow: F64, noise: F64) -> F64:
    """Percent busy: idle share, load, and queueing that bends it below 100."""
    raw = idle + gain * load + 0.8 * slow + 1.5 * noise
    return np.where(raw > 80.0, 80.0 + 18.0 * (1.0 - np.exp(-(raw - 80.0) / 18.0)), raw)


def memory(load: F64, base: F64, swing: F64, slow: F64, noise: F64) -> F64:
    """Percent used: flat, wandering slowly, hardly moved by load."""
    return base + swing * slow + 1.2 * (load - 1.0) + 0.25 * noise


def disk(time_s: F64, base: F64, growth: F64, cleanup_s: F64, slow: F64, noise: F64) -> F64:
    """Percent used: grows all day and is cleaned within half an hour, once a day."""
    since = (time_s - cleanup_s) % DAY_S
    cleaning = np.clip(1.0 - since / 1800.0, 0.0, 1.0)
    grown = growth * np.maximum(since / DAY_S, cleaning)
    return base + grown + 0.12 * growth * slow + 0.04 * noise


def latency(load: F64, base: F64, slow: F64, noise: F64) -> F64:
    """Milliseconds: skewed noise, a little more under load."""
    return base * (1.0 + 0.15 * (load - 1.0)) * np.exp(0.05 * slow + 0.09 * heavy(noise))


def volume(load: F64, base: F64, noise: F64, spread: float) -> F64:
    """Requests or bytes: proportional to load."""
    return base * load * np.exp(spread * noise)


def disk_io(load: F64, base: F64, batch: F64, noise: F64) -> F64:
    """Bytes or operations: a base rate, load, and the nightly batch job."""
    return base * (0.4 + 0.6 * load + 1.5 * batch) * np.exp(0.15 * heavy(noise))


def connections(load: F64, base: F64, slow: F64, noise: F64) -> F64:
    """Open connections: a pool that follows the load half-way."""
    return base * (0.55 + 0.45 * load) * (1.0 + 0.03 * slow + 0.025 * noise)


def nightly(time_s: F64, start_s: F64, length_s: F64) -> F64:
    """Return the batch job's activity in [0, 1], (n, steps): the same minutes of every day."""
    since = (time_s - start_s) % DAY_S
    rise = np.clip(since / 240.0, 0.0, 1.0)
    fall = np.clip((length_s - since) / 240.0, 0.0, 1.0)
    return np.minimum(rise, fall)
