"""Points collected one at a time, for formats whose messages nest."""

from collections.abc import Hashable
from typing import TypeVar

import numpy as np

from connectors.formats.columns import RejectRow, assemble
from connectors.formats.series_book import SeriesBook
from schema import Decoded

K = TypeVar("K", bound=Hashable)


class Rows:
    """The good points of a chunk."""

    def __init__(self) -> None:
        self._slot: list[int] = []
        self._ts_ms: list[int] = []
        self._value: list[float] = []
        self._payload: list[int] = []
        self._readings: dict[int, tuple[int, float]] = {}  # start_ms and count, by row

    def add(self, slot: int, ts_ms: int, value: float, payload: int) -> None:
        """Take a point, its value in the vendor's unit."""
        self._slot.append(slot)
        self._ts_ms.append(ts_ms)
        self._value.append(value)
        self._payload.append(payload)

    def add_reading(
        self, slot: int, ts_ms: int, value: float, payload: int, start_ms: int, count: float
    ) -> None:
        """Take a reading of a counter; see `SampleBatch` for `start_ms` and `count`."""
        self._readings[len(self._slot)] = (start_ms, count)
        self.add(slot, ts_ms, value, payload)

    def assemble(
        self, book: SeriesBook[K], rejects: list[RejectRow], *, counters: bool = False
    ) -> Decoded:
        """Return all points as columns; `counters` says whether the format may have any."""
        start_ms = np.zeros(len(self._slot), np.int64) if counters else None
        count = np.zeros(len(self._slot)) if counters else None
        if start_ms is not None and count is not None and self._readings:
            rows = np.fromiter(self._readings, np.int64, len(self._readings))
            readings = self._readings.values()
            start_ms[rows] = [start for start, _ in readings]
            count[rows] = [number for _, number in readings]
        return assemble(
            book,
            np.array(self._slot, np.int32),
            np.array(self._ts_ms, np.int64),
            np.array(self._value, np.float64),
            np.array(self._payload, np.int32),
            rejects,
            start_ms,
            count,
        )
