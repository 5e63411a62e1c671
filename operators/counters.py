"""Readings of counters to values, after ordering: increases, rates, means of histograms.

A fall of a cumulative reading is a reset: what it reads now has come since. So is a new start at
or after the last reading. A gap gives one value, the average over it.
Source: Prometheus' `rate`; OpenTelemetry metrics data model, "Resets and gaps".
"""

from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from models.jit import jit
from operators.lookup import Lookup
from operators.roster import RATE, RATIO, Roster
from operators.ticks import SUM
from schema import F64, I32, I64, U64

_NEVER_MS = -(1 << 62)
_TIME, _START = range(2)  # columns of `_times`
_VALUE, _COUNT = range(2)  # columns of `_readings`


class Readings(NamedTuple):
    """Readings of whole ticks, in any order: columns of equal length."""

    stream: I32  # number
    ts_ms: I64
    value: F64
    start_ms: I64  # 0: not said
    observed: F64  # observations behind the value


class CounterState(msgspec.Struct, frozen=True, array_like=True):
    """The last reading of each stream."""

    uid: tuple[int, ...] = ()
    times: tuple[tuple[int, int], ...] = ()
    readings: tuple[tuple[float, float], ...] = ()


class Counters:
    """The last reading of each cumulative stream of a key group. Memory: 60 B a stream."""

    def __init__(self, state: CounterState | None = None) -> None:
        state = state or CounterState()
        self._uid: U64 = np.array(state.uid, np.uint64)
        self._times: I64 = np.array(state.times, np.int64).reshape(-1, 2)
        self._readings: F64 = np.array(state.readings, np.float64).reshape(-1, 2)
        self._lookup = Lookup(self._uid)

    def state(self) -> CounterState:
        """Return what a snapshot needs."""
        return CounterState(
            tuple(self._uid.tolist()),
            tuple((a, b) for a, b in self._times.tolist()),
            tuple((a, b) for a, b in self._readings.tolist()),
        )

    def keep(self, uid: U64) -> None:
        """Forget all streams but these."""
        stay = np.isin(self._uid, uid)
        self._uid, self._times = self._uid[stay], self._times[stay]
        self._readings = self._readings[stay]
        self._lookup = Lookup(self._uid)

    def values(self, new: Readings, tick_ms: int, roster: Roster) -> tuple[I32, I64, F64, int]:
        """Return (stream, time, value), and how many readings gave no value.

        Ticks come once and in order. A stream of a rate gives one value a tick: the increase a
        second, or a tick where the series is a sum. The streams of a series that is a mean give
        one together, in the name of the first. Nothing comes of a first reading, nor of no
        observations.
        """
        order = roster.order()
        stream, ts_ms = new.stream, new.ts_ms
        tick = ts_ms // tick_ms
        by = np.lexsort(
            (new.value, ts_ms, roster.uid[stream], tick, order.rank[stream], order.cohort[stream])
        )
        stream, ts_ms, tick = stream[by], ts_ms[by], tick[by]
        kind = roster.kind[stream]
        at = self._place(roster.uid[stream], kind)
        rise, seen, lasted_s, first = _steps(
            stream, ts_ms, new.value[by], new.start_ms[by], new.observed[by], at, kind,
            self._times, self._readings,
        )  # fmt: skip
        absorbed = int(first.sum())
        scale = np.where(order.rule == SUM, roster.scale * tick_ms / 1000.0, roster.scale)
        series = order.cohort[stream].astype(np.int64) << 32 | order.rank[stream]
        made: list[tuple[I32, I64, F64]] = []
        for mine, apart, below, scales in (
            (kind == RATE, stream.astype(np.int64), lasted_s, scale),
            (kind != RATE, series, seen, roster.scale),
        ):
            rows = np.flatnonzero(mine & ~first)
            if not len(rows):
                continue
            begins = _begins(apart[rows], tick[rows])
            total, base = _sums(begins, rise[rows]), _sums(begins, below[rows])
            head = stream[rows[begins]]
            with np.errstate(all="ignore"):
                value = total / base * scales[head] + roster.offset[head]
            good = (base > 0.0) & np.isfinite(value)
            ends = np.append(begins[1:], len(rows))
            made.append((head[good], ts_ms[rows[ends - 1]][good], value[good]))
            absorbed += int((ends - begins)[~good].sum())
        return (
            np.concatenate([m[0] for m in made]) if made else np.zeros(0, np.int32),
            np.concatenate([m[1] for m in made]) if made else np.zeros(0, np.int64),
            np.concatenate([m[2] for m in made]) if made else np.zeros(0),
            absorbed,
        )

    def _place(self, uid: U64, kind: I32) -> I32:
        """Return where each reading's last one is kept, new ones added; -1: nothing is kept."""
        at = self._lookup.find(uid)
        new = np.unique(uid[(at < 0) & (kind != RATIO)])
        if len(new):
            for i, each in enumerate(new):
                self._lookup.add(each, len(self._uid) + i)
            self._uid = np.append(self._uid, new)
            unread = np.full((len(new), 2), _NEVER_MS, np.int64)
            self._times = np.concatenate((self._times, unread))
            self._readings = np.concatenate((self._readings, np.zeros((len(new), 2))))
            at = self._lookup.find(uid)
        return at


def _begins(key: I64, tick: I64) -> npt.NDArray[np.intp]:
    """Return where runs of equal (key, tick) begin."""
    new = np.ones(len(key), np.bool_)
    new[1:] = (key[1:] != key[:-1]) | (tick[1:] != tick[:-1])
    return np.flatnonzero(new)


@jit
def _sums(begins: npt.NDArray[np.intp], x: F64) -> F64:
    """Return the sum of each run, in order."""
    out = np.zeros(begins.size)
    for i in range(begins.size):
        end = begins[i + 1] if i + 1 < begins.size else x.size
        for j in range(begins[i], end):
            out[i] += x[j]
    return out


@jit
def _steps(
    stream: I32,
    ts_ms: I64,
    value: F64,
    start_ms: I64,
    count: F64,
    at: I32,
    kind: I32,
    times: I64,
    readings: F64,
) -> tuple[F64, F64, F64, npt.NDArray[np.bool_]]:
    """Return increase, observations and seconds since the reading before, and which are first.

    Input is ordered by (tick, stream, time, value) within a series. Of equal times of a stream the
    largest value counts, the others are no step.
    """
    rise = np.zeros(stream.size)
    seen = np.zeros(stream.size)
    lasted_s = np.zeros(stream.size)
    first = np.zeros(stream.size, np.bool_)
    for i in range(stream.size):
        more = i + 1 < stream.size and stream[i + 1] == stream[i]
        if more and ts_ms[i + 1] == ts_ms[i]:
            continue
        rise[i] = value[i]
        seen[i] = count[i]
        if kind[i] == RATIO:
            continue
        time = times[at[i]]
        reading = readings[at[i]]
        fell = value[i] < reading[_VALUE] if kind[i] == RATE else count[i] < reading[_COUNT]
        anew = start_ms[i] > 0 and start_ms[i] > time[_START] and start_ms[i] >= time[_TIME]
        if not (fell or anew):
            rise[i] -= reading[_VALUE]
            seen[i] -= reading[_COUNT]
        first[i] = time[_TIME] == _NEVER_MS
        lasted_s[i] = (ts_ms[i] - time[_TIME]) / 1000.0
        time[_TIME] = ts_ms[i]
        time[_START] = start_ms[i]
        reading[_VALUE] = value[i]
        reading[_COUNT] = count[i]
    return rise, seen, lasted_s, first
