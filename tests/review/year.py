"""A year of incidents, drawn from a seed: services and teams, seasons, severities, and oddities."""

import math
from typing import Literal, NamedTuple

import numpy as np

from schema import F64, IncidentEvent

START_MS = 1_735_689_600_000  # 2025-01-01, a Wednesday
DAY_MS, HOUR_MS = 86_400_000, 3_600_000
DAYS = 365
QUIET_DAYS = 80  # at the start: the review warms up
KEYS = (
    ("checkout", "shop"), ("search", "shop"), ("payments", "money"), ("ledger", "money"),
    ("login", "identity"), ("mail", "platform"), ("storage", "platform"), ("gateway", "edge"),
    ("cdn", "edge"), ("reports", "data"),
)  # fmt: skip
KINDS: tuple["Kind", ...] = ("burst", "slow_rise", "severity_shift", "slow_repair", "strange_hour")
Kind = Literal["burst", "slow_rise", "severity_shift", "slow_repair", "strange_hour"]
CATEGORIES = (("network", "dns"), ("network", "latency"), ("database", "locks"), ("disk", "full"),
              ("deploy", "rollback"), ("capacity", "cpu"), ("capacity", "memory"))  # fmt: skip


class Oddity(NamedTuple):
    """Something that was put in."""

    kind: Kind
    service: str
    team: str
    start_ms: int
    end_ms: int
    size: float  # of its kind: times, added incidents, share


class Year(NamedTuple):
    """What happened."""

    events: list[IncidentEvent]  # in order
    oddities: list[Oddity]


class _Habits(NamedTuple):
    """How a service and team usually is."""

    rate: float  # incidents a day
    hours: F64  # shares
    weekdays: F64  # times the mean
    swing: float  # over the year, of the rate
    phase: float
    scatter: float  # of a day's rate, beyond Poisson's
    severities: F64  # shares of 1..4
    fix_s: float
    ack_s: float
    spread: float  # of their logarithms
    users: float
    categories: F64


def simulate(seed: int, oddities: int = 20, services: int = len(KEYS)) -> Year:
    """Draw a year; `oddities` are as many of each kind, each at another time of its service."""
    draw = np.random.default_rng(seed)
    habits = {key: _habits(draw) for key in KEYS[:services]}
    placed = _placed(draw, habits, oddities)
    events: list[IncidentEvent] = []
    for key, habit in habits.items():
        mine = [each for each in placed if (each.service, each.team) == key]
        for day in range(DAYS):
            events += _day(draw, key, habit, mine, START_MS + day * DAY_MS)
    end_ms = START_MS + DAYS * DAY_MS
    events = [each for each in events if each.ts_ms < end_ms]
    return Year(sorted(events, key=lambda each: each.order), placed)


def _habits(draw: np.random.Generator) -> _Habits:
    hour = np.arange(24.0)
    peak = draw.uniform(9, 16)
    day = 1.0 + draw.uniform(3, 8) * np.exp(-(((hour - peak) / draw.uniform(2.5, 4.0)) ** 2))
    weekend = draw.uniform(0.3, 0.9)
    weekdays = np.array([1.0, 1.05, 1.0, 0.95, 1.1, weekend, weekend])
    severe = draw.dirichlet([30, 18, 8, 3])
    return _Habits(
        rate=float(np.exp(draw.uniform(math.log(1.5), math.log(8.0)))),
        hours=day / day.sum(),
        weekdays=weekdays / weekdays.mean(),
        swing=draw.uniform(0.0, 0.15),
        phase=draw.uniform(0.0, 2.0 * math.pi),
        scatter=draw.uniform(0.0, 0.25),
        severities=severe,
        fix_s=float(np.exp(draw.uniform(math.log(1_800), math.log(14_400)))),
        ack_s=float(np.exp(draw.uniform(math.log(120), math.log(900)))),
        spread=draw.uniform(0.6, 0.9),
        users=float(np.exp(draw.uniform(math.log(20), math.log(2_000)))),
        categories=draw.dirichlet([3.0] * len(CATEGORIES)),
    )


def _placed(
    draw: np.random.Generator, habits: dict[tuple[str, str], _Habits], number: int
) -> list[Oddity]:
    """Draw oddities; none is nearer than six weeks to another of its service."""
    taken: dict[tuple[str, str], list[tuple[int, int]]] = {key: [] for key in habits}
    placed: list[Oddity] = []
    while len(placed) < number:
        kind = KINDS[len(placed) % len(KINDS)]
        key = KEYS[draw.integers(len(habits))]
        days, size = _size(draw, kind, habits[key])
        first = int(draw.integers(QUIET_DAYS, DAYS - math.ceil(days) - 8))
        last = first + math.ceil(days)
        if any(first < end + 42 and start < last + 42 for start, end in taken[key]):
            continue
        taken[key].append((first, last))
        start_ms = START_MS + first * DAY_MS
        if kind == "burst":
            start_ms += int(draw.integers(0, 18)) * HOUR_MS
        placed.append(Oddity(kind, *key, start_ms, start_ms + round(days * DAY_MS), size))
    return placed


