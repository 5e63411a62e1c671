"""Writes down how every sample was judged, where a report is wanted of it; else costs nothing."""

import math

import numpy as np

from models.baseline import BAND, EXPECTED
from models.jit import jit
from operators.cohort import CohortTable, Member
from operators.layout import SCORE, TRACED, Cohort, Found
from operators.series_score import SCORED, Bench
from schema import F64, I32, I64, Scored, ScoredSeries


@jit
def note_trace(cohort: Cohort, owner: int, samples: int, bench: Bench, found: Found) -> None:
    """Write down how a resource's samples were judged, if anybody asks; see `Found.trace`."""
    at = found.used[2]
    if at + samples > found.trace.shape[0]:
        return
    found.used[2] = at + samples
    for i in range(samples):
        trace = found.trace[at + i]
        trace[:] = math.nan
        if bench.warm[i]:
            trace[1] = bench.views[i, EXPECTED]
            trace[2] = bench.views[i, BAND]
        if bench.sums[SCORED] == 1.0:
            trace[0] = cohort.resource[owner, SCORE]
            trace[TRACED:] = bench.surprises


class Tap:
    """What a key group's passes judged since its last word.

    Memory: that, and the id of every series that was ever said. No part of a snapshot.
    """

    def __init__(self, group: int, tick_ms: int) -> None:
        self._group = group
        self._tick_ms = tick_ms
        self._told: set[int] = set()
        self._scored: list[Scored] = []

    def take(self, found: Found, table: CohortTable, at: int, samples: tuple[I64, I32, F64]) -> int:
        """Take what a pass traced, which began with sample `at`; return the one it stopped before.

        `samples` are tick, row and value. Where `found` has no room for a trace, there is none.
        """
        n = int(found.used[2])
        found.used[2] = 0
        if not n:
            return at
        mine = slice(at, at + n)
        tick, rows, value = samples[0][mine], samples[1][mine], samples[2][mine]
        trace = found.trace[:n].astype(np.float32)
        fresh = [m for m in table.members if m.uid not in self._told]
        self._told.update(m.uid for m in fresh)
        owner = table.arrays.owner[rows]
        is_first = np.append(True, (np.diff(tick) != 0) | (np.diff(owner) != 0))
        row = np.flatnonzero(is_first & np.isfinite(trace[:, 0]))
        uid = np.array([m.uid for m in table.members], np.uint64)
        resource_id = np.array([m.resource_id for m in table.members], np.uint64)
        ts_ms = tick * self._tick_ms
        self._scored.append(
            Scored(
                self._group,
                tuple(_named(member) for member in fresh),
                uid[rows],
                ts_ms,
                value.copy(),
                trace[:, 1].copy(),
                trace[:, 2].copy(),
                resource_id[rows[row]],
                ts_ms[row],
                trace[row, 0],
                trace[row, TRACED:],
            )
        )
        return at + n

    def said(self) -> list[Scored]:
        """Return, once, what was taken."""
        out, self._scored = self._scored, []
        return out


def _named(member: Member) -> ScoredSeries:
    spec, series = member.spec, member.series
    return ScoredSeries(
        member.uid, member.resource_id, series, series.unit or spec.unit, spec.lower, spec.upper
    )
