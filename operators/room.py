"""What a key group follows and for how long: windows of admission over its roster and buffers.

Rows are given back at a window's begin alone, so that who has one depends on event times only.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from operators.admission import Admission, LimitSettings
from operators.announcer import said_every_ms
from operators.counters import Counters
from operators.layout import GONE
from operators.packing import Named
from operators.roster import Roster
from operators.ticks import Column, TickBuffer
from schema import I32, U64


class Room:
    """The windows of a key group; what waits for later ticks goes with its numbers."""

    def __init__(self, share: LimitSettings, roster: Roster, tick_ms: int) -> None:
        self.admission = Admission(share, said_every_ms(tick_ms))
        self._roster = roster
        self._over = 0  # samples of what was refused, since they were told
        self._forgotten = 0  # resources, likewise

    @property
    def ends_ms(self) -> int | None:
        """When the window ends, event time; None: the first has not begun."""
        window = self.admission.window
        return None if window is None else (window + 1) * self.admission.every_ms

    def told(self) -> tuple[int, int]:
        """Return samples refused and resources forgotten to make room, since the last time."""
        told = self._over, self._forgotten
        self._over = self._forgotten = 0
        return told

    # ------------------------------------------------------------------ samples

    def find(self, uid: U64) -> I32:
        """Return the number of each stream, -1 where it was refused."""
        return self._roster.find(uid, all_known=not self.admission.has_refused)

    def known(self, columns: list[Column]) -> list[Column]:
        """Leave out, and count, samples without a number, which is the first column."""
        return self._with_place(columns, columns[0] >= 0)

    def placed(self, columns: list[Column]) -> list[Column]:
        """Leave out, and count, samples whose stream has no row; the rest have been heard."""
        if self.admission.has_refused:
            columns = self._with_place(columns, self._roster.row[columns[0]] >= 0)
        self._roster.heard[columns[0]] = self.admission.window or 0
        return columns

    def _with_place(self, columns: list[Column], has: npt.NDArray[np.bool_]) -> list[Column]:
        if has.all():
            return columns
        self._over += int((~has).sum())
        return [column[has] for column in columns]

    # ------------------------------------------------------------------ windows

    def open(self, until_ms: int, *buffers: TickBuffer) -> None:
        """Begin the first window, with the first sample that is to be closed before `until_ms`."""
        if self.admission.window is not None:
            return
        times = [buffer.columns()[1] for buffer in buffers]
        oldest_ms = min((int(column.min()) for column in times if len(column)), default=until_ms)
        if oldest_ms < until_ms:
            self.admission.begin(oldest_ms // self.admission.every_ms, *self._roster.accounts())

    def turn(
        self,
        closed_ms: int,
        tick: int,
        names: Sequence[Named],
        counters: Counters,
        *buffers: TickBuffer,
    ) -> None:
        """End a window at `closed_ms`: forget and give back, then count anew what there is.

        `names` are those of later ticks: they are met as if they came only now.
        """
        window, roster = closed_ms // self.admission.every_ms, self._roster
        self._forgotten += self.admission.forget_oldest(roster.tables, tick)
        gone = any(t.arrays.counters[GONE] > 8 + len(t.resources) // 8 for t in roster.tables)
        if gone or self.admission.has_refused or roster.has_stale(window):
            uids = self._uids(buffers)
            roster.give_back(window, self.admission.is_full)
            counters.keep(roster.uid)
            roster.meet(names)
            self._find_again(buffers, uids)
        self.admission.begin(window, *roster.accounts())

    def tidy(self, *buffers: TickBuffer) -> None:
        """Let go of the numbers of what was refused, once they are many."""
        if self._roster.refused > 1024 + len(self._roster.uid) // 8:
            uids = self._uids(buffers)
            self._roster.renumber(self._roster.streams())
            self._find_again(buffers, uids)

    def _uids(self, buffers: Sequence[TickBuffer]) -> list[U64]:
        return [self._roster.uid[buffer.columns()[0]] for buffer in buffers]

    def _find_again(self, buffers: Sequence[TickBuffer], uids: Sequence[U64]) -> None:
        for buffer, uid in zip(buffers, uids, strict=True):
            columns = [self._roster.find(uid, all_known=False), *buffer.columns()[1:]]
            buffer.replace(self.known(columns))
