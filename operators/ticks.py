"""Samples wait here until their tick is complete; then they leave in one order, one a tick."""

import numpy as np

from models.jit import jit
from schema import F64, I32, I64

MEAN, SUM, LARGEST, SMALLEST = range(4)


def rule_of(statistic: str) -> int:
    """Return how several samples of a tick become one, by the statistic that they are.

    >>> rule_of("sum") == SUM, rule_of("p99") == MEAN
    (True, True)
    """
    return {"sum": SUM, "count": SUM, "max": LARGEST, "min": SMALLEST}.get(statistic, MEAN)


class TickBuffer:
    """Samples of ticks that are still open. Memory: what lies between watermark and newest."""

    def __init__(self) -> None:
        self._series: list[I32] = []
        self._ts_ms: list[I64] = []
        self._value: list[F64] = []

    def add(self, series: I32, ts_ms: I64, value: F64) -> None:
        """Keep samples of equal length columns, in any order."""
        if len(series):
            self._series.append(series)
            self._ts_ms.append(ts_ms)
            self._value.append(value)

    def columns(self) -> tuple[I32, I64, F64]:
        """Return all that waits, for a snapshot."""
        if not self._series:
            return np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0, np.float64)
        return (
            np.concatenate(self._series),
            np.concatenate(self._ts_ms),
            np.concatenate(self._value),
        )

    def take(self, until_ms: int) -> tuple[I32, I64, F64]:
        """Remove and return the samples before `until_ms`."""
        series, ts_ms, value = self.columns()
        done = ts_ms < until_ms
        self._series, self._ts_ms, self._value = [], [], []
        if not done.all():
            rest = ~done
            self.add(series[rest], ts_ms[rest], value[rest])
            series, ts_ms, value = series[done], ts_ms[done], value[done]
        return series, ts_ms, value


def ordered(
    series: I32, ts_ms: I64, value: F64, tick_ms: int, cohort: I32, rank: I32, rule: I32
) -> tuple[I32, I64, F64]:
    """Return (series, tick, value) by (cohort, tick, rank), one value a series and tick.

    `cohort`, `rank` and `rule` are by series. The outcome does not depend on the input's order:
    a tick's samples are ordered by (time, value) before anything is summed.
    """
    tick = ts_ms // tick_ms
    first = int(tick.min())
    ticks = int(tick.max()) - first + 1
    key = (cohort[series].astype(np.int64) * ticks + (tick - first)) * (int(rank.max()) + 1)
    key += rank[series]
    by = np.argsort(key, kind="stable")
    sorted_key = key[by]
    if (sorted_key[1:] == sorted_key[:-1]).any():
        by = np.lexsort((value, ts_ms, key))
        sorted_key = key[by]
        series, tick, value = series[by], tick[by], value[by]
        left = _merge(sorted_key, ts_ms[by], value, series, tick, rule)
        return series[:left], tick[:left], value[:left]
    return series[by], tick[by], value[by]


@jit
def _merge(key: I64, ts_ms: I64, value: F64, series: I32, tick: I64, rule: I32) -> int:
    """Make one value of each run of equal keys, in place; return how many are left.

    Input is ordered by (key, time, value). Equal times count once, with their largest value.
    """
    out = 0
    i = 0
    while i < key.size:
        total = 0.0
        count = 0
        low = np.inf
        high = -np.inf
        j = i
        while j < key.size and key[j] == key[i]:
            if j + 1 == key.size or key[j + 1] != key[j] or ts_ms[j + 1] != ts_ms[j]:
                total += value[j]
                count += 1
                low = min(low, value[j])
                high = max(high, value[j])
            j += 1
        how = rule[series[i]]
        merged = total / count
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
