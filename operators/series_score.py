"""What a sample adds to its resource's score, by the detectors that look at one series alone."""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.baseline import (
    BAND,
    BAND_SPREADS,
    EFFECT,
    EXPECTED,
    MIDDLE,
    OUT_SINCE,
    RESIDUAL,
    SHORT,
    STEP,
    TAIL,
    trust,
)
from models.calibration import COUNT, EXCESS, QUANTILE, learn_tail, surprise
from models.discord import MEDIAN
from models.discord import judge as judge_shape
from models.forecast import CLIMB as OWN_CLIMB
from models.forecast import HEIGHT, SINCE
from models.forecast import TAIL as CLIMB_TAIL
from models.forecast import judge as judge_climb
from models.jit import jit
from models.statistical import judge as judge_value
from models.statistical import oriented
from models.temporal import temporal_score
from operators.layout import (
    DISCORD,
    DOWN,
    F32,
    FORECAST,
    LEAD,
    NONE,
    STATISTICAL,
    TEMPORAL,
    UP,
    Cohort,
    Knobs,
)
from schema import F64

# what a resource's samples of one tick add up to
(
    TOTAL,  # of the series' parts
    COARSE,  # how far apart the samples are, 0 minutes to 1 an hour: the say of the values
    FIRST_OUT,  # earliest tick at which one of them left its band
    SOLID,  # 1: one of them is far off where it hurts
    WARM,  # 1: one of them is past its warm-up
    LOAD,  # residual of the load metric, NaN: none
    LOAD_AWAY,  # its distance from its mean
    RATE,  # what a score gets for samples rarer than `fine_min`; below 0 for more frequent ones
    ALONE,  # of the series' parts by the discord and the statistical detector
    NOVELTY,  # the largest of the discord detector's
    VALUE,  # the largest of the statistical detector's
    CLIMB,  # largest score of the forecast detector, -1: none
    LOAD_CLIMB,  # of the load metric, in spreads, either way
    SCORED,  # 1: the resource has a score at this tick
) = range(14)
SUMS = 14
SOLID_ALONE = 1.0  # thresholds by which these alone make an alert, whatever the baseline says
LASTING = 2.0 / 3.0  # of the least effect is asked of the last samples' mean
ALONE_SCALE = 2.0  # their surprises are means of three samples and of several sizes


class Bench(NamedTuple):
    """Room for a resource's samples of one tick."""

    views: F64  # (samples, VIEWS)
    parts: F64  # (samples,) shares of the score, not yet scaled to 1
    sums: F64  # (SUMS,)
    row: F64  # (columns,) what the forests look at
    squashed: F64  # (columns,)
    kept: F32  # (reservoir's columns,)
    surprises: F64  # (detectors,)
    warm: npt.NDArray[np.bool_]  # (samples,) whether `views` say anything


@jit
def heard(cohort: Cohort, s: int, value: float, away: float) -> float:
    """Return how much a sample counts that is `away` from what was expected, 0 to 1.

    Nothing within the harmless range, and up to the series' bar on that side; all of it from twice
    the bar on. What the means of the last samples still carry is as far away as they are.
    """
    if cohort.harmless[s, 0] <= value <= cohort.harmless[s, 1]:
        return 0.0
    for mean in (cohort.state[s, SHORT], cohort.state[s, MIDDLE]):
        if abs(mean) > abs(away):
            away = mean
    bar = cohort.bar[s, 0] if away > 0.0 else cohort.bar[s, 1]
    return min(max(abs(away) / bar - 1.0, 0.0), 1.0) if bar > 0.0 else 1.0


@jit
def score_series(
    cohort: Cohort,
    s: int,
    at: int,
    value: float,
    share: float,
    learns: bool,
    knobs: Knobs,
    bench: Bench,
) -> None:
    """Judge a warm series where it hurts: its part of the temporal score.

    `share` of it counts, see `heard`; what is learned is the whole.
    """
    views, sums = bench.views[at], bench.sums
    direction = cohort.direction[s]
    weight = cohort.weight[s]
    pooled = cohort.cohort_tails[TEMPORAL]
    size = temporal_score(views, direction, knobs.temporal[0], knobs.temporal[1], knobs.temporal[2])
    tail = cohort.state[s, TAIL:]
    if tail[EXCESS] == 0.0:
        tail[QUANTILE] = knobs.start_quantile
        tail[EXCESS] = knobs.start_excess
    if pooled[COUNT] >= knobs.tail_rows:
        rare = share * trust(cohort.state[s]) * surprise(size, tail, pooled, knobs.prior_rows)
        part = (math.sqrt(min(weight, 1.5)) * rare) ** 4
        sums[TOTAL] += part
        bench.parts[at] += part
    if learns:
        learn_tail(tail, size, knobs.memory_rows)
        learn_tail(pooled, size, knobs.memory_rows)
    least = knobs.least_effect if math.isnan(cohort.effect[s]) else cohort.effect[s]
    mean = share * oriented(views[EFFECT], direction)
    single = (value - views[EXPECTED]) * BAND_SPREADS / max(views[BAND], 1e-300)
    single = share * oriented(single, direction)
    far = mean >= least * (1.0 - (1.0 - LASTING) * sums[COARSE])
    far = far or (mean >= LASTING * least and single >= 2.0 * least) or single >= 4.0 * least
    if far and abs(value - views[EXPECTED]) >= cohort.least[s]:
        sums[SOLID] = 1.0
    since = cohort.state[s, OUT_SINCE]
    if since >= 0.0 and bench.parts[at] > 0.0:
        sums[FIRST_OUT] = min(sums[FIRST_OUT], since)


