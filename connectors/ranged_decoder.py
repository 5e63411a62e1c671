"""A decoder of a part of the time that a file is about."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from schema import Decoded, NamedDecoder, SeriesTable


class RangedDecoder:
    """Leaves out the samples outside [start_ms, end_ms), as if they had never been written."""

    def __init__(self, decoder: NamedDecoder, start_ms: int | None, end_ms: int | None) -> None:
        self._decoder = decoder
        self._start_ms = np.iinfo(np.int64).min if start_ms is None else start_ms
        self._end_ms = np.iinfo(np.int64).max if end_ms is None else end_ms

    @property
    def format(self) -> str:
        """Return the format's name; "" as long as it has not been found out."""
        return self._decoder.format

    def __call__(self, payloads: Sequence[bytes], table: SeriesTable) -> Decoded:
        """Decode; rejects are those of the whole file: what has no time is in no range."""
        found = self._decoder(payloads, table)
        ts_ms = found.batch.ts_ms
        inside = (ts_ms >= self._start_ms) & (ts_ms < self._end_ms)
        if inside.all():
            return found
        return replace(found, batch=found.batch.where(inside))
