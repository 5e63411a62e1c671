"""Rows of CSV and Parquet files as payloads of the unified form, `foreshock-json`.

So the decoder that reads our own samples reads tables too. A row that cannot be read becomes a
payload that no decoder accepts, with the row in it: nothing is lost and nothing stops.
"""

import csv
import math
import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import chain
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from connectors.file_lines import UNREADABLE, Run, read_lines, unreadable
from connectors.file_places import hive_columns
from connectors.table_rows import LARGEST_EPOCH_S, TableRows, text_of

FIELDS = ("cloud", "service", "account", "region", "unit")  # columns that keep their name
ROWS_AT_ONCE = 16_384  # at most

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_ENDINGS = re.compile(r"\.(csv(\.gz|\.zst)?|parquet)$")
_LARGEST_EPOCH_MS = 253_402_300_800_000  # the year 10000


class TableColumns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which columns of a CSV or Parquet file hold what.

    A file without a resource column is about one resource: the file's name without its endings.
    One without a metric column is about the metric "value". Columns named cloud, service, account,
    region and unit fill the fields of that name; any other becomes an attribute of the resource.
    Folders such as `region=eu-west-1` are columns too.
    """

    resource: str = "resource"
    metric: str = "metric"
    timestamp: str = "timestamp"
    value: str = "value"

    def __post_init__(self) -> None:
        names = [self.resource, self.metric, self.timestamp, self.value]
        if "" in names or len(set(names)) < len(names):
            raise ValueError(f"column names must be four different, non-empty ones, got {names!r}")


def number_of(cell: object) -> float | None:
    """Return a finite number, else None; a bool is none."""
    if isinstance(cell, bool) or not isinstance(cell, str | int | float | Decimal):
        return None
    try:
        number = float(cell)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def epoch_ms(moment: object) -> int:
    """Return a table's time in ms UTC: epoch s or ms, by size, or ISO 8601, UTC where it is naive.

    Raises: ValueError if it is none of these.
    """
    number = number_of(moment)
    if number is None:
        if isinstance(moment, str):
            return _calendar_ms(moment)
        raise ValueError("no time")
    ms = round(number * 1000) if abs(number) < LARGEST_EPOCH_S else round(number)
    if abs(ms) >= _LARGEST_EPOCH_MS:
        raise ValueError("time out of range")
    return ms


def _calendar_ms(text: str) -> int:
    moment = datetime.fromisoformat(text.strip())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MS


class _RowWriter:
    """Turns the rows of one file into payloads."""

    def __init__(
        self, path: Path, header: list[str], columns: TableColumns, exact_ms: bool = False
    ) -> None:
        self._resource = _ENDINGS.sub("", path.name)
        self._columns = columns
        self._exact_ms = exact_ms  # the time column holds ms already
        self._from_path = hive_columns(path, header)
        self._fault = ""
        for name in (columns.timestamp, columns.value):
            if name not in header:
                self._fault = f"no column {name}"
        if len(set(header)) < len(header):
            self._fault = "a column name that stands twice"

    @property
    def reads(self) -> bool:
        """Whether any row can be read."""
        return not self._fault

    def _ms(self, moment: object) -> int:
        return moment if self._exact_ms and isinstance(moment, int) else epoch_ms(moment)

    def payload(self, row: Mapping[str, object], raw: bytes | None = None) -> bytes:
        """Return one JSON line; `raw` is the row's text, for when it cannot be read."""
        columns = self._columns
        fault, ts_ms, value = self._fault, 0, None
        if not fault:
            value = number_of(row[columns.value])
            if value is None:
                fault = f"no finite number in column {columns.value}"
            moment = row[columns.timestamp]
            try:
                ts_ms = self._ms(moment)
            except ValueError:
                fault = f"no time in column {columns.timestamp}"
        if fault:
            return unreadable(fault, str(row).encode() if raw is None else raw)
        sample: dict[str, object] = {
            "resource": self._resource,
            "cloud": "",
            "service": "",
            "account": "",
            "region": "",
            "metric": "value",
            "ts_ms": ts_ms,
            "value": value,
        }
        attributes: dict[str, str] = {}
        for name, cell in chain(self._from_path.items(), row.items()):
            if name in (columns.timestamp, columns.value) or cell is None or cell == "":
                continue
            if name == columns.resource:
                sample["resource"] = text_of(cell)
            elif name == columns.metric:
                sample["metric"] = text_of(cell)
            elif name in FIELDS:
                sample[name] = text_of(cell)
            else:
                attributes[name] = text_of(cell)
        if attributes:
            sample["attributes"] = attributes
        return msgspec.json.encode(sample)


