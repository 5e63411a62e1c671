"""Counters against a slow reference, in any order, over any split into closings."""

import random
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import calibration
from models.fusion import DETECTORS
from operators.admission import Admission, LimitSettings
from operators.cohort import CohortTable, empty_arrays
from operators.counters import Counters, CounterState, Readings
from operators.packing import Named
from operators.roster import Roster
from operators.rules import RuleTable
from schema import Counter, MetricSpec, Series
from tests.operators.group_input import named, series

TICK_MS = 60_000


class Reading(NamedTuple):
    stream: int
    ts_s: float
    value: float
    start_s: float = 0.0
    observed: float = 0.0


Value = tuple[int, int, float]  # stream, time in ms, value


def stream(kind: str, part: str = "", *, metric: str = "cpu.time", scale: float = 1.0) -> Named:
    counter = Counter(kind, scale, 100.0 if scale < 0 else 0.0)  # type: ignore[arg-type]  # given
    parts = (("cpu", part),) if part else ()
    return named(msgspec.structs.replace(series("a", metric), parts=parts, counter=counter))


def roster_of(streams: Sequence[Named], statistic: str = "mean") -> Roster:
    def table(service: str) -> CohortTable:
        tails = np.zeros((len(DETECTORS), calibration.WIDTH))
        return CohortTable(service, RuleTable(()), empty_arrays(tails, 4))

    def spec(one: Series) -> MetricSpec:
        return MetricSpec(one.metric, statistic=statistic)

    roster = Roster(max_label_sets=32, every_ms=3_600_000)
    roster.meet(streams)
    number = roster.find(np.array([n.uid for n in streams], np.uint64))
    admission = Admission(LimitSettings(), 3_600_000)
    roster.place(number, np.zeros(len(number), np.int64), spec, table, admission)
    return roster


def values(
    counters: Counters, roster: Roster, streams: Sequence[Named], rows: Sequence[Reading]
) -> tuple[list[Value], int]:
    number = roster.find(np.array([streams[r.stream].uid for r in rows], np.uint64))
    made = counters.values(
        Readings(
            number,
            np.array([round(r.ts_s * 1000) for r in rows], np.int64),
            np.array([r.value for r in rows], np.float64),
            np.array([round(r.start_s * 1000) for r in rows], np.int64),
            np.array([r.observed for r in rows], np.float64),
        ),
        TICK_MS,
        roster,
    )
    place = {n: i for i, n in enumerate(number_of(roster, streams))}
    rows_out = zip(made[0].tolist(), made[1].tolist(), made[2].tolist(), strict=True)
    return [(place[n], ts, value) for n, ts, value in rows_out], made[3]


def number_of(roster: Roster, streams: Sequence[Named]) -> list[int]:
    return [int(n) for n in roster.find(np.array([s.uid for s in streams], np.uint64))]


def taken(
    rows: Sequence[Reading], kind: str = "rate", statistic: str = "mean", scale: float = 1.0
) -> tuple[list[Value], int]:
    """Return the values of one stream's readings, all closed at once."""
    streams = [stream(kind, scale=scale)]
    return values(Counters(), roster_of(streams, statistic), streams, rows)


def test_a_first_reading_is_absorbed_and_the_second_gives_a_rate() -> None:
    assert taken([Reading(0, 10, 5.0)]) == ([], 1)
    assert taken([Reading(0, 10, 5.0), Reading(0, 20, 25.0)]) == ([(0, 20_000, 2.0)], 1)


def test_a_sum_is_the_increase_a_tick() -> None:
    rows = [Reading(0, 10, 5.0), Reading(0, 20, 25.0)]
    assert taken(rows, statistic="sum") == ([(0, 20_000, 120.0)], 1)


def test_a_tick_has_one_rate_over_all_its_readings() -> None:
    rows = [Reading(0, 0, 0.0), Reading(0, 10, 10.0), Reading(0, 40, 100.0)]
    assert taken(rows) == ([(0, 40_000, 2.5)], 1)


def test_a_gap_gives_its_average_at_its_end() -> None:
    assert taken([Reading(0, 0, 0.0), Reading(0, 3_600, 7_200.0)])[0] == [(0, 3_600_000, 2.0)]


def test_a_fall_is_a_reset_and_what_it_reads_came_since() -> None:
    rows = [Reading(0, 0, 1000.0), Reading(0, 10, 1010.0), Reading(0, 20, 30.0)]
    assert taken(rows)[0] == [(0, 20_000, 2.0)]


def test_a_new_start_is_a_reset_though_the_reading_rose() -> None:
    rows = [Reading(0, 10, 100.0, start_s=1), Reading(0, 70, 180.0, start_s=15)]
    assert taken(rows)[0] == [(0, 70_000, 3.0)]
    same = [Reading(0, 10, 100.0, start_s=1), Reading(0, 70, 160.0, start_s=1)]
    assert taken(same)[0] == [(0, 70_000, 1.0)]


def test_a_start_that_wanders_before_the_last_reading_is_no_reset() -> None:
    rows = [Reading(0, 10, 100.0, start_s=1), Reading(0, 70, 160.0, start_s=2)]
    assert taken(rows)[0] == [(0, 70_000, 1.0)]


def test_the_same_reading_twice_counts_once() -> None:
    once = [Reading(0, 0, 0.0), Reading(0, 10, 10.0), Reading(0, 70, 40.0)]
    twice = [row for row in once for _ in range(2)]
    assert taken(twice)[0] == taken(once)[0]


