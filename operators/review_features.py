"""A window's features: how far each measure is from what is usual for this service and team.

Every feature is in deviations of the key's own past, about 0 and 1 wide where nothing happens,
over a span of windows that ends with the one that is judged: a day sees a burst, a week another
mix, four weeks a slow rise. The past is what lies before the span, so nothing is judged by itself
or by what came after it. NaN: nothing to judge by.

Counts are compared on the square-root scale, with the past's own dispersion and a little drift
(Anscombe 1948: 2 * sqrt(x + 3/8) of a Poisson count is about normal, 1 wide); means by their
standard error; shares by the binomial's.
"""

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from operators.review_counts import (
    ACK_COUNT,
    ACK_SQUARES,
    ACK_SUM,
    BY_CATEGORY,
    BY_HOUR,
    BY_SEVERITY,
    DOWNTIME,
    FALSE_POSITIVE,
    FIX_COUNT,
    FIX_SQUARES,
    FIX_SUM,
    HOURS,
    OPENED,
    REOPENED,
    RESOLVED,
    RESOURCES,
    SEVERITIES,
    USERS,
)
from operators.review_settings import DAY_H, ReviewSettings
from schema import F64

DAYS = (1, 7, 28)  # spans
_DRIFT = 0.1  # of a rate, over months, that is nobody's news
_FEWEST = 20.0  # events before the past says what is usual
_FEWEST_PAST_D = 14
_LIKE_THE_REST = 3.0  # windows that the mean is worth against those of the same place in the week
_LEAST_DEVIATION = 0.1
_DAYS_OF_HOURS = 7
_HARDEST = 9.0  # squared residual of a window, at most, in the dispersion
_NORMAL = NormalDist()


class Feature(NamedTuple):
    """A measure over a span of days."""

    measure: str
    days: int

    @property
    def name(self) -> str:
        """Name of the column."""
        return f"{self.measure}_{self.days}d"


class Reading(NamedTuple):
    """What was measured, and what is usual, in the measure's own unit; NaN: nothing known."""

    off: float  # in deviations
    value: float
    usual: float


FEATURES = tuple(
    Feature(measure, days)
    for measure, spans in (
        ("rate", DAYS),
        ("severity", (7, 28)),
        ("time_to_acknowledge", (7,)),
        ("time_to_resolve", (7, 28)),
        ("hour_of_day", (7,)),
        ("reopened", (28,)),
        ("false_positives", (28,)),
        ("category", (7,)),
        ("affected_users", (7,)),
        ("downtime", (7,)),
        ("resources", (7,)),
    )
    for days in spans
)
NOTHING = Reading(math.nan, math.nan, math.nan)


class _Case(NamedTuple):
    past: F64  # (n, WIDTH) counts before the span
    here: F64  # the span's
    window: int  # number of its last window
    settings: ReviewSettings


def features(counts: F64, window: int, settings: ReviewSettings) -> list[Reading]:
    """Return the readings of FEATURES for the last row of `(n, WIDTH)` counts.

    `window` is the last row's number since 1970; the rows before it are the windows before it.
    """
    readings = []
    for measure, days in FEATURES:
        span = settings.windows(days)
        past = counts[max(0, len(counts) - span - settings.windows(settings.baseline_days)) : -span]
        if len(past) < settings.windows(_FEWEST_PAST_D):
            readings.append(NOTHING)
            continue
        here = counts[-span:]
        readings.append(_MEASURES[measure](_Case(past, here, window, settings)))
    return readings


def expected_rate(
    past: F64, first: int, windows: int, settings: ReviewSettings
) -> tuple[F64, float]:
    """Return how many incidents each of some windows will have, and how widely counts scatter.

    `first` is the number of the first of them; `past` the windows just before it. The scatter is
    the variance of a count over its mean, 1 for a Poisson count.
    """
    opened = past[:, OPENED]
    places = settings.windows_a_week
    place = (first - len(past) + np.arange(len(past))) % places
    mean = opened.mean()
    known = np.bincount(place, minlength=places) + _LIKE_THE_REST
    usual = (np.bincount(place, opened, places) + _LIKE_THE_REST * mean) / known
    meant = np.maximum(usual[place], 0.05)
    scatter = np.minimum((opened - meant) ** 2 / meant, _HARDEST).mean()
    return usual[(first + np.arange(windows)) % places], max(1.0, float(scatter))


def _rate(case: _Case) -> Reading:
    past, here, settings = case.past, case.here, case.settings
    first = case.window - len(here) + 1
    usual, scatter = expected_rate(past, first, len(here), settings)
    total, found = float(usual.sum()), float(here[:, OPENED].sum())
    width = math.sqrt(scatter * (1.0 + len(here) / len(past)) + _DRIFT**2 * total)
    off = 2.0 * (math.sqrt(found + 0.375) - math.sqrt(total + 0.375)) / width
    return Reading(off, found, total)


def _severity(case: _Case) -> Reading:
    return _mean(*_severities(case.past), *_severities(case.here))


def _severities(rows: F64) -> tuple[float, float, float]:
    """Return count, sum and sum of squares of the severities that are known."""
    number = rows[:, BY_SEVERITY].sum(axis=0)[1:]
    level = np.arange(1.0, SEVERITIES)
    return float(number.sum()), float((number * level).sum()), float((number * level**2).sum())


