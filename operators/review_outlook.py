"""What an operations lead wants to know next: what is coming, what gets worse, what comes again.

All of it is of the steps of incidents up to a time, and knows nothing of what comes after it.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from statistics import median

import numpy as np

from operators.deadlines import Target
from operators.review_counts import OPENED, WIDTH, count
from operators.review_features import FEATURES, expected_rate, features
from operators.review_settings import DAY_H, HOUR_MS, ReviewSettings
from operators.review_words import described
from schema import F64, IncidentEvent, Severity
from schema.review_view import Forecast, Noisy, Outlook, Recurring, Response, Worsening

DAY_MS = DAY_H * HOUR_MS
WORSE = 2.5  # deviations of four weeks that are told
OFTEN = 3  # times that a cause comes back before it is told
MOST = 10  # lines of each list
_LONG_D = 28  # what recurs and what makes noise is of so many days
_LEAST_HISTORY_D = 28
_NINE_OF_TEN = 1.6449  # deviations to each side
_DRIFT = 0.1  # of a rate, over months
_RELIABILITY = ("rate", "severity", "time_to_acknowledge", "time_to_resolve", "reopened")


def outlook(
    events: Sequence[IncidentEvent], until_ms: int, from_ms: int, targets: Sequence[Target]
) -> Outlook:
    """Return what steps before `until_ms` say; responses are of those from `from_ms` on."""
    events = [each for each in events if each.ts_ms < until_ms]
    settings = ReviewSettings()
    by_service: dict[str, list[IncidentEvent]] = defaultdict(list)
    for event in events:
        by_service[event.service].append(event)
    recent = [each for each in events if each.ts_ms >= until_ms - _LONG_D * DAY_MS]
    days = until_ms // DAY_MS
    total = counted(events, days)
    counts = {name: counted(mine, days) for name, mine in sorted(by_service.items())}
    forecasts = [forecast(total, days, ahead, settings) for ahead in (1, 7)]
    weeks = {name: forecast(mine, days, 7, settings) for name, mine in counts.items()}
    worse = [
        each for name, mine in counts.items() for each in worsening(name, mine, days, settings)
    ]
    return Outlook(
        tuple(each for each in forecasts if each is not None),
        {name: each for name, each in weeks.items() if each is not None},
        tuple(sorted(worse, key=lambda each: -each.off)[:MOST]),
        recurring(recent),
        noisy(recent, lambda each: each.rules),
        noisy(recent, lambda each: each.resources),
        responses([each for each in events if each.ts_ms >= from_ms], targets),
    )


def counted(events: Iterable[IncidentEvent], until_day: int) -> F64:
    """Return counts `(days, WIDTH)` of each day before one, from the first that has an event."""
    events = list(events)
    first = min((each.ts_ms // DAY_MS for each in events), default=until_day)
    rows = np.zeros((max(0, until_day - first), WIDTH))
    for event in events:
        day = event.ts_ms // DAY_MS
        if day < until_day:
            count(rows[day - first], event)
    return rows


def forecast(counts: F64, today: int, days: int, settings: ReviewSettings) -> Forecast | None:
    """Return how many incidents the next days will have; None with less than four weeks of them.

    By the place in the week, at the level of the last four weeks drawn towards that of four months.
    """
    if len(counts) < _LEAST_HISTORY_D:
        return None
    past = counts[-settings.baseline_days :]
    usual, scatter = expected_rate(past, today, days, settings)
    lately, long = past[-_LONG_D:, OPENED], past[:, OPENED]
    level = (lately.sum() + long.mean() * _LONG_D) / (2 * _LONG_D * max(long.mean(), 1e-9))
    expected = float(usual.sum() * level)
    doubt = expected * days / (2 * _LONG_D) + (_DRIFT * expected) ** 2 / max(scatter, 1.0)
    wide = _NINE_OF_TEN * math.sqrt(scatter * (max(expected, 0.5) + doubt))
    low = max(0.0, math.floor(expected - wide + 0.5))
    return Forecast(days, expected, low, math.ceil(expected + wide - 0.5))


def worsening(service: str, counts: F64, today: int, settings: ReviewSettings) -> list[Worsening]:
    """Return in what a service's last four weeks are worse than the months before."""
    found = []
    for feature, reading in zip(FEATURES, features(counts, today - 1, settings), strict=True):
        if feature.measure in _RELIABILITY and feature.days == _LONG_D and reading.off >= WORSE:
            words = described(service, "", feature, reading).split(": ", 1)[1]
            found.append(Worsening(service, feature.measure, reading.off, words))
    return found


