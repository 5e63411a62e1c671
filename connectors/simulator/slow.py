"""The slow part of a signal: hours and days, the same whichever block is asked for first."""

import numpy as np
import numpy.typing as npt

from connectors.simulator import signals
from connectors.simulator.draws import generator
from connectors.simulator.settings import SimulatorSource
from schema import F64

PERIODS_S = (5 * 3600.0, 31 * 3600.0)  # between knots
WEIGHTS = (0.6, 0.8)  # of unit variance together


def slow_knots(settings: SimulatorSource, name: str) -> tuple[F64, ...]:
    """Draw a thing's knots for the whole run; a longer run has the same ones, and more."""
    length_s = float(settings.blocks * settings.block_steps * settings.interval_s)
    return tuple(
        generator(settings.seed, f"slow:{name}", k).standard_normal(int(length_s / period_s) + 2)
        for k, period_s in enumerate(PERIODS_S)
    )


def slow_walk(
    settings: SimulatorSource, steps: npt.NDArray[np.int64], *knots: tuple[F64, ...]
) -> F64:
    """Return the walk of each of several things at some steps: (things, steps)."""
    since_s = steps.astype(np.float64) * settings.interval_s
    total = np.zeros((len(knots), len(steps)))
    for k, (period_s, weight) in enumerate(zip(PERIODS_S, WEIGHTS, strict=True)):
        stacked = np.stack([one[k] for one in knots])
        total += weight * signals.wander(since_s, stacked, period_s)
    return total
