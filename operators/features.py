"""Feature rows: what the forests see of a resource at a tick, and those kept to fit them from."""

import numpy as np

from models.baseline import Z_CHANGE, Z_MIDDLE, Z_SHORT, Z
from models.jit import jit
from models.reservoir import place
from operators.layout import BOTH, F32, FEATURES, MISSING, NEWEST, NONE, ROWS, Cohort
from schema import F64


@jit
def _feature(z: float, direction: int) -> float:
    """Return a view as a forest sees it: where it hurts is up, where it does not is a quarter."""
    if direction == NONE:
        return min(abs(z), 12.0) * 0.5
    if direction == BOTH:
        return min(abs(z), 12.0)
    z = z * direction
    return min(z, 12.0) if z > 0.0 else max(z * 0.25, -3.0)


@jit
def note_features(cohort: Cohort, s: int, views: F64, share: float, row: F64, kept: F32) -> None:
    """Put a series' views into the rows of forests and reservoir; of a metric's, the largest.

    The forests see only the `share` of it that counts.
    """
    column = cohort.column[s] * FEATURES
    slot = cohort.slot[s] * FEATURES
    for k in range(MISSING):
        view = views[Z] if k == 0 else views[Z_SHORT] if k == 1 else views[Z_MIDDLE]
        if k == 3:
            view = views[Z_CHANGE]
        size = _feature(view, cohort.direction[s])
        if column >= 0 and share * abs(size) > abs(row[column + k]):
            row[column + k] = share * size
        if abs(size) > abs(kept[slot + k]):
            kept[slot + k] = size
    kept[slot + MISSING] = 0.0
    if column >= 0:
        row[column + MISSING] = 0.0


@jit
def clear_features(row: F64, kept: F32) -> None:
    """Start a row in which every metric is missing."""
    row[:] = 0.0
    row[MISSING::FEATURES] = 1.0
    kept[:] = 0.0
    kept[MISSING::FEATURES] = 1.0


@jit
def keep_row(cohort: Cohort, features: F32, seed: np.uint64) -> None:
    """Keep a row in the reservoir, if its draw gives it a place there."""
    at = place(int(cohort.counters[ROWS]), cohort.reservoir.shape[0], seed)
    cohort.counters[ROWS] += 1.0
    if at < 0:
        return
    cohort.reservoir[at] = features
    cohort.reservoir_tick[at] = np.int64(cohort.counters[NEWEST])
