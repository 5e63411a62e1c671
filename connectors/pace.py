"""How far each source partition has got, seen by all partitions of one host."""

import mmap
import os
from pathlib import Path
from typing import Self

import numpy as np

from schema import I64

STATE, WATERMARK, DONE = 0, 1, 2  # columns
COLUMNS = 3
WHOLE = 1_000_000  # what DONE counts to
UNOPENED, ACTIVE, IDLE, ENDED = 0, 1, 2, 3  # zeros, as a new file has, mean "unopened"


class Pace:
    """Watermark and state of every partition, by its place in the global list.

    `table` is (n, 3) int64: state, watermark in ms, millionths of it that are read. Each row has
    one writer, its partition; a reader may see a row one write old, which delays a pause and
    changes no result.
    Partitions that nobody has opened here (they may be on another host) do not count.
    """

    def __init__(self, table: I64) -> None:
        self._table = table

    @classmethod
    def local(cls, partitions: int) -> Self:
        """Return a pace for the partitions of this process alone."""
        return cls(np.zeros((partitions, COLUMNS), dtype=np.int64))

    @classmethod
    def shared(cls, path: Path, partitions: int) -> Self:
        """Return the pace that the processes of this host share by the file at `path`.

        The first process makes the file. Give every run a new path: what an earlier run left
        would count as partitions that stand still.
        """
        size = max(1, partitions) * COLUMNS * 8
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            found = os.fstat(file).st_size
            if found not in {0, size}:
                raise ValueError(
                    f"{path}: a pace of {partitions} partitions must have {size} bytes, "
                    f"got {found!r}"
                )
            os.ftruncate(file, size)
            memory = mmap.mmap(file, size)
        finally:
            os.close(file)
        table = np.frombuffer(memory, dtype=np.int64).reshape(-1, COLUMNS)
        return cls(table[:partitions])

    @classmethod
    def seen(cls, path: Path) -> Self:
        """Return what the processes have written into the file at `path` so far."""
        return cls(np.fromfile(path, dtype=np.int64).reshape(-1, COLUMNS))

    def __len__(self) -> int:
        return len(self._table)

    def move(self, index: int, watermark_ms: int) -> None:
        """Say that a partition reads, and how far it has got."""
        self._table[index, WATERMARK] = watermark_ms
        self._table[index, STATE] = ACTIVE

    def rest(self, index: int, watermark_ms: int) -> None:
        """Say that a partition is idle: it stands at the end of what exists."""
        self._table[index, WATERMARK] = watermark_ms
        self._table[index, STATE] = IDLE

    def end(self, index: int) -> None:
        """Say that nothing will ever follow in a partition."""
        self._table[index, DONE] = WHOLE
        self._table[index, STATE] = ENDED

    def come(self, index: int, share: float) -> None:
        """Say which share, in [0, 1], of what there is to read of a partition has been read."""
        self._table[index, DONE] = int(share * WHOLE)

    def leave_out(self, index: int) -> None:
        """Say that a partition does not count in how much has been read."""
        self._table[index, DONE] = -1

    def share(self) -> float:
        """Return how much has been read, in [0, 1]: the mean of the partitions' shares."""
        done = self._table[:, DONE]
        return float(done[done >= 0].mean()) / WHOLE if (done >= 0).any() else 0.0

    def standing(self, index: int) -> tuple[int, int]:
        """Return a partition's state and watermark in ms."""
        state, watermark_ms = self._table[index, [STATE, WATERMARK]].tolist()
        return state, watermark_ms

    def lowest_ms(self) -> int | None:
        """Return the lowest watermark of the open partitions, idle ones too; None: none is open.

        Idle ones count because the key groups wait for them: their marks move them on.
        """
        state = self._table[:, STATE]
        return self._lowest((state == ACTIVE) | (state == IDLE))

    def lowest_other_ms(self, index: int) -> int | None:
        """Return the lowest watermark of the partitions other than `index` that are reading."""
        reading = self._table[:, STATE] == ACTIVE
        reading[index] = False
        return self._lowest(reading)

    def lowest_besides_ms(self, index: int) -> int | None:
        """Return the lowest watermark of the open partitions other than `index`."""
        state = self._table[:, STATE]
        rows = (state == ACTIVE) | (state == IDLE)
        rows[index] = False
        return self._lowest(rows)

    def highest_besides_ms(self, index: int) -> int | None:
        """Return the highest watermark that a partition other than `index` has ever had here."""
        rows = self._table[:, STATE] != UNOPENED
        rows[index] = False
        return int(self._table[rows, WATERMARK].max()) if rows.any() else None

    def ended_besides(self, index: int) -> bool:
        """Whether all partitions other than `index` have ended."""
        rows = self._table[:, STATE] != ENDED
        rows[index] = False
        return not rows.any()

    def _lowest(self, rows: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> int | None:
        return int(self._table[rows, WATERMARK].min()) if rows.any() else None
