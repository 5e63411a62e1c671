"""What the flow's steps and their snapshots cost, for Prometheus."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from bytewax.operators import StatefulBatchLogic
from prometheus_client import CollectorRegistry, Counter

Logic = StatefulBatchLogic[Any, Any, Any]


class StepMeters:
    """The steps of one process. Memory: some numbers a step."""

    def __init__(
        self, registry: CollectorRegistry, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        def counter(name: str, words: str) -> Counter:
            return Counter(f"foreshock_{name}", words, ["step"], registry=registry)

        self.clock = clock
        self.seconds = counter("step_seconds", "Time in which a step worked on what came")
        self.items = counter("step_items", "Items that a step took")
        self.snapshots = counter("snapshots", "Snapshots of a key's state")
        self.snapshot_seconds = counter("snapshot_seconds", "Time in which state became bytes")
        self.snapshot_bytes = counter("snapshot_bytes", "Bytes that state became")

    def measured(self, step: str, logic: Logic) -> Logic:
        """Return a logic that does what `logic` does, and measures it."""
        return _Measured(self, step, logic)


class _Measured(StatefulBatchLogic[Any, Any, Any]):
    def __init__(self, meters: StepMeters, step: str, logic: Logic) -> None:
        self._logic = logic
        self._clock = meters.clock
        self._seconds = meters.seconds.labels(step)
        self._items = meters.items.labels(step)
        self._snapshots = meters.snapshots.labels(step)
        self._snapshot_seconds = meters.snapshot_seconds.labels(step)
        self._snapshot_bytes = meters.snapshot_bytes.labels(step)

    def on_batch(self, values: list[Any]) -> tuple[Any, bool]:
        began_s = self._clock()
        out = self._logic.on_batch(values)
        self._seconds.inc(self._clock() - began_s)
        self._items.inc(len(values))
        return out

    def on_notify(self) -> tuple[Any, bool]:
        return self._logic.on_notify()

    def on_eof(self) -> tuple[Any, bool]:
        return self._logic.on_eof()

    def notify_at(self) -> datetime | None:
        return self._logic.notify_at()

    def snapshot(self) -> object:
        began_s = self._clock()
        state = self._logic.snapshot()
        self._snapshot_seconds.inc(self._clock() - began_s)
        self._snapshots.inc()
        if isinstance(state, bytes):
            self._snapshot_bytes.inc(len(state))
        return state
