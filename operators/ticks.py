"""Samples wait here until their tick is complete; then they leave in one order, one a tick."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.jit import jit
from schema import F64, I32, I64, U64

Column = npt.NDArray[Any]

MEAN, SUM, LARGEST, SMALLEST = range(4)


def rule_of(statistic: str) -> int:
    """Return how several samples of a tick become one, by the statistic that they are.

    >>> rule_of("sum") == SUM, rule_of("p99") == MEAN
    (True, True)
    """
    return {"sum": SUM, "count": SUM, "max": LARGEST, "min": SMALLEST}.get(statistic, MEAN)


class Order(NamedTuple):
    """Where the samples of each series go, by its number."""

    cohort: I32
    rank: I32  # place in the cohort's order; several series of one rank are parts of one
    rule: I32  # how several samples of a tick become one
    part: U64  # tells the parts apart


class TickBuffer:
    """Samples of ticks that are still open, as columns of which the second is the time in ms.

    Memory: what lies between watermark and newest.
    """

    def __init__(self, *dtypes: str) -> None:
        self._dtypes = dtypes or ("i4", "i8", "f8")  # series, time, value
        self._columns: list[list[Column]] = [[] for _ in self._dtypes]

    def add(self, *columns: Column) -> None:
        """Keep samples of equal length columns, in any order."""
        if len(columns[0]):
            for kept, column in zip(self._columns, columns, strict=True):
                kept.append(column)

    def columns(self) -> list[Column]:
        """Return all that waits, for a snapshot."""
        if not self._columns[0]:
            return [np.zeros(0, dtype) for dtype in self._dtypes]
        return [np.concatenate(kept) for kept in self._columns]

    def replace(self, columns: Sequence[Column]) -> None:
        """Let these wait instead."""
        self._columns = [[column] for column in columns]

    def take(self, until_ms: int) -> list[Column]:
        """Remove and return the samples before `until_ms`."""
        columns = self.columns()
        done = columns[1] < until_ms
        self._columns = [[] for _ in self._dtypes]
        if not done.all():
            self.add(*(column[~done] for column in columns))
            columns = [column[done] for column in columns]
        return columns


def ordered(
    series: I32, ts_ms: I64, value: F64, tick_ms: int, order: Order
) -> tuple[I32, I64, F64]:
    """Return (series, tick, value) by (cohort, tick, rank), one value a rank and tick.

    Series of one rank are parts of one: first each part's samples become one, then the parts.
    The outcome does not depend on the input's order: a tick's samples are ordered by (part, time,
    value) before anything is summed.
    """
    tick = ts_ms // tick_ms
    first = int(tick.min())
    ticks = int(tick.max()) - first + 1
    key = (order.cohort[series].astype(np.int64) * ticks + (tick - first)) * (
        int(order.rank.max()) + 1
    )
    key += order.rank[series]
    by = np.argsort(key, kind="stable")
    sorted_key = key[by]
    if (sorted_key[1:] == sorted_key[:-1]).any():
        part = order.part[series]
        by = np.lexsort((value, ts_ms, part, key))
        sorted_key = key[by]
        series, tick, value = series[by], tick[by], value[by]
        left = _merge(sorted_key, part[by], ts_ms[by], value, series, tick, order.rule)
        return series[:left], tick[:left], value[:left]
    return series[by], tick[by], value[by]


@jit
def _merge(key: I64, part: U64, ts_ms: I64, value: F64, series: I32, tick: I64, rule: I32) -> int:
    """Make one value of each run of equal keys, in place; return how many are left.

    Input is ordered by (key, part, time, value). Equal times of a part count once, with their
    largest value.
    """
    out = 0
    i = 0
    while i < key.size:
        how = rule[series[i]]
        parts = 0
        total = 0.0  # of the parts
        low = np.inf
        high = -np.inf
        j = i
        while j < key.size and key[j] == key[i]:
            of_part = part[j]
            part_total = 0.0
            count = 0
            while j < key.size and key[j] == key[i] and part[j] == of_part:
                again = j + 1 < key.size and key[j + 1] == key[j] and part[j + 1] == of_part
                if not (again and ts_ms[j + 1] == ts_ms[j]):
                    part_total += value[j]
                    count += 1
                    low = min(low, value[j])
                    high = max(high, value[j])
                j += 1
            parts += 1
            total += part_total if how == SUM else part_total / count
        merged = total / parts
        if how == SUM:
            merged = total
        elif how == LARGEST:
            merged = high
        elif how == SMALLEST:
            merged = low
        series[out] = series[i]
        tick[out] = tick[i]
        value[out] = merged
        out += 1
        i = j
    return out
