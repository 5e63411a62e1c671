"""Short ways to make alert edges for the tests of triage."""

from collections.abc import Iterable, Sequence
from typing import Literal

from operators.deadlines import SlaSettings
from operators.triage import Triage, TriageSettings
from schema import Anomaly, Closed, Evidence, Resource, Severity, Transition

MINUTE_MS = 60_000
NOON_MS = 1_772_366_400_000  # 2026-03-01 12:00 UTC

# stories are shorter so, and of nothing but the alerts
BRISK = TriageSettings(quiet_s=600.0, sla=SlaSettings(()))

Edge = Literal["open", "update", "close"]


def at(minute: float) -> int:
    """Return the time so many minutes after noon."""
    return NOON_MS + round(minute * MINUTE_MS)


def resource(name: str, service: str = "aws.ec2", **attributes: str) -> Resource:
    place = ("111122223333", "eu-west-1")
    return Resource("aws", service, *place, name, tuple(sorted(attributes.items())))


def evidence(
    metric: str = "cpu.utilization",
    value: float = 93.0,
    lower: float = 41.0,
    upper: float = 48.0,
    unit: str = "percent",
    share: float = 1.0,
    labels: tuple[tuple[str, str], ...] = (),
) -> Evidence:
    middle = (lower + upper) / 2
    return Evidence(metric, labels, unit, value, middle, lower, upper, share, NOON_MS)


LATENCY = (evidence("latency", 1_340.0, 80.0, 120.0, "ms"),)
NETWORK = (evidence("network.io", 60.0, 40.0, 50.0, "bytes/s"),)  # one band width outside


def edge(
    kind_of: Edge,
    of: Resource,
    minute: float,
    *,
    kind: str = "metrics",
    onset: float | None = None,
    confidence: float = 0.7,
    score: float = 5.0,
    proof: tuple[Evidence, ...] = NETWORK,
    floor: Severity | None = None,
) -> Anomaly:
    onset_ms = at(minute if onset is None else onset)
    return Anomaly(kind_of, kind, of, at(minute), onset_ms, confidence, score, proof, (), floor)


def closed(group: int, until: float, edges: Iterable[Anomaly] = (), final: bool = False) -> Closed:
    return Closed(group, at(until), final, tuple(edges))


def told(
    edges: Sequence[Anomaly], until: float, settings: TriageSettings | None = None
) -> list[Transition]:
    """Return what one group's edges up to a minute make of incidents."""
    triage = Triage(BRISK if settings is None else settings, 1)
    return triage.step(closed(0, until, edges))


def story(transitions: Iterable[Transition]) -> list[tuple[float, str, int]]:
    """Return minute, event and number of alerts, for comparison with what is wanted."""
    return [
        ((said.ts_ms - NOON_MS) / MINUTE_MS, said.event, said.incident.member_count)
        for said in transitions
    ]
