"""Read back how samples were judged, from the folder that `scored_spool` wrote."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from connectors.scored_spool import ROWS, SAMPLES, SERIES
from schema import F64, I64, U64, Labels, ScoredSeries
from schema.scored import F32

Columns = dict[str, npt.NDArray[Any]]


class Window(NamedTuple):
    """A stretch of a series, or of its resource alone; `to_ms` is not in it."""

    resource: str  # key
    from_ms: int
    to_ms: int
    metric: str = ""
    labels: Labels = ()


class Curve(NamedTuple):
    """A series' samples by time, `(n,)` each; NaN where nothing was expected yet."""

    unit: str
    ts_ms: I64  # start of the tick
    value: F64
    expected: F64
    lower: F64  # of the expected band, within the metric's natural limits
    upper: F64


class Verdicts(NamedTuple):
    """Scores of a resource by time; of several resources each one's are."""

    ts_ms: I64  # (n,)
    score: F32  # (n,) fused, >= 0
    surprises: F32  # (n, detectors), as `Scored.surprises`


class Spool:
    """What a run has written. Memory: a name a series; of samples a file, and what is returned."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        found: dict[int, ScoredSeries] = {}
        decoder = msgspec.json.Decoder(ScoredSeries)
        for path in sorted((folder / SERIES).glob("*.jsonl")):
            found.update((each.uid, each) for each in decoder.decode_lines(path.read_bytes()))
        self.series = tuple(found[uid] for uid in sorted(found))
        self._named: dict[tuple[str, str, Labels], ScoredSeries] = {}
        self._resource_id: dict[str, int] = {}
        self._metrics: dict[str, list[tuple[str, Labels]]] = {}
        for each in self.series:
            key = each.series.resource.key
            self._named[key, each.series.metric, each.series.labels] = each
            self._resource_id[key] = each.resource_id
            self._metrics.setdefault(key, []).append((each.series.metric, each.series.labels))

    def span(self) -> tuple[int, int] | None:
        """Return the first and the last tick of all samples; None if there are none."""
        spans = [_span(pq.ParquetFile(path)) for path in (self._folder / SAMPLES).glob("*.parquet")]
        return (min(a for a, _ in spans), max(b for _, b in spans)) if spans else None

    def metrics(self, resource: str) -> list[tuple[str, Labels]]:
        """Return metric and labels of a resource's series."""
        return sorted(self._metrics.get(resource, ()))

    def curves(self, windows: Iterable[Window]) -> dict[Window, Curve]:
        """Return each window's samples; it is left out if there is no such series.

        Each file is read once at most, whatever the number of windows.
        """
        known: dict[Window, ScoredSeries] = {}
        for window in windows:
            named = self._named.get((window.resource, window.metric, window.labels))
            if named is not None:
                known[window] = named
        found = self._scan(SAMPLES, "uid", [(named.uid, w) for w, named in known.items()])
        return {window: _curve(known[window], columns) for window, columns in found.items()}

    def verdicts(self, windows: Iterable[Window]) -> dict[Window, Verdicts]:
        """Return the scores of each window's resource; it is left out if there is no such one."""
        ids = [
            (self._resource_id[w.resource], w) for w in windows if w.resource in self._resource_id
        ]
        return {
            w: _verdicts(columns) for w, columns in self._scan(ROWS, "resource_id", ids).items()
        }

    def rows(self) -> Iterator[tuple[U64, Verdicts]]:
        """Yield all scores, a file at a time, with the id of each row's resource; see `series`."""
        for path in sorted((self._folder / ROWS).glob("*.parquet")):
            columns = _columns(pq.ParquetFile(path))
            yield columns["resource_id"], _verdicts(columns)

    def _scan(
        self, kind: str, key: str, wanted: Sequence[tuple[int, Window]]
    ) -> dict[Window, Columns]:
        """Return the columns of each window, of `key` those that are its id, by time."""
        pieces: dict[Window, list[Columns]] = {window: [] for _, window in wanted}
        empty: Columns = {}
        for path in sorted((self._folder / kind).glob("*.parquet")):
            file = pq.ParquetFile(path)
            low, high = _span(file)
            mine = [(i, w) for i, w in wanted if w.from_ms <= high and w.to_ms > low]
            if not mine and empty:
                continue
            held = _columns(file)
            empty = empty or {name: column[:0] for name, column in held.items()}
            held = _rows_at(held, np.isin(held[key], np.array([i for i, _ in mine], np.uint64)))
            held = _rows_at(held, np.lexsort((held["ts_ms"], held[key])))
            for i, window in mine:
                at = np.searchsorted(held[key], np.uint64(i), "left")
                end = np.searchsorted(held[key], np.uint64(i), "right")
                span = np.searchsorted(held["ts_ms"][at:end], [window.from_ms, window.to_ms])
                piece = slice(at + span[0], at + span[1])
                pieces[window].append(_rows_at(held, piece))
        return {w: _joined(found or [empty]) for w, found in pieces.items() if found or empty}


def _span(file: pq.ParquetFile) -> tuple[int, int]:
    """Return the first and last time in a file."""
    at = file.schema_arrow.get_field_index("ts_ms")
    groups = [file.metadata.row_group(i).column(at).statistics for i in range(file.num_row_groups)]
    return min((s.min for s in groups), default=0), max((s.max for s in groups), default=-1)


def _columns(file: pq.ParquetFile) -> Columns:
    table = file.read()
    out: Columns = {}
    for name in table.column_names:
        column = table.column(name).combine_chunks()
        if name == "surprises":
            width = column.type.list_size
            out[name] = np.asarray(column.flatten()).reshape(-1, width)
        else:
            out[name] = np.asarray(column)
    return out


def _rows_at(columns: Columns, at: npt.NDArray[Any] | slice) -> Columns:
    return {name: column[at] for name, column in columns.items()}


def _joined(pieces: Sequence[Columns]) -> Columns:
    """Return the pieces by time, each time once."""
    columns = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
    return _rows_at(columns, np.unique(columns["ts_ms"], return_index=True)[1])


def _curve(named: ScoredSeries, columns: Columns) -> Curve:
    expected, band = columns["expected"].astype(np.float64), columns["band"].astype(np.float64)
    lower, middle, upper = (
        np.clip(each, named.least, named.most)
        if (named.least, named.most) != (None, None)
        else each
        for each in (expected - band, expected, expected + band)
    )
    return Curve(named.unit, columns["ts_ms"], columns["value"], middle, lower, upper)


def _verdicts(columns: Columns) -> Verdicts:
    return Verdicts(columns["ts_ms"], columns["score"], columns["surprises"])
