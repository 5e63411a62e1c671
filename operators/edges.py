"""Alert edges as the scoring pass finds them: silence, rules, and the resource's own score."""

import math

from models.baseline import BAND, EXPECTED, OUT_SINCE
from models.calibration import COUNT, EXCESS, QUANTILE
from models.forecast import climbs_since, ticks_left
from models.fusion import confidence
from models.jit import jit
from models.rules import run_on
from operators.layout import (
    ACTIVE,
    ACTIVE_AT,
    BORN,
    CALM,
    CLOSE,
    FORGOTTEN,
    GONE,
    LAST_TICK,
    LONGEST_GAP,
    MAX_EVIDENCE,
    MAX_RULES,
    METRICS,
    ONSET,
    OPEN,
    OPENED,
    PEAK,
    RECENT,
    RULE,
    SAID,
    SEEN,
    SILENCE,
    SILENT,
    STEP,
    UPDATE,
    VOTES,
    Cohort,
    Found,
    Knobs,
)
from schema import F64, I32


@jit
def add_edge(found: Found, tick: float, row: int, kind: int, edge: int, onset: float) -> int:
    """Write down an edge, at first without a score or evidence; return its place."""
    at = int(found.used[0])
    found.edge[at, 0] = int(tick)
    found.edge[at, 1] = row
    found.edge[at, 2] = kind
    found.edge[at, 3] = edge
    found.edge[at, 4] = found.used[1]
    found.edge[at, 5] = 0
    found.score[at, 0] = 0.0
    found.score[at, 1] = 1.0
    found.score[at, 2] = onset
    for i in range(3, found.score.shape[1]):
        found.score[at, i] = math.nan
    found.used[0] = at + 1
    return at


@jit
def add_evidence(
    found: Found,
    at: int,
    series: int,
    views: F64,
    value: float,
    share: float,
    onset: float,
    limit_at: float,
) -> None:
    """Add a series to the edge written last; `limit_at` is when it is at its limit, NaN: never."""
    n = found.used[1]
    found.series[n] = series
    found.evidence[n, 0] = value
    found.evidence[n, 1] = views[EXPECTED]
    found.evidence[n, 2] = views[BAND]
    found.evidence[n, 3] = share
    found.evidence[n, 4] = onset
    found.evidence[n, 5] = limit_at
    found.used[1] = n + 1
    found.edge[at, 5] += 1


@jit
def hear(cohort: Cohort, row: int, tick: float, knobs: Knobs, found: Found) -> None:
    """Note that a resource has sent something at this tick."""
    own = cohort.resource[row]
    if own[FORGOTTEN] == 1.0:
        cohort.counters[GONE] -= 1.0
        own[:] = 0.0
        own[OPENED] = -1.0
    if own[SEEN] > 0.0:
        gap = tick - own[LAST_TICK]
        own[LONGEST_GAP] = max(gap, own[LONGEST_GAP] * 0.999)
        if gap == own[STEP]:
            own[VOTES] = min(own[VOTES] + 1.0, 8.0)
        elif own[VOTES] > 0.0:
            own[VOTES] -= 1.0
        else:
            own[STEP] = gap
            own[VOTES] = 1.0
    else:
        own[STEP] = 1.0
        own[OPENED] = -1.0
        own[BORN] = tick
        for d in range(cohort.tails.shape[1]):
            cohort.tails[row, d, COUNT] = 0.0
            cohort.tails[row, d, QUANTILE] = knobs.start_quantile
            cohort.tails[row, d, EXCESS] = knobs.start_excess
    if own[SILENT] == 1.0:
        own[SILENT] = 0.0
        add_edge(found, tick, row, SILENCE, CLOSE, own[LAST_TICK])
    own[SEEN] += 1.0
    own[LAST_TICK] = tick
    own[ACTIVE_AT] = cohort.counters[ACTIVE]


@jit
def find_silent(cohort: Cohort, tick: float, knobs: Knobs, found: Found) -> None:
    """Look for resources that their neighbours have left behind, and forget the long silent."""
    for row in range(cohort.resource.shape[0]):
        own = cohort.resource[row]
        if own[LAST_TICK] == tick or own[SEEN] == 0.0 or own[FORGOTTEN] == 1.0:
            continue
        quiet = tick - own[LAST_TICK]
        step = max(own[STEP], 1.0)
        if own[SILENT] == 0.0 and own[VOTES] >= 6.0 and own[SEEN] >= knobs.warm_up:
            patience = max(knobs.silent_steps * step, 3.0 * own[LONGEST_GAP])
            if quiet >= patience and cohort.counters[ACTIVE] - own[ACTIVE_AT] >= 3.0:
                own[SILENT] = 1.0
                add_edge(found, tick, row, SILENCE, OPEN, own[LAST_TICK] + step)
        if quiet > max(knobs.forget, 50.0 * step):
            if own[SILENT] == 1.0:
                add_edge(found, tick, row, SILENCE, CLOSE, own[LAST_TICK])
            if own[OPENED] >= 0.0:
                add_edge(found, tick, row, METRICS, CLOSE, own[ONSET])
            for s in range(cohort.owner.size):
                for i in range(MAX_RULES if cohort.owner[s] == row else 0):
                    if cohort.rule_run[s, i] < 0:
                        add_edge(found, tick, row, RULE + cohort.rules[s, i], CLOSE, own[LAST_TICK])
            own[FORGOTTEN] = 1.0
            cohort.counters[GONE] += 1.0


