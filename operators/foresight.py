"""Say before it happens that an incident will not be resolved by its deadline, and why.

Three things tell, the first that does is said, once an episode: the first suspect's metric is on
its way to its limit and gets there before the deadline; incidents as bad as this one, of those
that took as long as it has by now, mostly took longer than there is; most of the time is gone.
"""

import math
from statistics import median

from operators.case import Case, Trend
from operators.members import WHAT_IS_LEFT
from operators.quantity import clock, quantity, span
from operators.telling import say
from schema import Evidence, Transition

KEPT = 64  # durations of a severity
LEAST = 5  # durations that tell something
LEAST_TREND_MS = 300_000
LOOKS = (0.25, 0.5, 0.8)  # parts of the time to resolve after which to look again
MOST = LOOKS[-1]
_FULL = {"percent": 100.0, "ratio": 1.0}

Durations = dict[str, list[int]]  # severity, or pattern and severity -> ms that the last took


def remember_duration(case: Case, durations: Durations) -> None:
    """Keep how long the case's episode took, from its opening to its last alert's end."""
    if case.verdict == "false_positive" or case.resolved_ms is None:
        return
    end_ms = case.last_close_ms if case.last_close_ms >= case.episode_ms else case.resolved_ms
    for name in _names(case):
        durations[name] = [*durations.get(name, [])[1 - KEPT :], end_ms - case.episode_ms]


def see_trend(case: Case, now_ms: int) -> None:
    """Follow the foremost metric of the first suspect, as far as its alert tells of it."""
    first = case.members[case.suspects[0]]
    if not first.evidence or first.closed_ms is not None:
        return
    part = first.evidence[0]
    of = "|".join((first.resource.key, part.metric, repr(part.labels)))
    if case.trend is None or case.trend.of != of:
        case.trend = Trend(of, now_ms, part.value, now_ms, part.value)
    elif case.trend.last != part.value:
        case.trend.last_ms, case.trend.last = now_ms, part.value


def predict_breach(case: Case, now_ms: int, durations: Durations) -> list[Transition]:
    """Say that the deadline will be missed, as it looks, if it has not been said and does."""
    by_ms = case.resolve_by_ms
    if by_ms is None or case.breach_ms is not None or case.revision == 0:
        return []
    if case.open_count == 0 or now_ms >= by_ms:
        return []
    found = _by_trend(case, now_ms, by_ms) or _by_time(case, now_ms, by_ms, durations)
    if found is None:
        return []
    case.breach_ms, why = found
    return [say(case, "breach_predicted", now_ms, f"{why}; due {clock(by_ms, now_ms)}")]


def looks_ms(case: Case) -> list[int]:
    """Return when to look again, however little happens."""
    by_ms = case.resolve_by_ms
    if by_ms is None or case.breach_ms is not None:
        return []
    return [case.episode_ms + round(part * (by_ms - case.episode_ms)) for part in LOOKS]


def limit_of(part: Evidence, *, rising: bool) -> float | None:
    """Return the value beyond which the metric cannot go, None where there is none."""
    if rising:
        return _FULL.get(part.unit)
    return 0.0 if part.unit in _FULL or part.metric.endswith(WHAT_IS_LEFT) else None


def _by_trend(case: Case, now_ms: int, by_ms: int) -> tuple[int, str] | None:
    trend, first = case.trend, case.members[case.suspects[0]]
    if trend is None or not first.evidence or trend.last_ms - trend.first_ms < LEAST_TREND_MS:
        return None
    part = first.evidence[0]
    slope = (trend.last - trend.first) / (trend.last_ms - trend.first_ms)
    limit = limit_of(part, rising=slope > 0)
    outside = trend.last > part.upper if slope > 0 else trend.last < part.lower
    if limit is None or not outside or not math.isfinite(slope) or slope == 0.0:
        return None
    at_ms = trend.last_ms + math.ceil((limit - trend.last) / slope)
    if not now_ms < at_ms <= by_ms:
        return None
    name = f"{part.metric} of {first.resource.name}"
    full = quantity(limit, part.unit)
    return at_ms, f"{name} is at {full} by {clock(at_ms, now_ms)} if it goes on so"


def _by_time(case: Case, now_ms: int, by_ms: int, durations: Durations) -> tuple[int, str] | None:
    gone_ms, all_ms = now_ms - case.episode_ms, by_ms - case.episode_ms
    if gone_ms < LOOKS[0] * all_ms:
        return None
    known = next((durations[name] for name in _names(case) if _tells(durations, name)), [])
    longer = [ms for ms in known if ms > gone_ms]
    if longer and median(longer) > all_ms:
        took = round(median(longer))
        why = f"of the last {len(known)} incidents like it those that went on took {span(took)}"
        return case.episode_ms + took, why
    if gone_ms < MOST * all_ms:
        return None
    alerts = "1 alert is" if case.open_count == 1 else f"{case.open_count} alerts are"
    return by_ms, f"{span(by_ms - now_ms)} left and {alerts} still open"


def _names(case: Case) -> list[str]:
    """Return under what its duration is kept, what is most like it first."""
    severity = case.standing.severity.name
    return [f"{case.pattern} {severity}", severity] if case.pattern else [severity]


def _tells(durations: Durations, name: str) -> bool:
    return len(durations.get(name, [])) >= LEAST
