"""One compiled pass over a cohort's samples: learn, score, calibrate, fuse, find alert edges.

Samples come ordered by (tick, resource, load first, series), one a tick and series. The pass goes
tick by tick, so its outcome does not depend on how many ticks it is given at once.
"""

import math
from typing import NamedTuple

import numpy as np

from models.baseline import (
    BAND,
    EXPECTED,
    LOAD_PRODUCT,
    LOAD_SQUARE,
    MEAN,
    RESIDUAL,
    VIEWS,
    learn,
    note_away,
)
from models.baseline import LAST_TICK as LAST_SAMPLE
from models.baseline import SEEN as SAMPLES
from models.calibration import COUNT, learn_tail, surprise
from models.flat_forest import FlatForest
from models.flat_forest import score_row as score_forest
from models.fusion import fuse
from models.half_space_trees import HalfSpaceTrees, squash
from models.half_space_trees import score_and_learn_row as score_trees
from models.jit import jit
from operators.curve import has_opened, note_curve, note_raised
from operators.edges import check_rules, find_silent, hear, judge_alert, say_alert
from operators.effects import note_effects
from operators.features import clear_features, keep_row, note_features
from operators.figures import note_figures
from operators.layout import (
    ACTIVE,
    BORN,
    DISCORD,
    FEATURES,
    FIRST_TICK,
    FIT_TICK,
    FORECAST,
    LEAD,
    NEWEST,
    NONE,
    REGULAR,
    ROWS,
    SCORE,
    STATISTICAL,
    STEP,
    Cohort,
    Found,
    Knobs,
)
from operators.pass_room import has_room, longest_run
from operators.pulses import end_pulse, is_in_pulse, note_pulse
from operators.series_score import (
    ALONE,
    ALONE_SCALE,
    CLIMB,
    COARSE,
    FIRST_OUT,
    LOAD,
    LOAD_AWAY,
    NOVELTY,
    RATE,
    SCORED,
    SOLID,
    SUMS,
    TOTAL,
    VALUE,
    WARM,
    Bench,
    heard,
    or_climb,
    score_alone,
    score_climb,
    score_series,
)
from operators.tap import note_trace
from schema import F64, I32, I64


class ForestPair(NamedTuple):
    """The two forests as the pass takes them."""

    batch: FlatForest
    has_batch: bool
    online: HalfSpaceTrees
    has_online: bool


@jit
def fit_due(cohort: Cohort, tick: float, knobs: Knobs) -> bool:
    """Whether a forest must be fitted before `tick` is scored."""
    if cohort.counters[FIT_TICK] >= 0.0:
        return bool(tick >= cohort.counters[FIT_TICK])
    first = cohort.counters[FIRST_TICK]
    enough = cohort.counters[ROWS] >= knobs.fit_rows
    return bool(first >= 0.0 and enough and tick >= first + knobs.first_fit)


