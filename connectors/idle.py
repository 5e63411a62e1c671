"""Idle marks of one source partition: those of earlier runs, again, and new ones.

The key groups wait for the slowest partition, so one that has nothing to read would hold all the
others. It is moved on by a mark, which is logged before it is obeyed: a replay obeys it at the
same position and so comes to the same outcome.
"""

import logging
from bisect import bisect_left, bisect_right
from collections.abc import Callable

from connectors.control_log import ControlLog, IdleMark, idle_marks
from connectors.pace import Pace

logger = logging.getLogger(__name__)

GRACE_S = 5.0  # how long a reader that has read everything may take to find that out


class PastMarks:
    """The logged marks of a partition, taken in order of position."""

    def __init__(self, marks: list[IdleMark]) -> None:
        self._positions = [mark.position for mark in marks]
        self._watermarks_ms = [mark.effective_ms for mark in marks]

    def begin(self, position: int) -> None:
        """Drop the marks before the position at which reading starts."""
        self._drop(bisect_left(self._positions, position))

    def following(self) -> int | None:
        """Return the position of the first mark not yet taken."""
        return self._positions[0] if self._positions else None

    def take(self, position: int) -> int | None:
        """Return the watermark of the marks that a partition standing at `position` has reached."""
        count = bisect_right(self._positions, position)
        watermark_ms = max(self._watermarks_ms[:count], default=None)
        self._drop(count)
        return watermark_ms

    def _drop(self, count: int) -> None:
        del self._positions[:count]
        del self._watermarks_ms[:count]


class IdleWatch:
    """Decides when a partition that stands at the end of what exists gets a new mark.

    A mark follows when the watermark has stood for `idle_s`, be it that nothing came or that
    nothing could be decoded; then every `idle_s`, and at once when the others have run `leap_ms`
    ahead: they pause for this partition and should not pause for long.
    """

    def __init__(
        self,
        partition: str,
        index: int,
        idle_s: float,
        leap_ms: int,
        pace: Pace,
        log: ControlLog | None,
        monotonic: Callable[[], float],
    ) -> None:
        self._partition = partition
        self._index = index
        self._idle_s = idle_s
        self._leap_ms = leap_ms
        self._pace = pace
        self._log = log
        self._monotonic = monotonic
        self._since: float | None = None  # from when on the watermark has stood
        self._heard = monotonic()  # when the outside system last answered
        self._marked: float | None = None
        self._warned = False

    def past(self) -> PastMarks:
        """Return the marks that are in the log already."""
        return PastMarks([] if self._log is None else idle_marks(self._log, self._partition))

    def moved(self) -> None:
        """Say that the watermark moved, or could if the partition were read on."""
        self._since = self._marked = None

    def stood(self) -> None:
        """Say that payloads came and the watermark did not move."""
        self._heard = self._monotonic()
        if self._since is None:
            self._since = self._heard

    def unsure(self) -> None:
        """Say that nothing came, and that the reader does not know whether there is more."""
        if self._monotonic() - self._heard > GRACE_S:
            self.moved()

    def mark(self, position: int, watermark_ms: int) -> int | None:
        """Return the watermark to move on to from `watermark_ms`; None: stay.

        Call it while the reader is caught up at `position`. A mark returned is in the log.
        """
        self.stood()
        now = self._heard
        if self._since is None or now - self._since < self._idle_s:
            return None
        self._pace.rest(self._index, watermark_ms)
        target_ms = self._pace.lowest_other_ms(self._index)
        if target_ms is None or target_ms <= watermark_ms:
            return None
        if self._log is None:
            self._warn()
            return None
        waited = self._marked is None or now - self._marked >= self._idle_s
        if not waited and target_ms - watermark_ms < self._leap_ms:
            return None
        self._log.append(IdleMark(self._partition, position, target_ms))
        self._marked = now
        return target_ms

    def _warn(self) -> None:
        if not self._warned:
            self._warned = True
            logger.warning(
                "%s has nothing to read and there is no control log to note that in: "
                "no tick closes until it has",
                self._partition,
            )
