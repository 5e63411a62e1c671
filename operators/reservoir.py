"""The feature rows that a cohort keeps: by which metrics, and as a batch to train from."""

import numpy as np
import numpy.typing as npt

from models.baseline import LAST_TICK, SEEN
from operators.cohort import CohortTable
from operators.layout import BORN, FEATURES, FORGOTTEN, ROWS
from schema import I64, FeatureBatch

VIEW_NAMES = ("z", "z_short", "z_middle", "z_change", "missing")
MAX_METRICS = 16  # that a service's forests look at

F32 = npt.NDArray[np.float32]


def feature_columns(table: CohortTable) -> dict[str, int]:
    """Return the metrics that the forests look at, heaviest kept, and their column blocks.

    Of what has been scored, by name: it does not depend on what has merely arrived, or when.
    """
    weight: dict[str, float] = {}
    arrays = table.arrays
    owner = arrays.resource[arrays.owner]
    alive = (arrays.state[:, SEEN] > 0) & (owner[:, FORGOTTEN] == 0)
    alive &= arrays.state[:, LAST_TICK] >= owner[:, BORN]
    for member, is_alive in zip(table.members, alive, strict=True):
        if not is_alive:
            continue
        metric = member.series.metric
        weight[metric] = max(weight.get(metric, 0.0), member.spec.weight)
    heaviest = sorted(weight, key=lambda metric: (-weight[metric], metric))[:MAX_METRICS]
    return {metric: i for i, metric in enumerate(sorted(heaviest))}


def reservoir_rows(table: CohortTable, columns: dict[str, int]) -> F32:
    """Return the reservoir's rows, `(n, 5 * metrics)`, columns in the order of `columns`."""
    picked = [table.slots[metric] * FEATURES + k for metric in columns for k in range(FEATURES)]
    return table.arrays.reservoir[: _held(table), picked]


def feature_batch(table: CohortTable, tick_ms: int, from_tick: int, until_ms: int) -> FeatureBatch:
    """Return the cohort's reservoir as a batch to train from."""
    columns = feature_columns(table)
    ticks: I64 = table.arrays.reservoir_tick[: _held(table)]
    return FeatureBatch(
        table.service,
        tuple(f"{metric}:{view}" for metric in columns for view in VIEW_NAMES),
        reservoir_rows(table, columns),
        ticks * tick_ms,
        from_tick * tick_ms,
        until_ms,
        int(table.arrays.counters[ROWS]),
    )


def no_rows(service: str, until_ms: int) -> FeatureBatch:
    """Return the batch of a key group that has nothing of a service, which is worth saying too."""
    rows = np.zeros((0, 0), np.float32)
    return FeatureBatch(service, (), rows, np.zeros(0, np.int64), until_ms, until_ms, 0)


def _held(table: CohortTable) -> int:
    return min(int(table.arrays.counters[ROWS]), len(table.arrays.reservoir))
