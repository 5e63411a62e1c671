"""Readings of counters to values, for an input that is looked at as a whole or as it arrives.

By the rules of `operators.counters`, but a value a reading, where the flow makes one a tick of all
streams of a series.
"""

from dataclasses import dataclass
from itertools import zip_longest
from math import isfinite
from typing import NamedTuple

import numpy as np

from schema import F64, Catalogue, Counter, SampleBatch, Series, SeriesTable


class Reading(NamedTuple):
    """One reading of a counter."""

    ts_ms: int
    value: float
    observed: float
    start_ms: int


@dataclass(slots=True)
class _Waiting:
    """A reading of which the value is not known yet, and where it will stand."""

    stream: int
    reading: Reading
    rule: "_Rule"
    block: int
    row: int


class _Rule(NamedTuple):
    counter: Counter
    amount: bool  # shown a tick, else a second


class Streams:
    """The counters of an input. Its resources' readings may come from several partitions.

    `live`: readings are differenced in the order in which they arrive, and one that is older than
    the last is absorbed; otherwise all are put in order by `settle`.
    """

    def __init__(self, catalogue: Catalogue, tick_s: float, *, live: bool) -> None:
        self._catalogue = catalogue
        self._tick_s = tick_s
        self._live = live
        self._ids: dict[tuple[str, str], int] = {}
        self._of_table: dict[SeriesTable, list[tuple[int, _Rule] | None]] = {}
        self._last: dict[int, Reading] = {}
        self._held: list[_Waiting] = []

    @property
    def waiting(self) -> bool:
        """Whether a reading waits for `settle`."""
        return bool(self._held)

    def take(self, batch: SampleBatch, table: SeriesTable, block: int) -> F64:
        """Return the values of a batch, NaN where there is none, or none yet.

        `block` is the place that this array will have in what `settle` is given.
        """
        if batch.start_ms is None or batch.count is None:
            return batch.value
        known = self._known(table)
        value = batch.value.copy()
        columns = (batch.series, batch.ts_ms, batch.value, batch.count, batch.start_ms)
        for row, (index, ts_ms, read, count, start_ms) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True)
        ):
            entry = known[index]
            if entry is None:
                continue
            stream, rule = entry
            reading = Reading(ts_ms, read, count, start_ms)
            if self._live or rule.counter.kind == "ratio":
                value[row] = self._difference(stream, rule, reading)
            else:
                value[row] = np.nan
                self._held.append(_Waiting(stream, reading, rule, block, row))
        return value

    def settle(self, values: list[F64]) -> None:
        """Write the values of all readings that wait into the arrays that `take` returned."""
        held = sorted(
            self._held, key=lambda each: (each.stream, each.reading.ts_ms, each.reading.value)
        )
        for each, after in zip_longest(held, held[1:]):
            again = after is not None and (after.stream, after.reading.ts_ms) == (
                each.stream,
                each.reading.ts_ms,
            )
            if not again:  # of equal times the largest counts
                value = self._difference(each.stream, each.rule, each.reading)
                values[each.block][each.row] = value
        self._held.clear()

    def _difference(self, stream: int, rule: _Rule, reading: Reading) -> float:
        counter = rule.counter
        if counter.kind == "ratio":
            return _scaled(counter, reading.value, reading.observed)
        last = self._last.get(stream)
        if last is not None and reading.ts_ms <= last.ts_ms:
            return np.nan
        self._last[stream] = reading
        if last is None:
            return np.nan
        if counter.kind == "mean":
            if _was_reset(last, reading, reading.observed < last.observed):
                return _scaled(counter, reading.value, reading.observed)
            return _scaled(counter, reading.value - last.value, reading.observed - last.observed)
        reset = _was_reset(last, reading, reading.value < last.value)
        increase = reading.value if reset else reading.value - last.value
        per = self._tick_s if rule.amount else 1.0
        return _scaled(counter, increase * per, (reading.ts_ms - last.ts_ms) / 1000)

    def _known(self, table: SeriesTable) -> list[tuple[int, _Rule] | None]:
        """Return the stream of each series of a table that is a counter, by its position."""
        known = self._of_table.setdefault(table, [])
        for series in table.series[len(known) :]:
            known.append(None if series.counter is None else self._stream(series, series.counter))
        return known

    def _stream(self, series: Series, counter: Counter) -> tuple[int, _Rule]:
        key = (series.resource.key, series.stream_key)
        stream = self._ids.setdefault(key, len(self._ids))
        spec = self._catalogue.lookup(series.resource.service, series.metric)
        return stream, _Rule(counter, spec.statistic == "sum")


def _was_reset(last: Reading, reading: Reading, fell: bool) -> bool:
    return fell or (reading.start_ms > max(0, last.start_ms) and reading.start_ms >= last.ts_ms)


def _scaled(counter: Counter, amount: float, over: float) -> float:
    """Return `amount / over` in the canonical unit; NaN if that is no finite number."""
    value = amount / over * counter.scale + counter.offset if over > 0 else np.nan
    return value if isfinite(value) else np.nan