def read_csv(
    path: Path, start: int, max_line_bytes: int, columns: TableColumns
) -> Generator[Run, None, None]:
    """Yield the rows of the file from line `start`; line 0 is the header and no payload.

    A row is a line: an open quote costs one row, not the rest of the file, so a cell cannot hold
    a line break.
    """
    with closing(read_lines(path, 0, max_line_bytes)) as lines:
        top = next((run.payloads[0] for run in lines), None)
    if top is None:
        return
    if top.startswith(UNREADABLE) and start == 0:
        yield Run(0, [top], 1)
    header = [name.strip() for name in _cells(top) or []]
    writer = _RowWriter(path, header, columns)
    for run in read_lines(path, max(1, start), max_line_bytes):
        rows = [_csv_payload(line, header, writer) for line in run.payloads]
        yield Run(run.position, rows, run.next_position)


def _csv_payload(line: bytes, header: list[str], writer: _RowWriter) -> bytes:
    if not line:
        return line  # an empty line is an empty payload, as in every file
    cells = _cells(line)
    if cells is None:
        return unreadable("no CSV row", line)
    if len(cells) != len(header):
        return unreadable(f"{len(cells)} cells under {len(header)} columns", line)
    return writer.payload(dict(zip(header, cells, strict=True)), line)


def _cells(line: bytes) -> list[str] | None:
    try:
        return next(csv.reader((line.decode(),), strict=True), [])
    except (UnicodeDecodeError, csv.Error):
        return None


def read_parquet(
    path: Path, start: int, columns: TableColumns, rows_at_once: int = ROWS_AT_ONCE
) -> Generator[Run, None, None]:
    """Yield the rows of the file from row number `start`, row group by row group.

    A damaged row group gives the rows before the damage, then one payload that says so in place of
    the others. Memory: the encoded pages of a row group, and the rows that are read at once.
    """
    with ExitStack() as held:
        place = path if isinstance(path, Path) else held.enter_context(path.open("rb"))
        try:
            file = held.enter_context(pq.ParquetFile(place))
        except (pa.ArrowException, OSError) as ex:
            if start == 0:
                yield Run(0, [unreadable(f"no Parquet file ({ex})")], 1)
            return
        schema = file.schema_arrow
        times = schema.get_all_field_indices(columns.timestamp)
        exact_ms = any(pa.types.is_timestamp(schema.types[i]) for i in times)
        writer = _RowWriter(path, schema.names, columns, exact_ms)
        said = (columns.timestamp, columns.value) if writer.reads else ("", "")
        first = 0
        for group in range(file.num_row_groups):
            end = first + file.metadata.row_group(group).num_rows
            if end > start:
                batches = file.iter_batches(rows_at_once, row_groups=[group], use_threads=False)
                tables = (TableRows(batch, writer.payload, *said) for batch in batches)
                yield from _row_group(tables, group, (first, end), start)
            first = end
        if first < start:
            raise ValueError(f"{path}: must have at least {start} rows to go on, got {first}")


def _row_group(
    tables: Iterator[TableRows], group: int, span: tuple[int, int], start: int
) -> Iterator[Run]:
    position, end = span
    try:
        for table in tables:
            rows = table[max(0, start - position) :]
            position += len(table)
            if rows:
                yield Run(position - len(rows), rows, position)
    except (pa.ArrowException, OSError) as ex:
        if position >= start:
            lost = unreadable(f"{end - position} rows of row group {group} ({ex})")
            yield Run(position, [lost], end)
