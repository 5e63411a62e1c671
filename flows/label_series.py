"""Labels of rows: windows of the Numenta Anomaly Benchmark, and CSV files with a label a row."""

import csv
from collections.abc import Iterator
from itertools import groupby, pairwise
from pathlib import Path, PurePosixPath
from statistics import median

import msgspec

from connectors.file_tables import epoch_ms, number_of
from flows.labels import Fault, Labels

LABEL = ("label", "is_anomaly", "anomaly")
TIME = ("timestamp", "time", "datetime", "date")
RESOURCE = "resource"
_WINDOWS = msgspec.json.Decoder(dict[str, list[tuple[str, str]]])
Span = tuple[int, int]


def read_nab_windows(content: bytes) -> Labels:
    """Return the faults of a `combined_windows.json`: a window each, of the resource of its file.

    Raises: ValueError if it is none.
    """
    try:
        found = _WINDOWS.decode(content)
    except msgspec.DecodeError as ex:
        raise ValueError(f"must be windows by file, as NAB has them: {ex}") from ex
    windows = {name: tuple(_span(name, each) for each in spans) for name, spans in found.items()}
    faults = [
        Fault(f"{name}#{i}", start, last + 1, frozenset({PurePosixPath(name).stem}), "window")
        for name, spans in sorted(windows.items())
        for i, (start, last) in enumerate(spans, 1)
    ]
    return Labels(tuple(faults), form="nab", windows=windows)


def _span(name: str, window: tuple[str, str]) -> Span:
    try:
        start, last = (epoch_ms(moment) for moment in window)
    except ValueError as ex:
        raise ValueError(f"a window of {name} must be two times, got {list(window)!r}") from ex
    if start > last:
        raise ValueError(f"a window of {name} must not end before it starts, got {list(window)!r}")
    return start, last


def labels_of_points(path: Path) -> Labels:
    """Return the faults of CSV files with a label a row: a fault is a run of labelled rows.

    A file is about the resource of its name, unless a column says which. Rows of other files in a
    folder than CSV are not looked at.
    Raises: ValueError naming the file; OSError.
    """
    files = sorted(path.rglob("*.csv")) if path.is_dir() else [path]
    if not files:
        raise ValueError("must hold CSV files with labels, got a folder without")
    faults: list[Fault] = []
    for file in files:
        inside = f"{file.relative_to(path)}: " if path.is_dir() else ""
        try:
            faults += _runs(file)
        except (ValueError, csv.Error) as ex:
            raise ValueError(f"{inside}{ex}") from ex
    return Labels(tuple(faults), form="points")


def _runs(file: Path) -> Iterator[Fault]:
    rows: dict[str, dict[int, bool]] = {}
    for name, ts_ms, labelled in _rows(file):
        held = rows.setdefault(name or file.stem, {})
        held[ts_ms] = labelled or held.get(ts_ms, False)
    for name, held in rows.items():
        times = sorted(held)
        steps = [after - before for before, after in pairwise(times)]
        step_ms = round(median(steps)) if steps else 0
        by_label = groupby(times, key=held.__getitem__)
        runs = [list(run) for is_run, run in by_label if is_run]
        for count, run in enumerate(runs, 1):
            end_ms = run[-1] + max(step_ms, 1)
            yield Fault(f"{name}#{count}", run[0], end_ms, frozenset({name}), "labelled")


def _rows(file: Path) -> Iterator[tuple[str, int, bool]]:
    """Yield (resource, time, whether it is labelled) of each row; an empty label is none."""
    with file.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.reader(lines)
        header = [name.strip().casefold() for name in next(reader, [])]
        time_at, label_at = _column(header, TIME), _column(header, LABEL)
        resource_at = header.index(RESOURCE) if RESOURCE in header else None
        for row in reader:
            if not row:
                continue
            if len(row) != len(header):
                raise ValueError(
                    f"line {reader.line_num} must have {len(header)} cells, got {len(row)}"
                )
            cell = row[label_at].strip()
            label = 0.0 if cell.casefold() in ("", "nan") else number_of(cell)
            if label is None:
                raise ValueError(f"line {reader.line_num}: a label must be 0 or 1, got {cell!r}")
            try:
                ts_ms = epoch_ms(row[time_at])
            except ValueError as ex:
                got = row[time_at]
                raise ValueError(f"line {reader.line_num}: no time, got {got!r}") from ex
            yield "" if resource_at is None else row[resource_at], ts_ms, label > 0


def _column(header: list[str], names: tuple[str, ...]) -> int:
    for name in names:
        if name in header:
            return header.index(name)
    raise ValueError(f"must have a column {' or '.join(names)}, got {', '.join(header)[:80]!r}")
