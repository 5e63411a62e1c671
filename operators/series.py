"""Judge one series as the flow would: alone, each sample by what came before it.

The tick is the flow's, or the series' own step if that is shorter: the median of its first steps,
up to where the first verdict may fall, so that none depends on what comes after it. A tick has one
value, that of its first row; rows of the same tick, or of one that is over, repeat the verdict of
the last row that was judged.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.baseline import WARM_UP
from models.fusion import confidence
from models.hold_down import hold_down
from operators.cohort_pass import new_cohort, score_in_passes
from operators.detect_settings import DetectSettings
from operators.findings import new_found
from operators.layout import MAX_EVIDENCE, METRICS, OPEN
from operators.packing import Named
from operators.rules import RuleTable
from schema import F64, I64, Catalogue, Resource, Series, stable_id

_SERIES = Series(Resource("", "series", "", "", "series"), "value")
_EDGES = 4_096  # found a pass at most
_WEEK_MS = 604_800_000


class SeriesVerdicts(NamedTuple):
    """A row each, `(n,)`; NaN where there is no verdict: in the warm-up, and of no value."""

    anomaly_score: F64  # fused surprise, >= 0, held down after a higher one
    confidence: F64  # [0, 1], of the score before it was held
    is_anomaly: npt.NDArray[np.bool_]  # an alert opened here
    expected: F64
    lower: F64  # of the expected band
    upper: F64


def own_tick_ms(ts_ms: I64, tick_s: int) -> int:
    """Return the tick of a series whose samples have these times.

    >>> own_tick_ms(np.array([0, 300_000, 600_000]), 60), own_tick_ms(np.array([0, 5_000]), 60)
    (60000, 5000)
    """
    step = np.diff(ts_ms[:WARM_UP])
    step = step[step > 0]
    usual = int(np.median(step)) if step.size else tick_s * 1000
    return max(1, min(tick_s * 1000, usual))


def judge_series(
    ts_ms: I64, value: F64, settings: DetectSettings, catalogue: Catalogue, tick_s: int
) -> SeriesVerdicts:
    """Return the verdicts on a series' rows, in the order in which they came.

    `value` is `(n,)`, NaN where a row has no value or no time; such rows are passed over. The rules
    of the settings have no say: they are alerts of their own.
    Memory: a resource's state, and 100 bytes a row.
    """
    score, sure, expected, lower, upper = np.full((5, len(value)), np.nan)
    is_anomaly = np.zeros(len(value), np.bool_)
    out = SeriesVerdicts(score, sure, is_anomaly, expected, lower, upper)
    row = np.flatnonzero(np.isfinite(value))
    if not row.size:
        return out
    tick_ms = own_tick_ms(ts_ms[row], tick_s)
    before_1970 = min(int(ts_ms[row[0]]) // _WEEK_MS, 0) * _WEEK_MS  # ticks are not negative
    ticks = (ts_ms[row] - before_1970) // tick_ms
    is_new = np.append(True, ticks[1:] > np.maximum.accumulate(ticks)[:-1])
    tick = ticks[is_new]
    trace, opened = _scored(tick, value[row[is_new]], settings, catalogue, tick_ms)
    found = trace[:, 0]
    middle, band = np.where(np.isnan(found), np.nan, trace[:, 1:3].T)
    hold, fusion = settings.hold_down, settings.fusion
    hold_ticks = hold.hold_h * 3_600_000.0 / tick_ms
    bar = hold.from_ratio * fusion.threshold
    held = hold_down(tick, found, hold_ticks, bar, hold.depth, hold.reach)
    judged = np.cumsum(is_new) - 1  # of each row the one whose verdict it bears
    score[row] = held[judged]
    sure[row] = np.array([confidence(s, fusion.even_at, fusion.steepness) for s in found])[judged]
    is_anomaly[row[is_new]] = np.isin(tick, opened)
    expected[row] = middle[judged]
    lower[row] = (middle - band)[judged]
    upper[row] = (middle + band)[judged]
    return out


def _scored(
    tick: I64, value: F64, settings: DetectSettings, catalogue: Catalogue, tick_ms: int
) -> tuple[F64, I64]:
    """Return the trace of the samples, see `operators.layout.Found`, and when alerts opened."""
    rules = RuleTable(())
    knobs = settings.knobs(rules, tick_ms / 1000.0)
    resource = _SERIES.resource
    table, forests = new_cohort(resource.service, settings, rules, tick_ms)
    uid = stable_id(f"{resource.key}\n{_SERIES.metric_key}")
    named = Named(uid, stable_id(resource.key), 0, _SERIES)
    table.add([(named, catalogue.lookup(resource.service, _SERIES.metric))])
    found = new_found(_EDGES, _EDGES * MAX_EVIDENCE, len(tick))
    rows = np.zeros(len(tick), np.int32)
    opened = []
    for _ in score_in_passes(table, forests, tick, rows, value, knobs, tick_ms / 1000.0, found):
        edge = found.edge[: found.used[0]]
        opened.append(edge[(edge[:, 2] == METRICS) & (edge[:, 3] == OPEN), 0])
        found.used[:2] = 0  # the trace goes on
    return found.trace, np.concatenate(opened)