def test_scale_and_offset_come_after_the_difference() -> None:
    idle = [Reading(0, 0, 1000.0), Reading(0, 10, 1007.5)]
    assert taken(idle, scale=-100.0)[0] == [(0, 10_000, 25.0)]


def test_a_mean_is_the_increase_of_the_sum_over_that_of_the_count() -> None:
    rows = [
        Reading(0, 0, 50.0, observed=10.0),
        Reading(0, 10, 80.0, observed=16.0),
        Reading(0, 70, 80.0, observed=16.0),
        Reading(0, 130, 9.0, observed=3.0),
    ]
    assert taken(rows, "mean") == ([(0, 10_000, 5.0), (0, 130_000, 3.0)], 2)


def test_a_ratio_needs_no_reading_before_and_weighs_by_observations() -> None:
    rows = [Reading(0, 10, 10.0, observed=1.0), Reading(0, 20, 30.0, observed=3.0)]
    assert taken(rows, "ratio") == ([(0, 20_000, 10.0)], 0)
    assert taken([Reading(0, 10, 0.0, observed=0.0)], "ratio") == ([], 1)


def test_the_streams_of_a_series_make_one_mean_by_observations() -> None:
    streams = [stream("ratio", "a"), stream("ratio", "b")]
    rows = [Reading(0, 10, 100.0, observed=1.0), Reading(1, 10, 30.0, observed=9.0)]
    found, absorbed = values(Counters(), roster_of(streams), streams, rows)
    assert [value for _, _, value in found] == [13.0]
    assert absorbed == 0


def test_the_streams_of_a_rate_stay_apart() -> None:
    streams = [stream("rate", "a"), stream("rate", "b")]
    rows = [Reading(s, t, s * 10.0 * t) for s in (0, 1) for t in (0, 10)]
    found, absorbed = values(Counters(), roster_of(streams), streams, rows)
    assert sorted(found) == [(0, 10_000, 0.0), (1, 10_000, 10.0)]
    assert absorbed == 2


def test_what_overflows_gives_no_value_and_is_counted() -> None:
    rows = [Reading(0, 0, 0.0), Reading(0, 0.001, 1.7e308)]
    assert taken(rows) == ([], 2)


# ------------------------------------------------------------------ any order, any closing

READINGS = st.lists(
    st.builds(
        Reading,
        st.integers(0, 2),
        st.integers(0, 400),
        st.integers(0, 50).map(float),
        st.sampled_from([0.0, 0.0, 90.0, 200.0]),
        st.integers(0, 20).map(float),
    ),
    max_size=40,
    unique_by=lambda r: (r.stream, r.ts_s),
)


def reference(kind: str, rows: Sequence[Reading]) -> list[Value]:
    """Return what one stream's readings come to, a reading at a time."""
    out: dict[int, tuple[int, float, float]] = {}
    last: Reading | None = None
    for row in sorted(rows, key=lambda r: r.ts_s):
        tick = int(row.ts_s // 60)
        if last is not None:
            rise, seen = row.value - last.value, row.observed - last.observed
            fell = rise < 0 if kind == "rate" else seen < 0
            if fell or (row.start_s > last.start_s and row.start_s >= last.ts_s):
                rise, seen = row.value, row.observed
            below = row.ts_s - last.ts_s if kind == "rate" else seen
            _, a, b = out.get(tick, (0, 0.0, 0.0))
            out[tick] = (round(row.ts_s * 1000), a + rise, b + below)
        last = row
    return [(ts, a, b) for ts, a, b in out.values() if b > 0]  # type: ignore[misc]  # ints are times


@pytest.mark.parametrize("kind", ["rate", "mean"])
@given(READINGS, st.randoms(), st.lists(st.integers(0, 6), max_size=3))
def test_agrees_with_the_reference_in_any_order_and_over_any_closings(
    kind: str, rows: list[Reading], shuffle: random.Random, cuts: list[int]
) -> None:
    streams = [stream(kind, metric=f"m{i}") for i in range(3)]
    roster, counters = roster_of(streams), Counters()
    shuffle.shuffle(rows)
    found: list[Value] = []
    bounds = [0, *sorted(cut * 60 for cut in cuts), 10_000]
    for since, until in pairwise(bounds):
        part = [r for r in rows if since <= r.ts_s < until]
        found += values(counters, roster, streams, part)[0]
        kept = msgspec.msgpack.encode(counters.state())
        counters = Counters(msgspec.msgpack.decode(kept, type=CounterState))
    for i in range(3):
        wanted = reference(kind, [r for r in rows if r.stream == i])
        mine = sorted((ts, value) for s, ts, value in found if s == i)
        assert mine == [(ts, a / b) for ts, a, b in wanted]


def test_forgets_what_it_is_told_to() -> None:
    streams = [stream("rate", metric=f"m{i}") for i in range(3)]
    roster, counters = roster_of(streams), Counters()
    values(counters, roster, streams, [Reading(i, 10, 1.0) for i in range(3)])
    counters.keep(np.array([streams[1].uid], np.uint64))
    found, absorbed = values(counters, roster, streams, [Reading(i, 70, 7.0) for i in range(3)])
    assert [(s, value) for s, _, value in found] == [(1, 0.1)]
    assert absorbed == 2
