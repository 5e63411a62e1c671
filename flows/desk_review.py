"""What the review found and what comes next, for screens: of a bounded number of incidents.

The outlook reads months of incidents, and changes slowly: it is kept for a while.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from connectors.review_store import ReviewStore
from flows.review_facts import DAY_MS, HISTORY_MS
from flows.review_service import summaries
from operators.deadlines import Target
from operators.review_outlook import outlook
from schema.review_view import Outlook, RecordView, ReviewView

MAX_RECORDS = 200
MAX_INCIDENTS = 10_000  # that the outlook is of, the newest
KEPT_S = 300.0
KEPT = 8  # spans at most


class Span(NamedTuple):
    """What was asked for; without times the last days."""

    from_ms: int | None
    to_ms: int | None
    days: int

    def times(self, now_ms: int) -> tuple[int, int]:
        """Return where it begins and ends. Raises: ValueError if it ends before it begins."""
        to_ms = now_ms if self.to_ms is None else self.to_ms
        from_ms = to_ms - self.days * DAY_MS if self.from_ms is None else self.from_ms
        if not from_ms < to_ms:
            raise ValueError(f"from_ms must be before to_ms, got {from_ms} and {to_ms}")
        return from_ms, to_ms


class Reviewing:
    """Reads it. Memory: an outlook for each of the spans that were asked for last."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self._targets = targets
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[int, Span], tuple[float, Outlook]] = OrderedDict()

    def view(self, store: ReviewStore, generation: int, asked: Span, now_ms: int) -> ReviewView:
        """Return it; `generation` tells openings of the store apart.

        Raises: ValueError for a span that ends before it begins.
        """
        from_ms, to_ms = asked.times(now_ms)
        found = store.records(from_ms, to_ms, limit=MAX_RECORDS)
        until_ms = min(to_ms, now_ms)
        with self._lock:  # one at a time: who asks for the same waits for it
            due_s, ahead = self._kept.pop((generation, asked), (0.0, None))
            if ahead is None or time.monotonic() > due_s:
                steps = store.steps(until_ms - HISTORY_MS, until_ms, MAX_INCIDENTS)
                ahead = outlook(steps, until_ms, from_ms, self._targets)
                due_s = time.monotonic() + KEPT_S
            self._kept[generation, asked] = due_s, ahead
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return ReviewView(
            summaries(store, from_ms, to_ms), tuple(RecordView.of(each) for each in found), ahead
        )