def _size(draw: np.random.Generator, kind: Kind, habit: _Habits) -> tuple[float, float]:
    """Draw how long an oddity lasts, in days, and how large it is."""
    match kind:
        case "burst":  # within hours, as many more as come in so many deviations of a usual day
            extra = draw.uniform(5.0, 12.0) * math.sqrt(habit.rate) + 4.0
            return draw.uniform(2.0, 12.0) / 24.0, extra
        case "slow_rise":  # the rate at its end, in times
            return draw.uniform(30.0, 50.0), draw.uniform(2.0, 4.0)
        case "severity_shift":  # of so many the severity is one or two steps higher
            return draw.uniform(14.0, 28.0), draw.uniform(0.7, 1.0)
        case "slow_repair":  # times as long
            return draw.uniform(10.0, 25.0), draw.uniform(3.0, 8.0)
        case "strange_hour":  # incidents a night, at an hour that has few
            return draw.uniform(6.0, 12.0), draw.uniform(1.0, 3.0)


def _day(
    draw: np.random.Generator,
    key: tuple[str, str],
    habit: _Habits,
    oddities: list[Oddity],
    start_ms: int,
) -> list[IncidentEvent]:
    day = (start_ms - START_MS) // DAY_MS
    season = 1.0 + habit.swing * math.sin(2.0 * math.pi * day / 365.0 + habit.phase)
    rate = habit.rate * season * habit.weekdays[(day + 2) % 7]
    for odd in oddities:
        if odd.kind == "slow_rise" and odd.start_ms <= start_ms < odd.end_ms:
            rate *= 1.0 + (odd.size - 1.0) * (start_ms - odd.start_ms) / (odd.end_ms - odd.start_ms)
    if habit.scatter > 0.02:
        rate *= draw.gamma(1.0 / habit.scatter**2, habit.scatter**2)
    times = [
        start_ms + int(hour) * HOUR_MS + int(draw.integers(HOUR_MS))
        for hour in draw.choice(24, draw.poisson(rate), p=habit.hours)
    ]
    for odd in oddities:
        if odd.kind == "burst" and start_ms <= odd.start_ms < start_ms + DAY_MS:
            times += [int(draw.integers(odd.start_ms, odd.end_ms)) for _ in range(round(odd.size))]
        if odd.kind == "strange_hour" and odd.start_ms <= start_ms < odd.end_ms:
            hour = int(np.argmin(habit.hours))
            at_ms = start_ms + hour * HOUR_MS
            times += [
                at_ms + int(draw.integers(HOUR_MS)) for _ in range(max(1, draw.poisson(odd.size)))
            ]
    out: list[IncidentEvent] = []
    for number, at_ms in enumerate(sorted(times)):
        out += _incident(draw, key, habit, oddities, at_ms, f"{key[0]}-{day:03d}-{number:03d}")
    return out


def _incident(
    draw: np.random.Generator,
    key: tuple[str, str],
    habit: _Habits,
    oddities: list[Oddity],
    at_ms: int,
    name: str,
) -> list[IncidentEvent]:
    severity = 1 + int(draw.choice(4, p=habit.severities))
    slower = 1.0
    for odd in oddities:
        if not odd.start_ms <= at_ms < odd.end_ms:
            continue
        if odd.kind == "severity_shift" and draw.random() < odd.size:
            severity = min(4, severity + int(draw.integers(1, 3)))
        if odd.kind == "slow_repair":
            slower = odd.size
    category, subcategory = CATEGORIES[draw.choice(len(CATEGORIES), p=habit.categories)]
    fix_s = habit.fix_s * slower * 0.75 ** (severity - 1) * math.exp(draw.normal(0, habit.spread))
    ack_s = habit.ack_s * 0.7 ** (severity - 1) * math.exp(draw.normal(0, habit.spread))
    opened = IncidentEvent(
        name,
        "opened",
        at_ms,
        at_ms,
        *key,
        severity,
        category,
        subcategory,
        users=round(habit.users * math.exp(draw.normal(0, 1.2))),
        downtime_h=round(fix_s / 3600.0 * float(draw.uniform(0.3, 1.0)), 2),
        resources=tuple(f"{key[0]}-{draw.integers(12)}" for _ in range(1 + draw.poisson(0.5))),
        services=(key[0],),
        cause=f"{category}/{subcategory}/{key[0]}",
        rules=(f"rule:{subcategory}",),
    )

    def later(
        step: Literal["acknowledged", "resolved", "reopened", "false_positive"], s: float
    ) -> IncidentEvent:
        return IncidentEvent(name, step, at_ms + int(1000 * s), at_ms, *key, severity)

    out = [opened, later("acknowledged", min(ack_s, 0.9 * fix_s)), later("resolved", fix_s)]
    if draw.random() < 0.05:
        out.append(later("reopened", fix_s + draw.uniform(600, 7_200)))
    if draw.random() < 0.08:
        out.append(later("false_positive", fix_s + draw.uniform(60, 7_200)))
    return out
