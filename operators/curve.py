"""What the pass writes down of series that are followed, and of those that are odd.

Both are for screens: the curves of what has alerted, and how odd each resource was at a tick.
"""

import math

from models.baseline import BAND, EXPECTED
from models.jit import jit
from operators.layout import OPEN, SCORE, Cohort, Found, Knobs
from operators.series_score import SCORED, Bench
from schema import F64, I32

CURVE = 6  # columns: tick, series, value, expected, half band (NaN: not known), score
RAISED = 3  # columns: tick, resource row, score


@jit
def note_curve(
    cohort: Cohort, owner: int, tick: float, series: I32, values: F64, bench: Bench, found: Found
) -> None:
    """Write down the samples of a resource's followed series at a tick."""
    if not found.curve.shape[0]:
        return
    for i in range(series.size):
        if not cohort.followed[series[i]]:
            continue
        row = found.curve[found.used[5]]
        row[0] = tick
        row[1] = series[i]
        row[2] = values[i]
        row[3] = bench.views[i, EXPECTED] if bench.warm[i] else math.nan
        row[4] = bench.views[i, BAND] if bench.warm[i] else math.nan
        row[5] = cohort.resource[owner, SCORE]
        found.used[5] += 1


@jit
def note_raised(
    cohort: Cohort, owner: int, tick: float, bench: Bench, knobs: Knobs, found: Found
) -> None:
    """Write down a resource whose score is odd at a tick."""
    score = cohort.resource[owner, SCORE]
    if bench.sums[SCORED] != 1.0 or score < knobs.raised_bar or not found.raised.shape[0]:
        return
    row = found.raised[found.used[6]]
    row[0] = tick
    row[1] = owner
    row[2] = score
    found.used[6] += 1


@jit
def has_opened(found: Found, since: int) -> bool:
    """Whether an alert has opened among the edges from `since` on."""
    return bool((found.edge[since : found.used[0], 3] == OPEN).any())
