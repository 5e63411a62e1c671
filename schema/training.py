"""Rows to train a model from."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from schema.names import I64


@dataclass(slots=True)
class FeatureBatch:
    """Feature rows of one service, each one resource at one tick, against its own past."""

    service: str
    names: tuple[str, ...]  # of the columns: "cpu.utilization:z", "cpu.utilization:z_short" ...
    rows: npt.NDArray[np.float32]  # (n, len(names)); 0 where the metric is missing: as expected
    tick_ms: I64  # (n,) start of each row's tick
    from_ms: int  # event times that the rows were taken from, half-open
    until_ms: int
    drawn_from: int  # how many rows there were; `rows` is a uniform sample of them


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """A key group's rows since the drift that asks for a new model; it may have none."""

    request: str  # `Drift.id`
    group: int
    batch: FeatureBatch
