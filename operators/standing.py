"""How a service stands in a key group: what its judges have found so far, and how warm they are."""

import numpy as np

from models.baseline import LAST_TICK, SEEN, WARM_UP
from models.calibration import COUNT
from models.fusion import DETECTORS
from operators.cohort import CohortTable
from operators.figures import (
    ANOMALOUS,
    BUCKETS,
    BY_DETECTOR,
    OWN_SCORES,
    SCORE_BOUNDS,
    SCORED,
    SCORES,
)
from operators.layout import BORN, FORGOTTEN, NEWEST, STEP, TEMPORAL, Knobs
from schema import F64, DetectorStanding, Standing

WINDOW_MS = 600_000  # of event time: at most once in each a group says how it stands
_BOUNDS = (*(f"{each:g}" for each in SCORE_BOUNDS), "more")


def standing(table: CohortTable, version: str, knobs: Knobs, tick_ms: int) -> Standing:
    """Return how a cohort stands; `version` is that of the registry's model in use, "" if none."""
    figures: list[float] = table.arrays.figures.tolist()
    counts = [int(each) for each in figures[:BY_DETECTOR]]
    alive, left = _ticks_to_warm(table, knobs)
    warming = left[left > 0.0]
    until = table.arrays.counters[NEWEST] + warming.max() if warming.size else 0.0
    return Standing(
        table.service,
        version,
        alive,
        len(warming),
        int(until) * tick_ms,
        counts[SCORED],
        counts[ANOMALOUS],
        tuple(zip(_BOUNDS, counts[SCORES:], strict=True)),
        tuple(
            _of_detector(figures, i, name)
            for i, name in enumerate(DETECTORS)
            if figures[BY_DETECTOR + 2 * i]
        ),
    )


def _of_detector(figures: list[float], i: int, name: str) -> DetectorStanding:
    rows, surprise = figures[BY_DETECTOR + 2 * i : BY_DETECTOR + 2 * i + 2]
    own = OWN_SCORES + i * (1 + BUCKETS)
    anomalous, *scores = (int(each) for each in figures[own : own + 1 + BUCKETS])
    return DetectorStanding(
        name, int(rows), round(surprise, 3), anomalous, tuple(zip(_BOUNDS, scores, strict=True))
    )


def _ticks_to_warm(table: CohortTable, knobs: Knobs) -> tuple[int, F64]:
    """Return how many resources are alive, and of each how many ticks its warm-up still takes.

    A resource is warm with its first warm series, once its cohort has scores enough to compare
    with; that it will take as long as the resources have sent so far is an estimate.
    """
    arrays = table.arrays
    own = arrays.resource
    alive = (own[:, FORGOTTEN] == 0.0) & (own[:, STEP] > 0.0)
    heard = np.where(
        arrays.state[:, LAST_TICK] >= own[arrays.owner, BORN], arrays.state[:, SEEN], 0.0
    )
    most = np.zeros(len(own))
    np.maximum.at(most, arrays.owner, heard)
    lacking = max(knobs.tail_rows - arrays.cohort_tails[TEMPORAL, COUNT], 0.0)
    together = np.ceil(lacking / max(int(alive.sum()), 1))
    left = (np.maximum(WARM_UP + 1.0 - most, 0.0) + together) * np.maximum(own[:, STEP], 1.0)
    return int(alive.sum()), left[alive]