def _measured(past: F64, here: F64, cells: slice) -> Reading:
    before, now = past[:, cells].sum(axis=0), here[:, cells].sum(axis=0)
    found = _mean(*map(float, before), *map(float, now))
    return Reading(found.off, math.expm1(found.value), math.expm1(found.usual))


def _mean(
    past_n: float, past_sum: float, past_squares: float, n: float, total: float, _squares: float
) -> Reading:
    """Compare a span's mean with the past's."""
    if past_n < _FEWEST or n < 1.0:
        return NOTHING
    usual = past_sum / past_n
    deviation = math.sqrt(max(past_squares / past_n - usual**2, _LEAST_DEVIATION**2))
    off = (total / n - usual) / (deviation * math.sqrt(1.0 / n + 1.0 / past_n))
    return Reading(off, total / n, usual)


def _took(past: F64, here: F64, counts: slice, sums: slice, squares: int) -> Reading:
    """Compare how long something took with what is usual for incidents as severe, in seconds."""
    before_n, before = past[:, counts].sum(axis=0), past[:, sums].sum(axis=0)
    n, total = here[:, counts].sum(axis=0), here[:, sums].sum(axis=0)
    past_n, here_n = float(before_n.sum()), float(n.sum())
    if past_n < _FEWEST or here_n < 1.0:
        return NOTHING
    overall = float(before.sum()) / past_n
    usual = (before + 2.0 * overall) / (before_n + 2.0)  # two more that took as long as all do
    off_squares = (before_n * usual**2 - 2.0 * before * usual).sum()
    spread = float(past[:, squares].sum()) + float(off_squares)
    deviation = math.sqrt(max(spread / past_n, _LEAST_DEVIATION**2))
    meant = float((n * usual).sum()) / here_n
    value = float(total.sum()) / here_n
    off = (value - meant) / (deviation * math.sqrt(1.0 / here_n + 1.0 / past_n))
    return Reading(off, math.exp(value), math.exp(meant))


def _share(past: F64, here: F64, part: int, whole: int) -> Reading:
    past_n, n = float(past[:, whole].sum()), float(here[:, whole].sum())
    if past_n < _FEWEST or n < 1.0:
        return NOTHING
    usual = (float(past[:, part].sum()) + 0.5) / (past_n + 1.0)
    found = float(here[:, part].sum())
    angle = math.asin(math.sqrt(min((found + 0.375) / (n + 0.75), 1.0)))  # Anscombe's for shares
    off = 2.0 * (angle - math.asin(math.sqrt(usual))) / math.sqrt(1.0 / (n + 0.5) + 1.0 / past_n)
    return Reading(off, found / n, usual)


def _categories(case: _Case) -> Reading:
    """Compare how surprising the categories are with how surprising they usually are, in bits."""
    before = case.past[:, BY_CATEGORY].sum(axis=0)
    now = case.here[:, BY_CATEGORY].sum(axis=0)
    past_n, n = float(before.sum()), float(now.sum())
    if past_n < _FEWEST or n < 1.0:
        return NOTHING
    share = (before + 0.5) / (past_n + 0.5 * len(before))
    bits = -np.log2(share)
    usual = float((share * bits).sum())
    variance = max(float((share * bits**2).sum()) - usual**2, _LEAST_DEVIATION**2)
    value = float((now * bits).sum()) / n
    return Reading((value - usual) / math.sqrt(variance / n), value, usual)


def _hours(case: _Case) -> Reading:
    """Compare on how many days each hour had an incident; the oddest hour counts.

    Days, not incidents: a burst is odd once. The value is the hour, the usual its share of days.
    """
    past, here, length_h = case.past, case.here, case.settings.window_hours
    if length_h > DAY_H:
        return NOTHING
    past_days = len(past) * length_h / DAY_H
    usual = (np.count_nonzero(past[:, BY_HOUR], axis=0) + 0.5) / (past_days + 1.0)
    found = np.count_nonzero(here[:, BY_HOUR], axis=0)
    odd = [
        _at_least(int(number), _DAYS_OF_HOURS, min(float(share), 0.999))
        for number, share in zip(found, usual, strict=True)
    ]
    hour = int(np.argmin(odd))
    chance = min(1.0, HOURS * odd[hour])  # one of so many that were looked at
    off = 0.0 if chance >= 0.5 else -_NORMAL.inv_cdf(max(chance, 1e-15))
    return Reading(off, float(hour), float(usual[hour]))


def _at_least(number: int, of: int, share: float) -> float:
    """Return the probability that a binomial count is as large as `number`."""
    return sum(
        math.comb(of, k) * share**k * (1.0 - share) ** (of - k) for k in range(number, of + 1)
    )


_MEASURES: dict[str, Callable[[_Case], Reading]] = {
    "rate": _rate,
    "severity": _severity,
    "time_to_acknowledge": lambda case: _took(
        case.past, case.here, ACK_COUNT, ACK_SUM, ACK_SQUARES
    ),
    "time_to_resolve": lambda case: _took(case.past, case.here, FIX_COUNT, FIX_SUM, FIX_SQUARES),
    "hour_of_day": _hours,
    "reopened": lambda case: _share(case.past, case.here, REOPENED, RESOLVED),
    "false_positives": lambda case: _share(case.past, case.here, FALSE_POSITIVE, OPENED),
    "category": _categories,
    "affected_users": lambda case: _measured(case.past, case.here, USERS),
    "downtime": lambda case: _measured(case.past, case.here, DOWNTIME),
    "resources": lambda case: _measured(case.past, case.here, RESOURCES),
}
