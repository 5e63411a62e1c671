"""A drifted service's new level becomes the normal one, at once."""

import numpy as np
import numpy.typing as npt

from models import baseline, discord
from operators.cohort import CohortTable
from operators.layout import BORN, FORGOTTEN, LEAD, Knobs
from schema import F64

Bools = npt.NDArray[np.bool_]
STANDS_AWAY = 3.0  # usual sizes of its middle-long mean: from here on a series is elsewhere
SURE = 8.0  # samples outside its band whose mean says where
RECENT_STEPS = 10.0  # without a sample: nothing is known of the new level


def accept_level(table: CohortTable, tick: int, knobs: Knobs) -> int:
    """Take what is seen before `tick` as the normal level of every series that stands away from it.

    Returns how many did. Those that do not are left alone, and so is what is known of each one's
    spread and tails: the service does another thing now, not a noisier one. A fault that is under
    way counts as normal with the rest; what comes on top is found as before.
    """
    arrays = table.arrays
    amounts = _amounts(table, tick)
    hour = tick % knobs.ticks_a_day * 24.0 / knobs.ticks_a_day
    weekend = (tick // knobs.ticks_a_day + 3) % 7 >= 5  # 1970-01-01 was a Thursday
    moved = np.flatnonzero(amounts)
    for s in moved:
        in_hour = knobs.ticks_a_day / 24.0 / max(arrays.state[s, baseline.STEP], 1.0)
        baseline.move_level(
            arrays.state[s], arrays.season[s], amounts[s], hour, bool(weekend), in_hour
        )
        arrays.away[s] = 0.0
        arrays.shape[s, discord.MEDIAN] += amounts[s]
        arrays.shape[s, discord.MEAN] += amounts[s]
    return len(moved)


def _amounts(table: CohortTable, tick: int) -> F64:
    """Return by series how far it stands away, 0 where it does not."""
    arrays = table.arrays
    state, owner = arrays.state, arrays.resource[arrays.owner]
    alive = (state[:, baseline.SEEN] >= baseline.WARM_UP) & (owner[:, FORGOTTEN] == 0.0)
    alive &= state[:, baseline.LAST_TICK] >= owner[:, BORN]
    step = np.maximum(state[:, baseline.STEP], 1.0)
    alive &= tick - state[:, baseline.LAST_TICK] <= RECENT_STEPS * step
    is_out = alive & (arrays.away[:, 0] >= SURE)
    middle, usual = state[:, baseline.MIDDLE], state[:, baseline.MIDDLE_SPREAD]
    is_off = alive & (np.abs(middle) > STANDS_AWAY * usual)
    own = np.where(is_out, arrays.away[:, 1], np.where(is_off, middle, 0.0))
    return own + _carried(table, own, alive)


def _carried(table: CohortTable, own: F64, alive: Bools) -> F64:
    """Return by series what its resource's load explained of it, until the load's level moved."""
    arrays = table.arrays
    is_lead = alive & (arrays.lead > 0.0)
    is_lead &= arrays.lead == arrays.resource[arrays.owner, LEAD]
    moved = np.zeros(len(arrays.resource))
    moved[arrays.owner[is_lead]] = own[is_lead]
    square = arrays.state[:, baseline.LOAD_SQUARE]
    slope = np.divide(
        arrays.state[:, baseline.LOAD_PRODUCT], square, out=np.zeros(len(own)), where=square > 0.0
    )
    return np.where(alive & ~is_lead, moved[arrays.owner] * slope, 0.0)
