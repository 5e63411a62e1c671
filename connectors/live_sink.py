"""Keeps what key groups say of how they stand, at a low rate however fast they say it."""

import time
from collections.abc import Callable, Sequence

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from connectors.incident_database import shown_url
from connectors.live_store import LiveStore
from connectors.outage import Patience
from schema import LiveWord

BURST = 20.0  # transactions, about as many as key groups that speak one after the other
A_SECOND = 1.0  # transactions, in the long run


class LiveSink(FixedPartitionedSink[LiveWord, None]):
    """Keeps how key groups stand in an incident store. One partition: one worker writes."""

    def __init__(self, url: str, wait_s: float = 0.0, heat_hours: float = 72.0) -> None:
        self.place = shown_url(url)
        self._url = url
        self._wait_s = wait_s  # for a database that is away
        self._heat_hours = heat_hours

    def list_parts(self) -> list[str]:
        """Return the one partition."""
        return ["live"]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> "LiveSinkPart":
        """Open the store, making it if there is none."""
        store = LiveStore(self._url, create=True, heat_hours=self._heat_hours)
        return LiveSinkPart(store, Patience(self.place, self._wait_s))


class LiveSinkPart(StatefulSinkPartition[LiveWord, None]):
    """The open store.

    Words wait while it has been written to often; at the end of an epoch none waits, so that none
    is lost in a crash.
    """

    def __init__(
        self, store: LiveStore, patience: Patience, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._patience = patience
        self._monotonic = monotonic
        self._waiting: list[LiveWord] = []
        self._budget, self._at_s = BURST, monotonic()

    def write_batch(self, values: Sequence[LiveWord]) -> None:
        """Keep what there is, or let it wait for the next batch."""
        self._waiting += values
        now_s = self._monotonic()
        self._budget = min(BURST, self._budget + (now_s - self._at_s) * A_SECOND)
        self._at_s = now_s
        if self._budget >= 1.0:
            self._budget -= 1.0
            self._write()

    def snapshot(self) -> None:
        """Keep what waits; there is no other state."""
        self._write()

    def close(self) -> None:
        """Keep what waits, and close the store."""
        self._write()
        self._store.close()

    def _write(self) -> None:
        words, self._waiting = self._waiting, []
        if words:
            self._patience(lambda: self._store.keep(words))
