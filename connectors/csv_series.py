"""A CSV file with a time and a value a row: read with its text, written with more columns beside.

One file is one series. A row whose time or value cannot be read is kept, without a value.
"""

import csv
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from connectors.file_tables import epoch_ms, number_of
from schema import F64, I64

OBVIOUS_TIME = ("timestamp", "time", "datetime", "date")
OBVIOUS_VALUE = ("value",)


class UnusableCsvError(ValueError):
    """The file is no series: the message says why, without the file's name."""


class SeriesColumns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The columns' names, in any case. Where one is not there, an obvious one is taken."""

    time: str = "timestamp"
    value: str = "value"

    def __post_init__(self) -> None:
        if not self.time or not self.value or self.time == self.value:
            raise ValueError(
                f"time and value must be two different columns, got {[self.time, self.value]!r}"
            )


class CsvSeries(msgspec.Struct, frozen=True):
    """The rows of a file: exact text, and what it means."""

    time_text: list[str]
    value_text: list[str]
    ts_ms: I64  # (n,)
    value: F64  # (n,), NaN: the row has no finite value, or no time
    taken: tuple[tuple[str, str], ...]  # (column that was asked for, column that is there)


def read_series(path: Path, columns: SeriesColumns) -> CsvSeries:
    """Return the file's series. Empty lines are no rows.

    Times are ISO 8601, UTC where no zone stands, or epoch s or ms.
    Memory: the file's two columns.
    Raises: UnusableCsvError; OSError.
    """
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file)
        try:
            rows = (row for row in reader if row)
            header = [name.strip() for name in next(rows, [])]
            if not header:
                raise UnusableCsvError("it is empty")
            time_at = _find(header, columns.time, OBVIOUS_TIME)
            value_at = _find(header, columns.value, OBVIOUS_VALUE)
            cells = [(_cell(row, time_at), _cell(row, value_at)) for row in rows]
        except csv.Error as ex:
            raise UnusableCsvError(f"line {reader.line_num}: {ex}") from ex
    time_text = [cell for cell, _ in cells]
    value_text = [cell for _, cell in cells]
    ts_ms = np.zeros(len(cells), np.int64)
    value = np.full(len(cells), np.nan)
    timed = 0
    for i, (moment, number) in enumerate(cells):
        try:
            ts_ms[i] = epoch_ms(moment)
        except ValueError:
            continue
        timed += 1
        known = number_of(number)
        value[i] = np.nan if known is None else known
    if cells and not timed:
        raise UnusableCsvError(
            f"no time that can be read in column {header[time_at]!r}, the first is {time_text[0]!r}"
        )
    asked = ((columns.time, header[time_at]), (columns.value, header[value_at]))
    taken = tuple((a, b) for a, b in asked if a.casefold() != b.casefold())
    return CsvSeries(time_text, value_text, ts_ms, value, taken)


def _cell(row: Sequence[str], at: int) -> str:
    return row[at] if at < len(row) else ""


def _find(header: Sequence[str], wanted: str, obvious: Iterable[str]) -> int:
    if wanted in header:
        return header.index(wanted)
    folded = [name.casefold() for name in header]
    for name in (wanted.casefold(), *obvious):
        if name in folded:
            return folded.index(name)
    raise UnusableCsvError(f"no column {wanted!r}, there are {', '.join(header)[:80]!r}")


def write_beside(
    path: Path, series: CsvSeries, names: Sequence[str], columns: Sequence[Iterable[str]]
) -> None:
    """Write `timestamp` and `value` as they stood, and the columns beside them.

    The file appears whole, or not at all.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with unfinished.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("timestamp", "value", *names))
            writer.writerows(zip(series.time_text, series.value_text, *columns, strict=True))
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
