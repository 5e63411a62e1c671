"""The pace of partitions on other hosts, copied: each host has a table, and hears of changes."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from connectors.pace import COLUMNS, STATE, UNOPENED, WATERMARK
from schema import I64


class Row(NamedTuple):
    """A partition's row of a table; see `Pace`."""

    table: int
    partition: int
    state: int
    watermark_ms: int


class PaceMirror:
    """Tells what changed in this host's tables, and takes what changed in others'.

    A row has one writer in the cluster. A row that is older than what is known, as that of a host
    which has only reserved it, is recognised by its lower watermark, and ignored.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        """Open the tables that are there; a flow has made them before it is ready."""
        self._tables: list[I64] = [
            np.memmap(path, np.int64, "r+").reshape(-1, COLUMNS) for path in paths if path.exists()
        ]
        self._told = [np.zeros((len(table), 2), np.int64) for table in self._tables]

    def changes(self) -> tuple[Row, ...]:
        """Return the rows that have changed here since the last call."""
        found = []
        for number, (table, told) in enumerate(zip(self._tables, self._told, strict=True)):
            now = np.array(table[:, [STATE, WATERMARK]])
            for index in np.flatnonzero((now != told).any(axis=1)).tolist():
                state, watermark_ms = now[index].tolist()
                if state != UNOPENED:
                    found.append(Row(number, index, state, watermark_ms))
                    told[index] = now[index]
        return tuple(found)

    def take(self, rows: Iterable[Row]) -> None:
        """Copy rows of another host."""
        for number, index, state, watermark_ms in rows:
            table, told = self._tables[number], self._told[number]
            if table[index, STATE] != UNOPENED and watermark_ms < table[index, WATERMARK]:
                continue
            told[index] = state, watermark_ms
            table[index, WATERMARK] = watermark_ms
            table[index, STATE] = state
