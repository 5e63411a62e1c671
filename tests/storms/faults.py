"""Faults in an estate as the alerts that they would raise: late, jittered, with some missing."""

from dataclasses import dataclass
from random import Random

from schema import Anomaly, Evidence, Resource
from tests.storms.estate import ZONES, Estate

MINUTE_MS = 60_000
START_MS = 1_772_366_400_000  # 2026-03-01 12:00 UTC
FAULT_MINUTE = 20
END_MINUTE = 90
MISSING = 0.1  # share of what is hit that raises no alert


@dataclass(frozen=True)
class Alert:
    """An alert with the truth about it."""

    name: str
    fault: str  # "noise-…" where there is none
    onset: float  # minutes after the start
    opens: int  # minute
    closes: int
    kind: str  # "metrics" or "silent"
    metric: str
    strength: float  # [0, 1]


@dataclass(frozen=True)
class Storm:
    """Alerts, and what there was to find."""

    estate: Estate
    alerts: list[Alert]
    origins: dict[str, set[str]]  # fault -> names that count as its origin


def cascade(rng: Random, estate: Estate, fault: str, length: int, avoid: set[str]) -> Storm | None:
    """Return a fault that climbs through `length` components of one application, if it finds room.

    All that call one that is hit may be hit too; those on the way of that length are.
    """
    taken = {"platform", *(estate.application[name] for name in avoid & estate.application.keys())}
    starts = [
        name
        for name, app in estate.application.items()
        if app not in taken and not {name, *estate.callers(name)} & avoid
    ]
    rng.shuffle(starts)
    for origin in starts:
        way = _climb(rng, estate, origin, length)
        if way is not None:
            break
    else:
        return None
    onsets = {origin: FAULT_MINUTE + rng.random()}
    layer = [origin]
    for _ in range(length - 1):
        reached: list[str] = []
        for name in layer:
            for caller in estate.callers(name):
                if caller in onsets or not (caller in way or rng.random() < 0.5):
                    continue
                onsets[caller] = onsets[name] + rng.uniform(0.2, 2.5)
                reached.append(caller)
        layer = reached
    hit = set(onsets)
    if hit & avoid or any(set(estate.callers(name)) & avoid for name in hit):
        return None
    alerts = []
    own = {origin, *estate.pods[origin]}
    cause = rng.choice(("cpu.utilization", "memory.utilization", "latency", "error.rate"))
    for name, onset in onsets.items():
        if name != origin and rng.random() < MISSING:
            continue
        metric = cause if name == origin else rng.choice(("latency", "error.rate"))
        alerts.append(_alert(rng, name, fault, onset, metric, rng.uniform(0.4, 1.0)))
    for pod in estate.pods[origin]:
        if rng.random() < 0.6:
            onset = onsets[origin] + rng.uniform(-0.3, 1.5)
            alerts.append(_alert(rng, pod, fault, onset, cause, rng.uniform(0.3, 1.0)))
    return Storm(estate, alerts, {fault: own})


def _climb(rng: Random, estate: Estate, origin: str, length: int) -> set[str] | None:
    way = [origin]
    while len(way) < length:
        callers = [name for name in estate.callers(way[-1]) if name not in way]
        if not callers:
            return None
        way.append(rng.choice(callers))
    return set(way)


def zone_outage(rng: Random, estate: Estate, fault: str) -> Storm:
    """Return the loss of a zone: most of it silent, some in trouble, callers elsewhere hit."""
    zone = rng.choice(ZONES)
    alerts = []
    for name, held in estate.zone.items():
        if held != zone or rng.random() < MISSING:
            continue
        lag = rng.choices((0, 1, 2, 4), (60, 30, 8, 2))[0]
        silent = rng.random() < 0.65
        onset = FAULT_MINUTE + rng.random()
        metric = "" if silent else rng.choice(("latency", "error.rate", "network.io"))
        alerts.append(_alert(rng, name, fault, onset, metric, rng.uniform(0.4, 1.0), lag=lag))
    for name, pods in estate.pods.items():
        lost = sum(estate.zone[pod] == zone for pod in pods)
        if lost and rng.random() < 0.6 * lost / len(pods):
            onset = FAULT_MINUTE + rng.uniform(0.5, 3.0)
            alerts.append(_alert(rng, name, fault, onset, "error.rate", rng.uniform(0.4, 1.0)))
    return Storm(estate, alerts, {fault: {zone}})


def noise(rng: Random, estate: Estate, count: int, taken: set[str]) -> list[Alert]:
    """Return alerts of nothing, anywhere, at any time."""
    names = rng.sample(sorted(estate.resources.keys() - taken), count)
    return [
        _alert(
            rng,
            name,
            f"noise-{i}",
            rng.uniform(0, 60),
            rng.choice(("latency", "network.io")),
            rng.uniform(0, 0.5),
        )
        for i, name in enumerate(names)
    ]


def _alert(
    rng: Random,
    name: str,
    fault: str,
    onset: float,
    metric: str,
    strength: float,
    lag: int | None = None,
) -> Alert:
    late = rng.choices((0, 1, 2, 3), (45, 35, 15, 5))[0] if lag is None else lag
    opens = int(onset) + late
    seen = onset + rng.uniform(-0.5, 0.5)  # when a detector says that it began
    closes = opens + rng.randint(15, 35)
    kind = "metrics" if metric else "silent"
    return Alert(name, fault, min(seen, float(opens)), opens, closes, kind, metric, strength)


def edges_of(alert: Alert, resource: Resource) -> tuple[Anomaly, Anomaly]:
    """Return the opening and the closing of an alert."""
    onset_ms = START_MS + int(alert.onset) * MINUTE_MS
    far = 0.5 + 6 * alert.strength
    proof: tuple[Evidence, ...] = ()
    if alert.metric:
        value = 100 + 20 * far
        proof = (Evidence(alert.metric, (), "", value, 90.0, 80.0, 100.0, 1.0, onset_ms),)
    confidence, score = 0.6 + 0.39 * alert.strength, 4 + 6 * alert.strength
    opened, closed = (START_MS + minute * MINUTE_MS for minute in (alert.opens, alert.closes))
    return (
        Anomaly("open", alert.kind, resource, opened, onset_ms, confidence, score, proof),
        Anomaly("close", alert.kind, resource, closed, onset_ms, confidence, score, proof),
    )
