"""How samples were judged, for reports: what key groups say beside their findings, if asked."""

from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from schema.metrics import Series
from schema.names import F64, I64, U64

F32 = npt.NDArray[np.float32]


class ScoredSeries(msgspec.Struct, frozen=True):
    """Whose samples they are; said once, before or with its first sample."""

    uid: int
    resource_id: int
    series: Series  # without attributes
    unit: str
    least: float | None = None  # natural limits, which the expected band does not pass
    most: float | None = None


@dataclass(slots=True)
class Scored:
    """Samples that a key group judged, in columns; a service's are ordered by time."""

    group: int
    series: tuple[ScoredSeries, ...]  # that were not said before
    # a sample each
    uid: U64
    ts_ms: I64  # start of its tick
    value: F64
    expected: F32  # NaN: not known, as in the warm-up
    band: F32  # half the width of what is expected
    # a resource at a tick each, where it has a score
    resource_id: U64
    row_ts_ms: I64
    score: F32  # fused, >= 0
    surprises: F32  # (rows, detectors) in the order of the detectors; NaN: had none