@jit
def check_rules(
    cohort: Cohort,
    series: int,
    row: int,
    tick: float,
    value: float,
    views: F64,
    knobs: Knobs,
    found: Found,
) -> None:
    """Count a series' rules on by one sample; each opens and closes an alert of its own."""
    for i in range(MAX_RULES):
        rule = cohort.rules[series, i]
        if rule < 0:
            break
        above, below = knobs.rule_above[rule], knobs.rule_below[rule]
        needed = int(knobs.rule_for[rule])
        before = int(cohort.rule_run[series, i])
        run = run_on(before, value, above, below, needed, knobs.calm)
        if before < 0 and run == 0:
            add_edge(found, tick, row, RULE + rule, CLOSE, tick)
        elif before >= 0 and run < 0:
            at = add_edge(found, tick, row, RULE + rule, OPEN, tick - needed + 1)
            add_evidence(found, at, series, views, value, 1.0, tick - needed + 1, math.nan)
        cohort.rule_run[series, i] = run


@jit
def judge_alert(
    cohort: Cohort, row: int, tick: float, score: float, solid: bool, onset: float, knobs: Knobs
) -> int:
    """Move a resource's alert on by one sample; return the edge that it makes, or -1.

    `score` is the smoothed fused score, `solid` whether any metric is far off where it hurts. In
    its first day a resource must be half as odd again as later.
    """
    own = cohort.resource[row]
    youth = max(0.0, 1.0 - (tick - own[BORN]) / knobs.ticks_a_day)
    high = solid and score >= knobs.open_score * (1.0 + 0.5 * youth)
    recent = ((int(own[RECENT]) << 1) | int(high)) & ((1 << knobs.window) - 1)
    own[RECENT] = float(recent)
    if own[OPENED] < 0.0:
        hits = 0
        for bit in range(knobs.window):
            hits += (recent >> bit) & 1
        if not high or hits < knobs.needed:
            return -1
        own[OPENED] = tick
        own[ONSET] = onset
        own[PEAK] = score
        own[CALM] = 0.0
        return OPEN
    own[CALM] = own[CALM] + 1.0 if score < knobs.close_score or not solid else 0.0
    if own[CALM] >= knobs.calm and tick - own[OPENED] >= knobs.hold:
        own[OPENED] = -1.0
        own[RECENT] = 0.0
        return CLOSE
    if score > 1.2 * own[PEAK] and tick - own[SAID] >= knobs.update:
        own[PEAK] = score
        return UPDATE
    return -1


@jit
def _onset(cohort: Cohort, s: int, tick: float) -> float:
    """Return when a series left its band, or began the climb that it is on, if that was before."""
    out, climbs = cohort.state[s, OUT_SINCE], climbs_since(cohort.trend[s])
    if climbs >= 0.0:
        tick = min(tick, climbs)
    return min(tick, out) if out >= 0.0 else tick


@jit
def say_alert(
    cohort: Cohort,
    row: int,
    edge: int,
    tick: float,
    score: float,
    surprises: F64,
    series: I32,
    values: F64,
    views: F64,
    parts: F64,
    total: float,
    knobs: Knobs,
    found: Found,
) -> None:
    """Write down an edge of a resource's alert, with the metrics behind it, most first.

    `series`, `values`, `views` and `parts` (emptied as it goes) are those of its samples.
    """
    own = cohort.resource[row]
    own[SAID] = tick
    at = add_edge(found, tick, row, METRICS, edge, own[ONSET])
    found.score[at, 0] = score
    found.score[at, 1] = confidence(score, knobs.even_at, knobs.steepness)
    found.score[at, 3:] = surprises
    for _ in range(MAX_EVIDENCE):
        best = 0
        for i in range(series.size):
            if parts[i] > parts[best]:
                best = i
        if parts[best] <= 0.0:
            break
        s, value = series[best], values[best]
        onset = _onset(cohort, s, tick)
        left = ticks_left(cohort.trend[s], value, tick, cohort.limit[s], knobs.forecast)
        add_evidence(found, at, s, views[best], value, parts[best] / total, onset, tick + left)
        parts[best] = 0.0