@jit
def _learn_resource(
    cohort: Cohort,
    owner: int,
    tick: float,
    series: I32,
    values: F64,
    knobs: Knobs,
    bench: Bench,
    found: Found,
) -> None:
    """Learn a resource's samples of one tick and add up what they say, into `bench`."""
    own = cohort.resource[owner]
    sums = bench.sums
    sums[:] = 0.0
    sums[CLIMB] = -1.0
    sums[ALONE] = sums[NOVELTY] = sums[VALUE] = -1.0  # nothing to say
    minutes = max(own[STEP], 1.0) * knobs.minutes_a_tick
    sums[COARSE] = _coarseness(minutes, knobs)
    sums[RATE] = ALONE_SCALE * knobs.rate_share * math.log10(minutes / knobs.coarse[0])
    sums[FIRST_OUT] = tick
    sums[LOAD] = math.nan
    clear_features(bench.row, bench.kept)
    learns = own[SCORE] < knobs.open_score  # what is wrong is no example of normal
    day = math.floor(tick / knobs.ticks_a_day)
    hour = (tick - day * knobs.ticks_a_day) * 24.0 / knobs.ticks_a_day
    weekend = (day + 3.0) % 7.0 >= 5.0  # 1970-01-01 was a Thursday
    for i in range(series.size):
        s = series[i]
        views = bench.views[i]
        bench.parts[i] = 0.0
        if cohort.state[s, SAMPLES] > 0.0 and cohort.state[s, LAST_SAMPLE] < own[BORN]:
            cohort.state[s] = 0.0
            cohort.shape[s] = 0.0
            cohort.plain[s] = 0.0
            cohort.season[s] = 0.0
            cohort.trend[s] = 0.0
            cohort.rule_run[s] = 0
            cohort.bar[s] = 0.0
        ready = learn(
            cohort.state[s],
            cohort.season[s],
            values[i],
            tick,
            hour,
            weekend,
            sums[LOAD],
            sums[LOAD_AWAY],
            cohort.least[s],
            cohort.counted[s] == 1,
            knobs.baseline,
            views,
        )
        note_away(cohort.away[s], cohort.state[s], values[i] - views[EXPECTED], views[BAND])
        if cohort.lead[s] > own[LEAD]:  # a better load: what the old one explained is void
            own[LEAD] = cohort.lead[s]
            for other in series[i:]:
                cohort.state[other, LOAD_PRODUCT] = 0.0
                cohort.state[other, LOAD_SQUARE] = 0.0
        bench.warm[i] = ready
        if ready and cohort.lead[s] > 0.0 and cohort.lead[s] == own[LEAD]:
            sums[LOAD] = views[RESIDUAL]
            sums[LOAD_AWAY] = values[i] - cohort.state[s, MEAN]
        share = heard(cohort, s, values[i], values[i] - views[EXPECTED])
        score_alone(cohort, s, i, values[i], share, ready, knobs, bench)
        if knobs.rule_for.size:
            check_rules(cohort, s, owner, tick, values[i], views, knobs, found)
        if ready:
            sums[WARM] = 1.0
            note_features(cohort, s, views, share, bench.row, bench.kept)
            if cohort.direction[s] != NONE and cohort.weight[s] > 0.0:
                score_series(cohort, s, i, values[i], share, learns, knobs, bench)
            score_climb(cohort, s, i, values[i], share, tick, learns, knobs, bench)
    note_effects(cohort, owner, tick, series, values, bench.views, bench.warm, knobs, found)


@jit
def _calibrated(cohort: Cohort, owner: int, detector: int, raw: float, knobs: Knobs) -> float:
    """Return the surprise of a detector's score for the resource, NaN before it can be said."""
    if math.isnan(raw):
        return math.nan
    own, pooled = cohort.tails[owner, detector], cohort.cohort_tails[detector]
    rare = math.nan
    if pooled[COUNT] >= knobs.tail_rows:
        rare = surprise(raw, own, pooled, knobs.prior_rows)
    if cohort.resource[owner, SCORE] < knobs.open_score:
        learn_tail(own, raw, knobs.memory_rows)
        learn_tail(pooled, raw, knobs.memory_rows)
    return rare


@jit
def _fused(cohort: Cohort, owner: int, forests: ForestPair, knobs: Knobs, bench: Bench) -> float:
    """Return the detectors' common score of a resource's tick, NaN where none has one."""
    sums, surprises = bench.sums, bench.surprises
    batch = score_forest(forests.batch, bench.row) * 10.0 if forests.has_batch else math.nan
    online = math.nan
    if forests.has_online:
        squash(bench.row, bench.squashed)
        online = score_trees(forests.online, bench.squashed) * 10.0
    surprises[STATISTICAL] = math.nan  # has no vote among these
    surprises[1] = math.sqrt(math.sqrt(sums[TOTAL])) if sums[TOTAL] > 0.0 else math.nan
    surprises[2] = _calibrated(cohort, owner, 2, batch, knobs)
    surprises[3] = _calibrated(cohort, owner, 3, online, knobs)
    note_pulse(cohort.resource[owner], surprises[2], surprises[3], knobs)
    surprises[DISCORD] = math.nan  # nor have these
    surprises[FORECAST] = math.nan
    return fuse(surprises, knobs.votes)


@jit
def _score_together(own: F64, regular: float, bench: Bench, knobs: Knobs) -> float:
    """Return the score of a resource's tick from all detectors, NaN where none has one.

    Either what is new or rare by itself, or what those say that know level, rhythm and load: the
    larger. A rarer sample need not be as odd to be one in so many days.
    """
    sums = bench.sums
    if sums[NOVELTY] >= 0.0:
        bench.surprises[DISCORD] = sums[NOVELTY]
    if sums[VALUE] >= 0.0:
        bench.surprises[STATISTICAL] = sums[VALUE]
    if math.isnan(regular) and sums[ALONE] < 0.0:
        return math.nan
    score = max(math.sqrt(math.sqrt(max(sums[ALONE], 0.0))) + sums[RATE], 0.0)
    if not math.isnan(regular):
        own[REGULAR] += knobs.smoothing * (regular - own[REGULAR])
        score = max(score, own[REGULAR])
    return float(score)