def recurring(events: Sequence[IncidentEvent]) -> tuple[Recurring, ...]:
    """Return causes that came often, on several days; the most costly first."""
    took_h = {e.incident: (e.ts_ms - e.since_ms) / HOUR_MS for e in events if e.step == "resolved"}
    opened = sorted((e for e in events if e.step == "opened" and e.cause), key=_by_cause)
    found = []
    for cause, each in groupby(opened, key=lambda e: e.cause):
        same = list(each)
        days = len({e.ts_ms // DAY_MS for e in same})
        if len(same) >= OFTEN and days > 1:
            last = max(same, key=lambda e: e.order)
            hours = sum(took_h.get(e.incident, 0.0) for e in same)
            services = tuple(sorted({e.service for e in same}))
            found.append(
                Recurring(cause, len(same), days, services, hours, last.ts_ms, last.incident)
            )
    found.sort(key=lambda each: (-each.incidents, -each.hours, each.cause))
    return tuple(found[:MOST])


def noisy(
    events: Sequence[IncidentEvent], names: Callable[[IncidentEvent], Iterable[str]]
) -> tuple[Noisy, ...]:
    """Return what most incidents are of."""
    false = {e.incident for e in events if e.step == "false_positive"}
    acked = {e.incident for e in events if e.step == "acknowledged"}
    over = {e.incident for e in events if e.step == "resolved"}
    total: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    untouched: Counter[str] = Counter()
    for event in events:
        if event.step == "opened":
            for name in set(names(event)):
                total[name] += 1
                wrong[name] += event.incident in false
                untouched[name] += event.incident in over - acked
    ranked = sorted(total, key=lambda name: (-total[name], name))[:MOST]
    return tuple(Noisy(name, total[name], wrong[name], untouched[name]) for name in ranked)


def responses(events: Sequence[IncidentEvent], targets: Sequence[Target]) -> tuple[Response, ...]:
    """Return how soon incidents were taken up and mended, by severity, the worst first."""
    found = []
    for severity in sorted(Severity, reverse=True):
        mine = [e for e in events if min(e.severity, int(Severity.CRITICAL)) == severity]
        took = {
            step: [(e.ts_ms - e.since_ms) / 1000.0 for e in mine if e.step == step]
            for step in ("acknowledged", "resolved")
        }
        target = next((t for t in targets if t.severity == severity.name and not t.tier), None)
        ack_s, fix_s = (None, None) if target is None else (target.ack_s, target.resolve_s)
        opened = sum(e.step == "opened" for e in mine)
        if not mine:
            continue
        found.append(
            Response(
                severity.name, opened, _median(took["acknowledged"]), ack_s,
                _within(took["acknowledged"], ack_s), _median(took["resolved"]), fix_s,
                _within(took["resolved"], fix_s),
            )
        )  # fmt: skip
    return tuple(found)


def _by_cause(event: IncidentEvent) -> tuple[str, tuple[int, str, str]]:
    return event.cause, event.order


def _median(values: Sequence[float]) -> float | None:
    return median(values) if values else None


def _within(values: Sequence[float], target: float | None) -> float | None:
    if target is None or not values:
        return None
    return sum(value <= target for value in values) / len(values)
