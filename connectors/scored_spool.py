"""How samples were judged, in a folder: written by every worker of a run; see `scored_windows`.

series/<worker>-<number>.jsonl      whose samples they are
samples/<worker>-<number>.parquet   uid, ts_ms, value, expected, band
rows/<worker>-<number>.parquet      resource_id, ts_ms, score, surprises

A file appears whole. What a crashed run judged again after its last snapshot is there twice, the
same both times.
"""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from bytewax.outputs import DynamicSink, StatelessSinkPartition

from schema import Scored

SERIES, SAMPLES, ROWS = "series", "samples", "rows"
_PART_SAMPLES = 250_000  # a file; about 10 MB held until then


class ScoredSpool(DynamicSink[Scored]):
    """Writes what key groups say, wherever they are."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def build(self, _step_id: str, worker_index: int, _worker_count: int) -> "SpoolPart":
        """Return a worker's share."""
        return SpoolPart(self._folder, worker_index)


class SpoolPart(StatelessSinkPartition[Scored]):
    """A worker's files. Memory: the samples of one."""

    def __init__(self, folder: Path, worker: int) -> None:
        self._folder = folder
        for name in (SERIES, SAMPLES, ROWS):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self._worker = worker
        self._number = len(list((folder / SERIES).glob(f"{worker:03}-*.jsonl")))
        self._held: list[Scored] = []
        self._samples = 0

    def write_batch(self, items: list[Scored]) -> None:
        """Keep them, and write once they fill a file."""
        for item in items:
            self._held.append(item)
            self._samples += len(item.uid)
            if self._samples >= _PART_SAMPLES:
                self.flush()

    def close(self) -> None:
        """Write the rest."""
        self.flush()

    def flush(self) -> None:
        """Write what is held."""
        if not self._held:
            return
        name = f"{self._worker:03}-{self._number:06}"
        held, self._held, self._samples = self._held, [], 0
        self._number += 1
        samples = {
            column: np.concatenate([getattr(item, column) for item in held])
            for column in ("uid", "ts_ms", "value", "expected", "band")
        }
        surprises = np.concatenate([item.surprises for item in held])
        rows = {
            "resource_id": np.concatenate([item.resource_id for item in held]),
            "ts_ms": np.concatenate([item.row_ts_ms for item in held]),
            "score": np.concatenate([item.score for item in held]),
            "surprises": pa.FixedSizeListArray.from_arrays(surprises.ravel(), surprises.shape[1]),
        }
        self._write_table(SAMPLES, name, samples)
        self._write_table(ROWS, name, rows)
        series = msgspec.json.Encoder().encode_lines([s for item in held for s in item.series])
        path = self._folder / SERIES / f"{name}.jsonl"
        new = path.with_suffix(".new")
        new.write_bytes(series)
        new.replace(path)

    def _write_table(self, kind: str, name: str, columns: dict[str, Any]) -> None:
        path = self._folder / kind / f"{name}.parquet"
        new = path.with_suffix(".new")
        pq.write_table(pa.table(columns), new, compression="zstd", compression_level=1)
        new.replace(path)
