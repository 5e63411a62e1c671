"""Pulses: how a cohort's resources looked to the two forests, in so many minutes of event time.

Drift shows in how many resources of a service are odd, and in whose eyes, so a window of a cohort
is a few counts. The counts of a window are complete when the group has closed its ticks; of those
of several groups one makes the service's.
"""

import math

from models.jit import jit
from operators.cohort import CohortTable
from operators.layout import (
    PULSE,
    PULSE_BOTH,
    PULSE_HIGH,
    PULSE_ROWS,
    Cohort,
    Found,
    Knobs,
)
from schema import F64, Pulse


@jit
def note_pulse(own: F64, batch: float, online: float, knobs: Knobs) -> None:
    """Count a resource's row, by the surprises of the batch forest and of the trees."""
    if math.isnan(batch):
        return
    own[PULSE_ROWS] += 1.0
    if batch >= knobs.pulse_high:
        own[PULSE_HIGH] += 1.0
        if online >= knobs.pulse_high:
            own[PULSE_BOTH] += 1.0


@jit
def is_in_pulse(cohort: Cohort, tick: float, knobs: Knobs) -> bool:
    """Whether `tick` lies in the window under way."""
    return bool(math.floor(tick / knobs.pulse_ticks) == cohort.counters[PULSE])


@jit
def end_pulse(cohort: Cohort, tick: float, knobs: Knobs, found: Found) -> None:
    """Write down the window under way, if it has rows, and start the one in which `tick` lies.

    A resource is odd in a window if most of its rows are.
    """
    at = found.used[3]
    counts = found.pulse[at]
    counts[:] = 0
    counts[0] = int(cohort.counters[PULSE])
    for row in range(cohort.resource.shape[0]):
        own = cohort.resource[row]
        if own[PULSE_ROWS] == 0.0:
            continue
        counts[1] += 1
        if 2.0 * own[PULSE_HIGH] > own[PULSE_ROWS]:
            counts[2] += 1
            if 2.0 * own[PULSE_BOTH] > own[PULSE_HIGH]:
                counts[3] += 1
        own[PULSE_ROWS] = 0.0
        own[PULSE_HIGH] = 0.0
        own[PULSE_BOTH] = 0.0
    if counts[1] > 0:
        found.used[3] = at + 1
    cohort.counters[PULSE] = math.floor(tick / knobs.pulse_ticks)


def pulses(
    found: Found, table: CohortTable, until_tick: int, tick_ms: int, knobs: Knobs
) -> list[Pulse]:
    """Return the windows of a cohort that have ended by `until_tick`, and make room for more."""
    if (table.arrays.counters[PULSE] + 1.0) * knobs.pulse_ticks <= until_tick:
        end_pulse(table.arrays, float(until_tick), knobs, found)
    ended = found.pulse[: found.used[3]].tolist()
    found.used[3] = 0
    length_ms = knobs.pulse_ticks * tick_ms
    return [Pulse(table.service, round(at * length_ms), *counts) for at, *counts in ended]
