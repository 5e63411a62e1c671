"""From payloads to samples, and what could not be one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from schema.metrics import Resource, Series
from schema.names import F64, I32, I64


@dataclass(slots=True)
class Chunk:
    """What a reader got in one poll: payloads of one partition, in order."""

    payloads: Sequence[bytes]
    positions: Sequence[int]  # of each payload: Kafka offset, line number from 0, row
    next_position: int  # where to go on after this chunk
    stamps_ms: I64 | None = None  # the records' own time stamps, where the source has them


class SeriesTable:
    """Series that one partition's decoder has met, in that order, each with its attributes."""

    def __init__(self) -> None:
        self.series: list[Series] = []
        self.source_metric: list[str] = []  # the vendor's name, by position
        self._index: dict[Series, int] = {}
        self._resources: dict[Resource, Resource] = {}

    def index(self, series: Series, source_metric: str = "") -> int:
        """Return the position of `series` in the table, adding it if new."""
        found = self._index.get(series)
        if found is None:
            found = len(self.series)
            shared = self._resources.setdefault(series.resource, series.resource)
            series = msgspec.structs.replace(series, resource=shared)
            self._index[series] = found
            self.series.append(series)
            self.source_metric.append(source_metric)
        return found


@dataclass(slots=True)
class SampleBatch:
    """Decoded samples of one chunk, as columns of equal length, in the order of the payloads."""

    series: I32  # position in the partition's SeriesTable
    ts_ms: I64  # event time, UTC
    value: F64  # finite
    payload: I32  # which payload of the chunk the sample came from
    start_ms: I64 | None = None  # since when counters count; 0: not said; None: there are none
    count: F64 | None = None  # observations behind `value`, for "mean" and "ratio"; else 0

    def where(self, keep: npt.NDArray[np.bool_]) -> "SampleBatch":
        """Return the samples that are to be kept."""
        return SampleBatch(
            self.series[keep],
            self.ts_ms[keep],
            self.value[keep],
            self.payload[keep],
            None if self.start_ms is None else self.start_ms[keep],
            None if self.count is None else self.count[keep],
        )


class Reject(msgspec.Struct, frozen=True):
    """Bad input, kept with the reason: what one payload had to be refused for one reason."""

    reason: str  # a short constant: "truncated", "not_finite", "count_zero", "too_far_ahead" ...
    detail: str
    source: str
    partition: str
    position: int
    raw: bytes
    points: int = 1  # how many were refused for it; 1 where the payload could not be read


@dataclass(slots=True)
class Decoded:
    """What a decoder made of a chunk."""

    batch: SampleBatch
    rejects: list[tuple[int, str, str]]  # payload's index, in their order; reason, detail


class Decoder(Protocol):
    """Pure: the same payloads give the same result. One instance serves one partition."""

    def __call__(self, payloads: Sequence[bytes], table: SeriesTable) -> Decoded:
        """Decode every good point and reject every bad one; never raise on input."""


class NamedDecoder(Decoder, Protocol):
    """A decoder that says what it decodes."""

    @property
    def format(self) -> str:
        """Return the format's name; "" as long as it has not been found out."""


class Tally(msgspec.Struct, frozen=True):
    """Counts of one chunk: points are samples, late, absorbed (here) or rejected, nothing else."""

    source: str
    partition: str
    payloads: int = 0
    samples: int = 0
    late: int = 0
    rejected: int = 0
    absorbed: int = 0
    span_ms: tuple[int, int] | None = None  # event times of the first and last sample; None: none


class LateSample(msgspec.Struct, frozen=True):
    """A sample that came after its tick had ended by its own partition's watermark."""

    series: Series
    ts_ms: int
    value: float
    source: str
    partition: str
    position: int
