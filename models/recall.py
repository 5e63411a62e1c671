"""What a series did before, and what its model expects of such times: for people, judges nobody.

The discord detector keeps the last values of a series, less what its load explained of them, and
no times: they are taken to be a step apart. The expected band is today's level and spread with the
rhythm of the hour. So a plot can begin before anything was odd, and nothing more is kept for it.
Where the load explained a sample wholly, and could have explained much more or less, what the
value was cannot be told; such samples are left out.
"""

import math

import numpy as np

from models.baseline import (
    BAND_SPREADS,
    DEVIATION,
    LAST_TICK,
    LEVEL,
    LOAD_DOUBT,
    LOAD_PRODUCT,
    LOAD_SQUARE,
    SEEN,
    SPREAD,
    STEP,
    WARM_UP,
)
from models.discord import SEEN as KEPT
from models.jit import jit
from models.season import rhythm_at
from schema import F64

TICK, VALUE, EXPECTED, BAND, RESIDUAL = range(5)  # columns of what is recalled
RECALLED = 5
_WHOLLY = 0.4  # spreads from what is expected, within which the load may explain all
_UNTOLD = 1.0  # spreads that it may explain of such a sample, beyond which nobody can tell there is


@jit
def recall(
    state: F64,
    season: F64,
    shape: F64,
    past: F64,
    load: F64,
    least: float,
    counted: bool,
    constants: F64,
    ticks_a_day: float,
    most: int,
) -> F64:
    """Return what can be told of a series' last `most` samples, `(n, RECALLED)`, oldest first.

    `load` is the same of the resource's load metric, whose residual explains some of this one's;
    `(0, RECALLED)` if there is none. Where nothing is expected yet, it is NaN.
    """
    n = min(most, past.size, int(shape[KEPT]))
    out = np.full((n, RECALLED), np.nan)
    step = max(state[STEP], 1.0)
    slope = state[LOAD_PRODUCT] / state[LOAD_SQUARE] if state[LOAD_SQUARE] > 0.0 else 0.0
    floor = max(least * 0.25, constants[5] * abs(state[LEVEL]), 1e-9)
    spread = max(state[SPREAD], floor)
    at = n
    with_load = 0
    for back in range(n):
        row = out[at - 1]
        tick = state[LAST_TICK] - back * step
        rest = float(past[(int(shape[KEPT]) - 1 - back) % past.size])
        row[TICK] = tick
        day = math.floor(tick / ticks_a_day)
        hour = (tick - day * ticks_a_day) * 24.0 / ticks_a_day
        weekend = (day + 3.0) % 7.0 >= 5.0  # 1970-01-01 was a Thursday
        rhythm, doubt = rhythm_at(season, hour, weekend, constants[6] / step)
        expected = state[LEVEL] + rhythm
        explained = 0.0
        while with_load < len(load) and load[len(load) - 1 - with_load, TICK] > tick:
            with_load += 1
        if with_load < len(load) and load[len(load) - 1 - with_load, TICK] == tick:
            explained = slope * load[len(load) - 1 - with_load, RESIDUAL]
        away = rest - expected
        taken = explained
        if abs(away) <= _WHOLLY * spread:
            if abs(explained) > _UNTOLD * spread:
                continue
            taken = 0.5 * explained
        elif away * explained < 0.0:
            taken = 0.0  # it is off the other way: nothing was taken off
        at -= 1
        row[VALUE] = rest + taken
        row[RESIDUAL] = rest + taken - expected
        if state[SEEN] <= WARM_UP:
            continue
        row[EXPECTED] = expected + taken
        least_spread = floor
        if counted:
            least_spread = max(floor, math.sqrt(max(row[EXPECTED], 0.0)))
        unknown = math.hypot(doubt * state[DEVIATION], LOAD_DOUBT * explained)
        row[BAND] = BAND_SPREADS * math.hypot(max(state[SPREAD], least_spread), unknown)
    return out[at:]
