"""Points collected one at a time, for formats whose messages nest."""

from collections.abc import Hashable
from typing import TypeVar

import numpy as np

from connectors.formats.columns import RejectRow, assemble
from connectors.formats.series_book import SeriesBook
from schema import Decoded

K = TypeVar("K", bound=Hashable)

Row = tuple[int, int, float, int]  # slot, time, value in the vendor's unit, payload


class Rows:
    """The good points of a chunk."""

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._readings: dict[int, tuple[int, float]] = {}  # start_ms and count, by row
        self.add = self._rows.append  # takes a point; a method of ours would cost twice as much

    def add_reading(
        self, slot: int, ts_ms: int, value: float, payload: int, start_ms: int, count: float
    ) -> None:
        """Take a reading of a counter; see `SampleBatch` for `start_ms` and `count`."""
        self._readings[len(self._rows)] = (start_ms, count)
        self.add((slot, ts_ms, value, payload))

    def assemble(
        self, book: SeriesBook[K], rejects: list[RejectRow], *, counters: bool = False
    ) -> Decoded:
        """Return all points as columns; `counters` says whether the format may have any."""
        size = len(self._rows)
        start_ms = np.zeros(size, np.int64) if counters else None
        count = np.zeros(size) if counters else None
        if start_ms is not None and count is not None and self._readings:
            rows = np.fromiter(self._readings, np.int64, len(self._readings))
            readings = self._readings.values()
            start_ms[rows] = [start for start, _ in readings]
            count[rows] = [number for _, number in readings]
        slot, ts_ms, value, payload = zip(*self._rows, strict=True) if size else ((), (), (), ())
        return assemble(
            book,
            np.array(slot, np.int32),
            np.array(ts_ms, np.int64),
            np.array(value, np.float64),
            np.array(payload, np.int32),
            rejects,
            start_ms,
            count,
        )
