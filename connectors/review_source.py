"""Incident events as a Bytewax source: a list that is there, or the store's log as it grows."""

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from connectors.incident_steps import step_of
from connectors.incident_store import IncidentStore, StoredEvent
from connectors.source import wall_clock
from schema import IncidentEvent, ReviewBatch

PART = "incidents"
BATCH = 1_000
POLL_S = 1.0

Read = Callable[[int, int], tuple[Sequence[IncidentEvent], int]]
"""Returns up to so many events from a position on, and the position behind them."""


def listed(events: Sequence[IncidentEvent]) -> Read:
    """Return a reader of events that are in order."""
    return lambda position, limit: (
        events[position : position + limit],
        min(position + limit, len(events)),
    )


def stored(store: IncidentStore) -> Read:
    """Return a reader of a store's log."""

    def read(position: int, limit: int) -> tuple[Sequence[IncidentEvent], int]:
        found: list[StoredEvent] = store.events_after(position, limit)
        steps = (step_of(each.transition) for each in found)
        behind = found[-1].sequence if found else position
        return [each for each in steps if each is not None], behind

    return read


class ReviewSource(FixedPartitionedSource[ReviewBatch, tuple[int, int]]):
    """One partition: the log is one, and is read in its order.

    Time comes as far as the events', less `lateness_ms`. At the end of a bounded input it comes to
    `until_ms`: what ends by then is over. With `stop` the input has no end: it is asked for more
    until that is set, and what is still open then stays open.
    """

    def __init__(
        self,
        read: Read,
        lateness_ms: int,
        until_ms: int | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self._read = read
        self._lateness_ms = lateness_ms
        self._until_ms = until_ms
        self._stop = stop

    def list_parts(self) -> list[str]:
        """Return the one partition."""
        return [PART]

    def build_part(
        self, step_id: str, for_part: str, resume_state: tuple[int, int] | None
    ) -> "ReviewPart":
        """Go on where the last run stood."""
        return ReviewPart(
            self._read, self._lateness_ms, self._until_ms, self._stop, resume_state or (0, 0)
        )


class ReviewPart(StatefulSourcePartition[ReviewBatch, tuple[int, int]]):
    """The open log."""

    def __init__(
        self,
        read: Read,
        lateness_ms: int,
        until_ms: int | None,
        stop: threading.Event | None,
        place: tuple[int, int],
    ) -> None:
        self._read = read
        self._lateness_ms = lateness_ms
        self._until_ms = until_ms
        self._stop = stop
        self._position, self._newest_ms = place
        self._is_over = False
        self._wake: datetime | None = None

    def next_batch(self) -> list[ReviewBatch]:
        """Return the next events."""
        self._wake = None
        if self._is_over or (self._stop is not None and self._stop.is_set()):
            raise StopIteration
        events, behind = self._read(self._position, BATCH)
        if behind == self._position:
            if self._stop is not None:
                self._wake = wall_clock() + timedelta(seconds=POLL_S)
                return []
            self._is_over = True
            until_ms = self._newest_ms if self._until_ms is None else self._until_ms
            return [ReviewBatch((), until_ms)]
        self._position = behind
        if not events:
            return []
        self._newest_ms = max(self._newest_ms, *(each.ts_ms for each in events))
        return [ReviewBatch(tuple(events), self._newest_ms - self._lateness_ms)]

    def next_awake(self) -> datetime | None:
        """Ask for more soon, where there was none."""
        return self._wake

    def snapshot(self) -> tuple[int, int]:
        """Return where the log was read to, and the newest time in it."""
        return self._position, self._newest_ms