@jit
def score_alone(
    cohort: Cohort,
    s: int,
    at: int,
    value: float,
    share: float,
    ready: bool,
    knobs: Knobs,
    bench: Bench,
) -> None:
    """Judge a series by its own past alone: what is new in it, and how rare the value is.

    What the resource's load explains is taken off before it is compared with the past. Of samples
    that come often the value must also leave its band for an alert, as far as that can be trusted.
    The rarer the samples, the more the value says. `share` of it counts, see `heard`; `ready`: the
    views are those of a warm series.
    """
    sums, views = bench.sums, bench.views[at]
    direction = cohort.direction[s]
    total = 0.0
    votes = 0.0
    if cohort.past.shape[1]:
        by_load = views[RESIDUAL] - (value - views[EXPECTED]) if ready else 0.0
        novelty = judge_shape(cohort.shape[s], cohort.past[s], value - by_load, knobs.discord)
        if not math.isnan(novelty):
            median = cohort.shape[s, MEDIAN]
            harmless = (direction == UP and value < median) or (
                direction == DOWN and value > median
            )
            if harmless:
                novelty = 0.0
            votes += knobs.votes[DISCORD]
            total += knobs.votes[DISCORD] * novelty
            if direction != NONE:
                sums[NOVELTY] = max(sums[NOVELTY], ALONE_SCALE * novelty)
    vote = knobs.votes[STATISTICAL] * sums[COARSE]
    if ready and vote > 0.0 and direction != NONE:
        rare = judge_value(cohort.plain[s], views, direction, knobs.statistical)
        votes += vote
        total += vote * rare
        sums[VALUE] = max(sums[VALUE], ALONE_SCALE * rare)
    if votes == 0.0:
        return
    rare = 0.0 if direction == NONE else share * ALONE_SCALE * total / votes
    if rare + sums[RATE] >= SOLID_ALONE * knobs.open_score:
        away = abs(value - views[EXPECTED])
        fine = 1.0 - sums[COARSE]
        band = fine * trust(cohort.state[s]) * views[BAND] if ready else 0.0
        if away >= max(cohort.least[s], band):
            sums[SOLID] = 1.0
    part = (math.sqrt(min(cohort.weight[s], 1.5)) * rare) ** 4
    sums[ALONE] = max(sums[ALONE], 0.0) + part
    bench.parts[at] += part


@jit
def score_climb(
    cohort: Cohort,
    s: int,
    at: int,
    value: float,
    share: float,
    tick: float,
    learns: bool,
    knobs: Knobs,
    bench: Bench,
) -> None:
    """Judge the climb that a warm series' sample is part of, if it has a direction that hurts.

    `share` of it counts, see `heard`. A climb of the load is nobody's leak: as far as it is
    unusual, it is taken off the others'.
    """
    trend, sums = cohort.trend[s], bench.sums
    if knobs.votes[FORECAST] == 0.0:
        return
    is_load = cohort.lead[s] > 0.0
    direction = cohort.direction[s]
    if not is_load and (direction not in (UP, DOWN) or cohort.weight[s] == 0.0):
        return
    climb = judge_climb(
        trend,
        value,
        value - bench.views[at, EXPECTED],
        tick,
        cohort.state[s, STEP],
        UP if is_load else direction,
        cohort.least[s],
        knobs.forecast,
    )
    if is_load:
        if cohort.lead[s] == cohort.resource[cohort.owner[s], LEAD]:
            sums[LOAD_CLIMB] = abs(trend[OWN_CLIMB])
        return
    if math.isnan(climb):
        return
    size = max(climb - max(sums[LOAD_CLIMB] - knobs.load_spreads, 0.0), 0.0)
    tail, pooled = trend[CLIMB_TAIL:], cohort.cohort_tails[FORECAST]
    if tail[EXCESS] == 0.0:
        tail[QUANTILE] = knobs.start_quantile
        tail[EXCESS] = knobs.start_excess
    if pooled[COUNT] >= knobs.tail_rows:
        rare = share * surprise(size, tail, pooled, knobs.prior_rows)
        score = knobs.votes[FORECAST] * math.sqrt(min(cohort.weight[s], 1.5)) * rare
        sums[CLIMB] = max(sums[CLIMB], score)
        bench.parts[at] += score**4
        least = knobs.least_effect if math.isnan(cohort.effect[s]) else cohort.effect[s]
        least = max(least * bench.views[at, BAND] / BAND_SPREADS, cohort.least[s])
        if score >= knobs.open_score and trend[HEIGHT] >= least:
            sums[SOLID] = 1.0
            sums[FIRST_OUT] = min(sums[FIRST_OUT], trend[SINCE])
    if learns:
        learn_tail(tail, size, knobs.memory_rows)
        learn_tail(pooled, size, knobs.memory_rows)


@jit
def or_climb(fused: float, bench: Bench, knobs: Knobs) -> float:
    """Return the larger of the others' score and that of the forecast detector, if it has one.

    A leak is a fault by its trend alone: to the others each of its samples looks well.
    """
    climb = float(bench.sums[CLIMB])
    if climb < 0.0:
        return fused
    bench.surprises[FORECAST] = climb / knobs.votes[FORECAST]
    return climb if math.isnan(fused) else max(fused, climb)