@jit
def _coarseness(minutes: float, knobs: Knobs) -> float:
    """Return how far apart samples are on the way from minutes to hours, [0, 1], by logarithm."""
    fine, coarse = knobs.coarse
    share = math.log(minutes / fine) / math.log(coarse / fine)
    return min(max(share, 0.0), 1.0)


@jit
def _score_resource(
    cohort: Cohort,
    owner: int,
    tick: float,
    series: I32,
    values: F64,
    forests: ForestPair,
    knobs: Knobs,
    seed: np.uint64,
    bench: Bench,
    found: Found,
) -> None:
    """Take all samples of a resource at one tick."""
    own = cohort.resource[owner]
    hear(cohort, owner, tick, knobs, found)
    _learn_resource(cohort, owner, tick, series, values, knobs, bench, found)
    if bench.sums[WARM] == 0.0:
        return
    if cohort.counters[FIRST_TICK] < 0.0:
        cohort.counters[FIRST_TICK] = tick
    fused = _score_together(own, _fused(cohort, owner, forests, knobs, bench), bench, knobs)
    fused = or_climb(fused, bench, knobs)
    keep_row(cohort, bench.kept, seed)
    if math.isnan(fused):
        return
    own[SCORE] = fused
    bench.sums[SCORED] = 1.0
    note_figures(cohort.figures, fused, bench.surprises, knobs.open_score)
    solid = bench.sums[SOLID] == 1.0
    edge = judge_alert(cohort, owner, tick, own[SCORE], solid, bench.sums[FIRST_OUT], knobs)
    if edge >= 0:
        say_alert(
            cohort,
            owner,
            edge,
            tick,
            own[SCORE],
            bench.surprises,
            series,
            values,
            bench.views,
            bench.parts,
            max(bench.parts.sum(), 1e-300),
            knobs,
            found,
        )


@jit
def score_ticks(
    at: int,
    ticks: I64,
    series: I32,
    values: F64,
    cohort: Cohort,
    forests: ForestPair,
    knobs: Knobs,
    seed: np.uint64,
    found: Found,
) -> int:
    """Go on from sample `at`; return where it stopped.

    That is the end, or the first sample of a tick before which a forest is due, or which comes
    after one in which an alert opened, or for which `found` might be too small.
    """
    width = max(FEATURES, forests.batch.features, forests.online.features)
    for column in cohort.column:
        width = max(width, (column + 1) * FEATURES)
    longest = longest_run(cohort, at, ticks, series)
    bench = Bench(
        np.zeros((longest, VIEWS)),
        np.zeros(longest),
        np.zeros(SUMS),
        np.zeros(width),
        np.zeros(width),
        np.zeros(cohort.reservoir.shape[1], np.float32),
        np.zeros(cohort.cohort_tails.shape[0]),
        np.zeros(longest, np.bool_),
    )
    current = np.int64(-1)
    said = found.used[0]  # edges before the tick
    while at < ticks.size:
        if ticks[at] != current:
            if current >= 0:
                find_silent(cohort, float(current), knobs, found)
                if knobs.followed and has_opened(found, said):
                    return at
                said = found.used[0]
            if not has_room(cohort, knobs, found) or fit_due(cohort, float(ticks[at]), knobs):
                return at
            current = ticks[at]
            if not is_in_pulse(cohort, float(current), knobs):
                end_pulse(cohort, float(current), knobs, found)
            cohort.counters[ACTIVE] += 1.0
            cohort.counters[NEWEST] = float(current)
        owner = cohort.owner[series[at]]
        end = at
        while end < ticks.size and ticks[end] == current and cohort.owner[series[end]] == owner:
            end += 1
        _score_resource(
            cohort,
            owner,
            float(current),
            series[at:end],
            values[at:end],
            forests,
            knobs,
            seed,
            bench,
            found,
        )
        note_trace(cohort, owner, end - at, bench, found)
        note_curve(cohort, owner, float(current), series[at:end], values[at:end], bench, found)
        note_raised(cohort, owner, float(current), bench, knobs, found)
        at = end
    if current >= 0:
        find_silent(cohort, float(current), knobs, found)
    return at
