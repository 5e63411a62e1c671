"""Rows of an Arrow record batch as payloads."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.formats.tabular import Columns, TableName, Tabular
from connectors.formats.times import MAX_TS_MS
from schema import I64

LARGEST_EPOCH_S = 10**11  # a larger number is milliseconds: 1e11 s is the year 5138, 1e11 ms 1973
_TOO_MANY = 1 << 62  # names that could be told apart; more than this do not fit into 64 bits

Write = Callable[[Mapping[str, object]], bytes]


class TableRows(Tabular):
    """Some rows; `write` makes a row's payload.

    `time` and `value` are the names of these columns, which the batch has once; "" where rows can
    be written out alone.
    """

    def __init__(self, batch: pa.RecordBatch, write: Write, time: str, value: str) -> None:
        self._batch = batch
        self._write = write
        self._time = time
        self._value = value

    @property
    def nbytes(self) -> int:
        """Return the memory that the columns take."""
        return int(self._batch.nbytes)

    def __len__(self) -> int:
        return int(self._batch.num_rows)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> "TableRows": ...
    def __getitem__(self, index: int | slice) -> "bytes | TableRows":
        if isinstance(index, int):
            return self.payloads([range(len(self))[index]])[0]
        start, stop, step = index.indices(len(self))
        if step != 1:
            raise ValueError(f"step must be 1, got {step!r}")
        batch = self._batch.slice(start, max(0, stop - start))
        return TableRows(batch, self._write, self._time, self._value)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.payloads(range(len(self))))

    def payloads(self, rows: Iterable[int]) -> list[bytes]:
        """See `Tabular`."""
        batch = self._batch.take(pa.array(rows, pa.int64()))
        names = batch.schema.names
        cells = zip(*(plain_cells(column) for column in batch.columns), strict=True)
        return [self._write(dict(zip(names, row, strict=True))) for row in cells]

    def columns(self) -> Columns | None:
        """See `Tabular`."""
        if not len(self) or not self._time:
            return None
        value = self._batch.column(self._value)
        ts_ms = _milliseconds(self._batch.column(self._time))
        if ts_ms is None or not (pa.types.is_floating(value.type) or _is_int(value.type)):
            return None
        number = _numbers(value)
        plain = np.isfinite(number) & (ts_ms >= 0) & (ts_ms <= MAX_TS_MS)
        others = [n for n in self._batch.schema.names if n not in (self._time, self._value)]
        key: I64 = np.zeros(len(self), np.int64)
        coded: list[tuple[I64, list[str | None]]] = []
        room = 1
        for other in others:
            try:
                codes, cells = _coded(self._batch.column(other))
            except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
                return None
            room *= len(cells)
            if room >= _TOO_MANY:
                return None
            key = key * len(cells) + codes
            coded.append((codes, cells))
        _, example, name = np.unique(key, return_index=True, return_inverse=True)
        columns = ([cells[i] for i in codes[example].tolist()] for codes, cells in coded)
        said: Iterable[tuple[str | None, ...]] = zip(*columns, strict=True) if coded else [()]
        about = tuple(others)
        names = [TableName(about, cells) for cells in said]
        return Columns(plain, ts_ms, number, name, names, example)


def plain_cells(column: pa.Array) -> list[object]:
    """Return a column's cells as Python values, times as epoch ms."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_timestamp(column.type):
        column = _as_ms(column)
    try:
        cells: list[object] = column.to_pylist()
    except UnicodeDecodeError:  # text that is none
        cells = column.cast(pa.large_binary()).to_pylist()
    return cells


def _as_ms(column: pa.Array) -> pa.Array:
    return column.cast(pa.timestamp("ms", column.type.tz), safe=False).cast(pa.int64())


def _is_int(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind))


def _numbers(column: pa.Array) -> npt.NDArray[np.float64]:
    """Return numbers as Python's `float` would, NaN where there is none."""
    return np.asarray(column.to_numpy(zero_copy_only=False), np.float64)


def _milliseconds(column: pa.Array) -> I64 | None:
    """Return times as epoch ms, -1 where there is none; None where they are text or fractions."""
    exact = pa.types.is_timestamp(column.type)
    if exact:
        column = _as_ms(column)
    elif not _is_int(column.type):
        return None
    stated = column.cast(pa.int64(), safe=False).fill_null(-1)
    ts_ms = np.asarray(stated.to_numpy(zero_copy_only=False), np.int64)
    return ts_ms if exact else np.where(ts_ms < LARGEST_EPOCH_S, ts_ms * 1000, ts_ms)


def _coded(column: pa.Array) -> tuple[I64, list[str | None]]:
    """Return a column as numbers and what they stand for, None last if there are nulls."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    cells = [None if cell is None else text_of(cell) for cell in plain_cells(column.dictionary)]
    codes = column.indices.cast(pa.int64())
    if codes.null_count:
        codes = codes.fill_null(len(cells))
        cells.append(None)
    return np.asarray(codes.to_numpy(), np.int64), cells


def text_of(cell: object) -> str:
    """Return a cell as the text of a name or an attribute."""
    return cell.decode(errors="backslashreplace") if isinstance(cell, bytes) else str(cell)
