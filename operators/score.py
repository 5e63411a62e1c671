"""One compiled pass over a cohort's samples: learn, score, calibrate, fuse, find alert edges.

A cohort is the resources of one service in one key group. Samples come ordered by (tick,
resource, load first, series), one a tick and series. The pass goes tick by tick, so its outcome
does not depend on how many ticks it is given at once.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.baseline import (
    BAND,
    EFFECT,
    EXPECTED,
    LOAD_PRODUCT,
    LOAD_SQUARE,
    MEAN,
    OUT_SINCE,
    RESIDUAL,
    TAIL,
    VIEWS,
    Z_MIDDLE,
    Z_SHORT,
    Z,
    learn,
)
from models.baseline import LAST_TICK as LAST_SAMPLE
from models.baseline import SEEN as SAMPLES
from models.calibration import COUNT, EXCESS, QUANTILE, learn_tail, surprise
from models.flat_forest import FlatForest
from models.flat_forest import score_row as score_forest
from models.fusion import confidence, fuse
from models.half_space_trees import HalfSpaceTrees
from models.half_space_trees import score_and_learn_row as score_trees
from models.jit import jit
from models.statistical import oriented, statistical_score
from models.temporal import temporal_score
from schema import F64, I32, I64

F32 = npt.NDArray[np.float32]

# a resource's state; all float64
(
    SEEN,  # ticks with a sample
    LAST_TICK,
    STEP,
    VOTES,
    LONGEST_GAP,  # fades
    ACTIVE_AT,  # the cohort's active ticks when last heard
    SILENT,  # 1: said to be silent
    FORGOTTEN,  # 1: gone, the row may be taken away
    RECENT,  # bits: was the score high at the last ticks, newest lowest
    OPENED,  # tick the alert opened, -1 closed
    ONSET,
    CALM,  # samples below the closing score
    PEAK,  # highest fused score since it opened
    SAID,  # tick of the last edge
    BORN,  # tick of its first sample; series states from before are void
    SCORE,  # fused score, smoothed
    LEAD,  # rank of the load metric that explains the others; one that is missing is not replaced
) = range(17)
RESOURCE_WIDTH = 17
FEATURES = 3  # a metric's columns in a feature row
MAX_RULES = 4  # a series
MAX_EVIDENCE = 8
TEMPORAL = 1  # its place among the detectors: it is calibrated by series

# directions that hurt
BOTH, UP, DOWN, NONE = 0, 1, -1, 2

# edges and kinds
OPEN, UPDATE, CLOSE = range(3)
METRICS, SILENCE, RULE = range(3)  # RULE + i is rule i

# the cohort's counters; all float64
(
    ROWS,  # feature rows so far
    ACTIVE,  # ticks in which any resource sent something
    FIRST_TICK,  # of the first feature row, -1 before
    FIT_TICK,  # before which the forest is due, -1: not yet known
    NEWEST,  # tick scored last
    GONE,  # forgotten resources whose rows are still here
) = range(6)
COUNTERS = 6


class Cohort(NamedTuple):
    """Arrays of one cohort; a row a series or a row a resource, in no particular order."""

    state: F64  # (series, baseline.WIDTH)
    season: F32  # (series, baseline.SEASON)
    owner: I32  # (series,) row of its resource
    direction: I32  # (series,)
    weight: F64  # (series,)
    least: F64  # (series,) smallest change of interest
    lead: F64  # (series,) a load metric's rank, all different; 0: is none
    counted: I32  # (series,) 1: a number of events
    column: I32  # (series,) of the feature row, in metrics; -1: none
    rules: I32  # (series, MAX_RULES) rule or -1
    rule_run: I32  # (series, MAX_RULES) ticks in a row; negative: open, counts down to close
    resource: F64  # (resources, RESOURCE_WIDTH)
    tails: F64  # (resources, detectors, calibration.WIDTH)
    cohort_tails: F64  # (detectors, calibration.WIDTH)
    counters: F64  # (COUNTERS,)
    reservoir: F32  # (rows, slots * FEATURES)
    slot: I32  # (series,) columns of its metric in the reservoir, in metrics


class Knobs(NamedTuple):
    """Settings as the pass takes them."""

    baseline: F64
    votes: F64
    statistical: tuple[float, float]
    temporal: tuple[float, float, float]
    smoothing: float  # share of the newest fused score
    prior_rows: float
    memory_rows: float
    start_quantile: float
    start_excess: float
    open_score: float
    steepness: float
    close_score: float
    least_effect: float  # spreads
    needed: int  # of the last `window` ticks
    window: int
    calm: int  # samples
    hold: int  # ticks that an alert stays open at least
    update: int  # ticks between updates
    silent_steps: float
    forget: float  # ticks
    rule_above: F64  # (rules,) NaN: none
    rule_below: F64
    rule_for: F64  # ticks
    ticks_a_day: float
    warm_up: float  # samples before silence is judged
    tail_rows: float  # scores before a cohort's tail is trusted
    fit_rows: float  # rows before the first forest; infinite: never
    first_fit: float  # ticks before the first forest


class Found(NamedTuple):
    """Where the pass writes what it found."""

    used: I64  # (2,): edges, evidence
    edge: I64  # (n, 6): tick, resource row, kind, edge, first evidence, number of evidence
    score: F64  # (n, 3 + detectors): fused, confidence, onset tick, surprises
    series: I32  # (m,)
    evidence: F64  # (m, 5): value, expected, half band, share, onset tick


@jit
def _edge(found: Found, tick: float, row: int, kind: int, edge: int, onset: float) -> int:
    at = found.used[0]
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
def _note(
    found: Found, at: int, series: int, views: F64, value: float, share: float, onset: float
) -> None:
    n = found.used[1]
    found.series[n] = series
    found.evidence[n, 0] = value
    found.evidence[n, 1] = views[EXPECTED]
    found.evidence[n, 2] = views[BAND]
    found.evidence[n, 3] = share
    found.evidence[n, 4] = onset
    found.used[1] = n + 1
    found.edge[at, 5] += 1


@jit
def _hear(cohort: Cohort, row: int, tick: float, knobs: Knobs, found: Found) -> None:
    """Note that a resource has sent something at this tick."""
    own = cohort.resource[row]
    if own[FORGOTTEN] == 1.0:
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
        _edge(found, tick, row, SILENCE, CLOSE, own[LAST_TICK])
    own[SEEN] += 1.0
    own[LAST_TICK] = tick
    own[ACTIVE_AT] = cohort.counters[ACTIVE]


@jit
def _find_silent(cohort: Cohort, tick: float, knobs: Knobs, found: Found) -> None:
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
                _edge(found, tick, row, SILENCE, OPEN, own[LAST_TICK] + step)
        if quiet > max(knobs.forget, 50.0 * step):
            if own[SILENT] == 1.0:
                _edge(found, tick, row, SILENCE, CLOSE, own[LAST_TICK])
            if own[OPENED] >= 0.0:
                _edge(found, tick, row, METRICS, CLOSE, own[ONSET])
            for s in range(cohort.owner.size):
                for i in range(MAX_RULES if cohort.owner[s] == row else 0):
                    if cohort.rule_run[s, i] < 0:
                        _edge(found, tick, row, RULE + cohort.rules[s, i], CLOSE, own[LAST_TICK])
            own[FORGOTTEN] = 1.0
            cohort.counters[GONE] += 1.0


@jit
def _check_rules(
    cohort: Cohort,
    series: int,
    row: int,
    tick: float,
    value: float,
    views: F64,
    knobs: Knobs,
    found: Found,
) -> None:
    for i in range(MAX_RULES):
        rule = cohort.rules[series, i]
        if rule < 0:
            break
        hit = value > knobs.rule_above[rule] or value < knobs.rule_below[rule]  # NaN: never
        run = cohort.rule_run[series, i]
        needed = int(knobs.rule_for[rule])
        if run < 0:  # open
            run = -knobs.calm if hit else run + 1
            if run == 0:
                _edge(found, tick, row, RULE + rule, CLOSE, tick)
        elif hit:
            run += 1
            if run >= needed:
                run = -knobs.calm
                at = _edge(found, tick, row, RULE + rule, OPEN, tick - needed + 1)
                _note(found, at, series, views, value, 1.0, tick - needed + 1)
        else:
            run = 0
        cohort.rule_run[series, i] = run


@jit
def fit_due(cohort: Cohort, tick: float, knobs: Knobs) -> bool:
    """Whether a forest must be fitted before `tick` is scored."""
    if cohort.counters[FIT_TICK] >= 0.0:
        return tick >= cohort.counters[FIT_TICK]
    first = cohort.counters[FIRST_TICK]
    enough = cohort.counters[ROWS] >= knobs.fit_rows
    return first >= 0.0 and enough and tick >= first + knobs.first_fit


@jit
def _keep_row(cohort: Cohort, features: F32, seed: np.uint64) -> None:
    """Keep a row in the reservoir with the right chance: algorithm R, seeded by the row's number.

    Source: Vitter (1985); splitmix64 (Steele et al., 2014) in place of a generator's state.
    """
    n = np.int64(cohort.counters[ROWS])
    size = cohort.reservoir.shape[0]
    cohort.counters[ROWS] += 1.0
    at = n
    if n >= size:
        z = np.uint64(n) * np.uint64(0x9E3779B97F4A7C15) + seed
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        at = np.int64((z ^ (z >> np.uint64(31))) % np.uint64(n + 1))
        if at >= size:
            return
    cohort.reservoir[at] = features


@jit
def _feature(z: float, direction: int) -> float:
    """Return a view as a forest sees it: where it hurts is up, where it does not is a quarter."""
    if direction == NONE:
        return min(abs(z), 12.0) * 0.5
    if direction == BOTH:
        return min(abs(z), 12.0)
    z = z * direction
    return min(z, 12.0) if z > 0.0 else max(z * 0.25, -3.0)


@jit
def score_ticks(
    at: int,
    ticks: I64,
    series: I32,
    values: F64,
    cohort: Cohort,
    forest: FlatForest,
    has_forest: bool,
    trees: HalfSpaceTrees,
    has_trees: bool,
    knobs: Knobs,
    seed: np.uint64,
    found: Found,
) -> int:
    """Go on from sample `at`; return where it stopped: at the end, or before a tick at which a
    forest is due, or before one for which `found` might be too small.
    """
    n = ticks.size
    detectors = cohort.cohort_tails.shape[0]
    metrics = cohort.reservoir.shape[1] // FEATURES
    columns = 1
    longest = 1
    for i in range(cohort.column.size):
        columns = max(columns, cohort.column[i] + 1)
    run = 0
    for i in range(at, n):
        same = i > at and cohort.owner[series[i]] == cohort.owner[series[i - 1]]
        run = run + 1 if same and ticks[i] == ticks[i - 1] else 1
        longest = max(longest, run)
    views = np.zeros((longest, VIEWS))
    parts = np.zeros(longest)
    row = np.zeros(columns * FEATURES)
    squashed = np.zeros(columns * FEATURES)
    kept = np.zeros(metrics * FEATURES, np.float32)
    raw = np.zeros(detectors)
    surprises = np.zeros(detectors)
    resources = cohort.resource.shape[0]
    rules = knobs.rule_for.size
    current = np.int64(-1)
    while at < n:
        if ticks[at] != current:
            # ------------------------------------------------------ a tick begins
            if current >= 0:
                _find_silent(cohort, float(current), knobs, found)
            room = 2 * resources + resources * 2 + (MAX_RULES if rules else 0) * cohort.owner.size
            if (
                found.used[0] + room > found.edge.shape[0]
                or found.used[1] + room * MAX_EVIDENCE > found.series.size
                or fit_due(cohort, float(ticks[at]), knobs)
            ):
                return at
            current = ticks[at]
            cohort.counters[ACTIVE] += 1.0
            cohort.counters[NEWEST] = float(current)
        # ---------------------------------------------------------- a resource's samples
        tick = float(current)
        owner = cohort.owner[series[at]]
        end = at
        while end < n and ticks[end] == current and cohort.owner[series[end]] == owner:
            end += 1
        _hear(cohort, owner, tick, knobs, found)
        own = cohort.resource[owner]
        day = math.floor(tick / knobs.ticks_a_day)
        hour = (tick - day * knobs.ticks_a_day) * 24.0 / knobs.ticks_a_day
        weekend = (day + 3.0) % 7.0 >= 5.0  # 1970-01-01 was a Thursday
        load = math.nan
        load_away = 0.0
        warm = False
        solid = False
        total = 0.0
        statistical = 0.0
        onset = tick
        row[:] = 0.0
        kept[:] = 0.0
        for i in range(at, end):
            s = series[i]
            seen = views[i - at]
            if cohort.state[s, SAMPLES] > 0.0 and cohort.state[s, LAST_SAMPLE] < own[BORN]:
                cohort.state[s] = 0.0
                cohort.season[s] = 0.0
                cohort.rule_run[s] = 0
            ready = learn(
                cohort.state[s],
                cohort.season[s],
                values[i],
                tick,
                hour,
                weekend,
                load,
                load_away,
                cohort.least[s],
                cohort.counted[s] == 1,
                knobs.baseline,
                seen,
            )
            direction = cohort.direction[s]
            if cohort.lead[s] > own[LEAD]:  # a better load: what the old one explained is void
                own[LEAD] = cohort.lead[s]
                for j in range(i, end):
                    cohort.state[series[j], LOAD_PRODUCT] = 0.0
                    cohort.state[series[j], LOAD_SQUARE] = 0.0
            if cohort.lead[s] == own[LEAD] and own[LEAD] > 0.0 and ready:
                load = seen[RESIDUAL]
                load_away = values[i] - cohort.state[s, MEAN]
            if rules:
                _check_rules(cohort, s, owner, tick, values[i], seen, knobs, found)
            parts[i - at] = 0.0
            if not ready:
                continue
            warm = True
            column = cohort.column[s] * FEATURES
            slot = cohort.slot[s] * FEATURES
            for k in range(FEATURES):
                size = _feature(seen[Z if k == 0 else (Z_SHORT if k == 1 else Z_MIDDLE)], direction)
                if column >= 0 and abs(size) > abs(row[column + k]):
                    row[column + k] = size
                if abs(size) > abs(kept[slot + k]):
                    kept[slot + k] = size
            weight = cohort.weight[s]
            if direction == NONE or weight <= 0.0:
                continue
            size = temporal_score(
                seen, direction, knobs.temporal[0], knobs.temporal[1], knobs.temporal[2]
            )
            tail = cohort.state[s, TAIL:]
            if tail[EXCESS] == 0.0:
                tail[QUANTILE] = knobs.start_quantile
                tail[EXCESS] = knobs.start_excess
            if cohort.cohort_tails[TEMPORAL, COUNT] >= knobs.tail_rows:
                rare = surprise(size, tail, cohort.cohort_tails[TEMPORAL], knobs.prior_rows)
                parts[i - at] = (math.sqrt(min(weight, 1.5)) * rare) ** 4
                total += parts[i - at]
            if own[SCORE] < knobs.open_score:  # what is wrong is no example of normal
                learn_tail(tail, size, knobs.memory_rows)
                learn_tail(cohort.cohort_tails[TEMPORAL], size, knobs.memory_rows)
            plain = statistical_score(seen, direction, knobs.statistical[0], knobs.statistical[1])
            statistical += weight * plain * plain
            far = oriented(seen[EFFECT], direction) >= knobs.least_effect
            if far and abs(values[i] - seen[EXPECTED]) >= cohort.least[s]:
                solid = True
            since = cohort.state[s, OUT_SINCE]
            if since >= 0.0 and parts[i - at] > 0.0:
                onset = min(onset, since)
        if warm:
            if cohort.counters[FIRST_TICK] < 0.0:
                cohort.counters[FIRST_TICK] = tick
            # ------------------------------------------------------ detectors
            raw[0] = math.sqrt(statistical)
            raw[1] = math.nan
            raw[2] = score_forest(forest, row) * 10.0 if has_forest else math.nan
            raw[3] = math.nan
            if has_trees:
                for k in range(row.size):
                    squashed[k] = 1.0 / (1.0 + math.exp(-0.5 * row[k]))
                raw[3] = score_trees(trees, squashed) * 10.0
            for d in range(detectors):
                surprises[d] = math.nan
                if raw[d] == raw[d]:
                    if cohort.cohort_tails[d, 0] >= knobs.tail_rows:
                        surprises[d] = surprise(
                            raw[d], cohort.tails[owner, d], cohort.cohort_tails[d], knobs.prior_rows
                        )
                    if own[SCORE] < knobs.open_score:
                        learn_tail(cohort.tails[owner, d], raw[d], knobs.memory_rows)
                        learn_tail(cohort.cohort_tails[d], raw[d], knobs.memory_rows)
            if total > 0.0:
                surprises[TEMPORAL] = math.sqrt(math.sqrt(total))
            _keep_row(cohort, kept, seed)
            fused = fuse(surprises, knobs.votes)
            if fused != fused:
                at = end
                continue
            own[SCORE] += knobs.smoothing * (fused - own[SCORE])
            fused = own[SCORE]
            # ------------------------------------------------------ the alert's edges
            youth = max(0.0, 1.0 - (tick - own[BORN]) / knobs.ticks_a_day)
            high = solid and fused >= knobs.open_score * (1.0 + youth)
            recent = ((int(own[RECENT]) << 1) | int(high)) & ((1 << knobs.window) - 1)
            own[RECENT] = float(recent)
            edge = -1
            if own[OPENED] < 0.0:
                if high:
                    hits = 0
                    for bit in range(knobs.window):
                        hits += (recent >> bit) & 1
                    if hits >= knobs.needed:
                        edge = OPEN
                        own[OPENED] = tick
                        own[ONSET] = onset
                        own[PEAK] = fused
                        own[CALM] = 0.0
            else:
                own[CALM] = own[CALM] + 1.0 if fused < knobs.close_score or not solid else 0.0
                if own[CALM] >= knobs.calm and tick - own[OPENED] >= knobs.hold:
                    edge = CLOSE
                    own[OPENED] = -1.0
                    own[RECENT] = 0.0
                elif fused > 1.2 * own[PEAK] and tick - own[SAID] >= knobs.update:
                    edge = UPDATE
                    own[PEAK] = fused
            if edge >= 0:
                own[SAID] = tick
                where = _edge(found, tick, owner, METRICS, edge, own[ONSET])
                found.score[where, 0] = fused
                found.score[where, 1] = confidence(fused, knobs.open_score, knobs.steepness)
                for d in range(detectors):
                    found.score[where, 3 + d] = surprises[d]
                for _ in range(MAX_EVIDENCE):
                    best = 0
                    for i in range(end - at):
                        if parts[i] > parts[best]:
                            best = i
                    if parts[best] <= 0.0:
                        break
                    s = series[at + best]
                    since = cohort.state[s, OUT_SINCE]
                    share = parts[best] / total
                    _note(
                        found,
                        where,
                        s,
                        views[best],
                        values[at + best],
                        share,
                        since if since >= 0.0 else tick,
                    )
                    parts[best] = 0.0
        at = end
    if current >= 0:
        _find_silent(cohort, float(current), knobs, found)
    return at
