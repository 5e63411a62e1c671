"""What the scoring pass works on: the arrays of a cohort, the settings as numbers, the findings.

A cohort is the resources of one service in one key group.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

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
    REGULAR,  # smoothed score of the detectors that know level and rhythm
    # of the pulse under way, see `operators.pulses`:
    PULSE_ROWS,  # that the batch forest scored
    PULSE_HIGH,  # that it found odd
    PULSE_BOTH,  # of these the half-space trees too
) = range(21)
RESOURCE_WIDTH = 21
FEATURES = 5  # a metric's columns in a feature row: four views, and 1 where it is missing
MISSING = 4  # the last of them
MAX_RULES = 4  # a series
MAX_EVIDENCE = 8
TRACED = 3  # columns of the trace before the surprises
# places among the detectors; these are calibrated by series
STATISTICAL, TEMPORAL, DISCORD, FORECAST = 0, 1, 4, 5

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
    PULSE,  # number of the pulse under way, from 1970
) = range(7)
COUNTERS = 7


class Cohort(NamedTuple):
    """Arrays of one cohort; a row a series or a row a resource, in no particular order."""

    state: F64  # (series, baseline.WIDTH)
    away: F64  # (series, 2) samples since it left its band, and their mean residual
    shape: F64  # (series, discord.WIDTH)
    past: F32  # (series, samples) the discord detector's
    trend: F64  # (series, forecast.WIDTH)
    plain: F64  # (series, statistical.WIDTH)
    season: F32  # (series, season.SEASON)
    owner: I32  # (series,) row of its resource
    direction: I32  # (series,)
    weight: F64  # (series,)
    least: F64  # (series,) smallest change of interest
    effect: F64  # (series,) spreads that it must be off to make an alert; NaN: `least_effect`
    harmless: F64  # (series, 2) values from here to there say nothing; NaN: all say something
    bar: F64  # (series, 2) how far up and down it is known to go for no reason; 0: not known
    limit: F64  # (series,) natural limit where it hurts, NaN: none
    lead: F64  # (series,) a load metric's rank, all different; 0: is none
    counted: I32  # (series,) 1: a number of events
    column: I32  # (series,) of the feature row, in metrics; -1: none
    rules: I32  # (series, MAX_RULES) rule or -1
    rule_run: I32  # (series, MAX_RULES) ticks in a row; negative: open, counts down to close
    resource: F64  # (resources, RESOURCE_WIDTH)
    tails: F64  # (resources, detectors, calibration.WIDTH)
    cohort_tails: F64  # (detectors, calibration.WIDTH)
    counters: F64  # (COUNTERS,)
    figures: F64  # see `operators.figures`
    reservoir: F32  # (rows, slots * FEATURES)
    reservoir_tick: I64  # (rows,) of each of its rows
    slot: I32  # (series,) columns of its metric in the reservoir, in metrics
    followed: I32  # (series,) 1: its samples are written down, see `operators.recorder`


class Knobs(NamedTuple):
    """Settings as the pass takes them."""

    baseline: F64
    votes: F64
    statistical: F64
    coarse: tuple[float, float]  # minutes between samples: no say, whole say of the statistical
    temporal: tuple[float, float, float]
    discord: F64
    forecast: F64
    load_spreads: float  # of the load's climb that explain nothing of the others'
    rate_share: float
    smoothing: float  # share of the newest fused score
    prior_rows: float
    memory_rows: float
    start_quantile: float
    start_excess: float
    open_score: float
    even_at: float  # score of an even confidence
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
    minutes_a_tick: float
    fit_rows: float  # rows before the first forest; infinite: never
    first_fit: float  # ticks before the first forest
    pulse_ticks: float  # length of a pulse; infinite: none ends
    pulse_high: float  # surprise from which a row is odd
    effect_bar: float  # half bands from what is expected, from which on a sample is an effect
    raised_bar: float  # score from which a resource is written down as odd; infinite: never
    followed: int  # series at the most; if any, a pass ends with the tick in which an alert opens


class Found(NamedTuple):
    """Where the pass writes what it found."""

    used: I64  # (7,): edges, evidence, rows of the trace, which may have no room; the rest in order
    edge: I64  # (n, 6): tick, resource row, kind, edge, first evidence, number of evidence
    score: F64  # (n, 3 + detectors): fused, confidence, onset tick, surprises
    series: I32  # (m,)
    evidence: F64  # (m, 6): value, expected, half band, share, onset tick, tick at its limit
    trace: F64  # (k, TRACED + detectors) of each sample: score, expected, half band, surprises
    pulse: I64  # (p, 4): number, resources scored, odd, odd to both forests
    effect: I64  # (q, 3): tick, series, its load or -1; may have no room
    excess: F64  # (q, 6): value, expected, half band, half bands away, onset tick, load
    curve: F64  # (c, CURVE) of each sample of a followed series, see `operators.curve`
    raised: F64  # (r, RAISED) of each odd resource at a tick; may have no room
