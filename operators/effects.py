"""Effects: which metrics are bad at a tick, and by how much, whether or not they make an alert.

Root-cause ranking compares resources that alerts alone do not show it: the origin may deviate less
than what it breaks. So the pass writes down each sample that is off where it hurts, and the group
hands on the strongest of each tick.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from models.baseline import BAND, EXPECTED, OUT_SINCE
from models.jit import jit
from operators.cohort import CohortTable, within_limits
from operators.layout import BOTH, DOWN, LEAD, NONE, STEP, UP, Cohort, Found, Knobs
from schema import F64, I32, I64, Effect, MetricSpec

MAX_FAR = 1e6  # half bands; beyond it a sample is no farther


class EffectSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The YAML section `detect.effects`: what root-cause ranking gets to see."""

    bar: float = 0.6  # half bands from what is expected, from which on a sample is kept
    most: int = 64  # a key group and tick, the farthest first; 0: none are kept

    def __post_init__(self) -> None:
        if not 0.1 <= self.bar <= 100:
            raise ValueError(f"bar must be in [0.1, 100], got {self.bar!r}")
        if not 0 <= self.most <= 10_000:
            raise ValueError(f"most must be in [0, 10000], got {self.most!r}")


class Rows(NamedTuple):
    """Effects of one cohort as the pass left them; columns as `Found.effect` and `Found.excess`."""

    table: CohortTable
    effect: I64
    excess: F64


@jit
def note_effects(
    cohort: Cohort,
    owner: int,
    tick: float,
    series: I32,
    values: F64,
    views: F64,
    warm: npt.NDArray[np.bool_],
    knobs: Knobs,
    found: Found,
) -> None:
    """Write down those of a resource's samples that are off where it hurts; of load, either way."""
    if found.effect.shape[0] == 0:
        return
    first = cohort.lead[series[0]]  # the load metric, if there is a sample of it
    lead = 0 if first > 0.0 and first == cohort.resource[owner, LEAD] else -1
    for i in range(series.size):
        s = series[i]
        if not warm[i] or cohort.weight[s] == 0.0:
            continue
        direction = BOTH if cohort.lead[s] > 0.0 else cohort.direction[s]
        away = values[i] - views[i, EXPECTED]
        if direction == NONE or (direction == UP and away <= 0.0):
            continue
        if direction == DOWN and away >= 0.0:
            continue
        if not abs(away) > knobs.effect_bar * views[i, BAND]:
            continue
        if cohort.harmless[s, 0] <= values[i] <= cohort.harmless[s, 1]:
            continue
        at = found.used[4]
        found.effect[at, 0] = int(tick)
        found.effect[at, 1] = s
        found.effect[at, 2] = series[lead] if lead >= 0 else -1
        found.excess[at, 0] = values[i]
        found.excess[at, 1] = views[i, EXPECTED]
        found.excess[at, 2] = views[i, BAND]
        found.excess[at, 3] = min(abs(away) / max(views[i, BAND], 1e-300), MAX_FAR)
        since = cohort.state[s, OUT_SINCE]
        found.excess[at, 4] = since if since >= 0.0 else tick
        found.excess[at, 5] = values[lead] if lead >= 0 else math.nan
        found.used[4] = at + 1


def take_effects(found: Found, table: CohortTable) -> Rows | None:
    """Return what the pass found, and make room for the next."""
    n = int(found.used[4])
    found.used[4] = 0
    return Rows(table, found.effect[:n].copy(), found.excess[:n].copy()) if n else None


class Chosen(NamedTuple):
    """One effect that is handed on."""

    tick: int
    table: CohortTable
    effect: Sequence[int]
    excess: Sequence[float]


def strongest(rows: Sequence[Rows], most: int) -> list[Chosen]:
    """Return of each tick the `most` that are farthest off, by (tick, resource, metric).

    Which they are does not depend on how many ticks are given at once, nor on the order of rows.
    """
    if not rows:
        return []
    tick = np.concatenate([part.effect[:, 0] for part in rows])
    far = np.concatenate([part.excess[:, 3] for part in rows])
    of = np.repeat(np.arange(len(rows)), [len(part.effect) for part in rows])
    at = np.concatenate([np.arange(len(part.effect)) for part in rows])
    order = np.lexsort((-far, tick))
    bounds = np.flatnonzero(np.diff(tick[order], prepend=-1, append=-1))
    out: list[Chosen] = []
    for lo, hi in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        mine = order[lo:hi]
        if len(mine) > most:  # all that are as far as the last one, so that names decide
            mine = mine[far[mine] >= far[mine[most - 1]]]
        chosen = [
            (part.excess[j, 3], _names(part, j), part, j)
            for part, j in ((rows[of[i]], int(at[i])) for i in mine.tolist())
        ]
        chosen.sort(key=lambda each: (-each[0], each[1]))
        chosen = sorted(chosen[:most], key=lambda each: each[1])
        out += [
            Chosen(int(tick[order[lo]]), part.table, part.effect[j].tolist(),
                   part.excess[j].tolist())
            for _, _, part, j in chosen
        ]  # fmt: skip
    return out


def _names(part: Rows, at: int) -> tuple[str, str]:
    series = part.table.members[part.effect[at, 1]].series
    return series.resource.key, series.metric_key


def effect_of(chosen: Chosen, tick_s: float) -> Effect:
    """Return the record, the resource with the attributes that are in force now."""
    table, (tick, row, load) = chosen.table, chosen.effect
    value, expected, half, far, since, traffic = chosen.excess
    member = table.members[row]
    spec, owner = member.spec, int(table.arrays.owner[row])
    tick_ms = round(tick_s * 1000)
    lower, expected, upper = within_limits(spec, expected - half, expected, expected + half)
    step_s = max(float(table.arrays.resource[owner, STEP]), 1.0) * tick_s
    return Effect(
        tick * tick_ms,
        table.resources[owner],
        member.series.metric,
        member.series.labels,
        member.series.unit or spec.unit,
        spec.felt,
        spec.load,
        value,
        expected,
        lower,
        upper,
        round(far, 4),
        round(since) * tick_ms,
        None if load < 0 else _requests(table.members[load].spec, traffic, step_s),
    )


def _requests(spec: MetricSpec, traffic: float, step_s: float) -> float | None:
    """Return how many requests a load metric tells of, None where it tells of something else."""
    if spec.unit == "count" and spec.statistic in {"sum", "count"}:
        return traffic
    return traffic * step_s if spec.unit == "1/s" else None
