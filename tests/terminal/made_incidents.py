"""Incidents, a plot and an estate, made up for the screen's tests."""

import math
from datetime import UTC, datetime

import msgspec

from schema.desk import (
    EvidenceView,
    ImpactView,
    IncidentFull,
    MemberView,
    ResourceView,
    SeverityName,
    SuspectView,
)
from schema.plots import Health, LivePart, LiveResource, LiveState, Plot

NOW_MS = 1_772_366_400_000  # 2026-03-01 12:00 UTC
MIN_MS = 60_000
LEVELS: tuple[SeverityName, ...] = ("CRITICAL", "HIGH", "MEDIUM", "LOW")


def clock() -> datetime:
    return datetime.fromtimestamp(NOW_MS / 1000, tz=UTC)


def resource(name: str, service: str = "aws.rds", cloud: str = "aws") -> ResourceView:
    key = f"{cloud}|111122223333|eu-west-1|{service}|{name}"
    return ResourceView(key=key, name=name, cloud=cloud, service=service, region="eu-west-1")


def incident(number: int, title: str = "", **changes: object) -> IncidentFull:
    name = f"orders-db-{number}"
    evidence = EvidenceView(
        metric="latency",
        unit="ms",
        value=820.0,
        expected=181.5,
        lower=120.0,
        upper=240.0,
        share=0.8,
        onset_ms=NOW_MS - 22 * MIN_MS,
    )
    member = MemberView(
        resource=resource(name),
        kind="metrics",
        opened_ms=NOW_MS - 20 * MIN_MS,
        onset_ms=NOW_MS - 22 * MIN_MS,
        closed_ms=None,
        confidence=0.97,
        score=12.5,
        evidence=(evidence,),
        detectors=("discord", "statistical"),
    )
    opened_ms = NOW_MS - 20 * MIN_MS - number * MIN_MS
    made = IncidentFull(
        id=f"inc-{number:05d}",
        revision=1,
        state="open",
        severity=LEVELS[number % 4],
        title=title or f"latency of {name} rose to 820 ms",
        hint=f"latency of {name} rose to 820 ms (expected 120-240 ms) at 11:38 UTC",
        scope={"cloud": "aws", "account": "111122223333", "region": "eu-west-1"},
        opened_ms=opened_ms,
        onset_ms=opened_ms - 2 * MIN_MS,
        updated_ms=opened_ms,
        resolved_ms=None,
        ack_by_ms=NOW_MS + (number + 5) * MIN_MS,
        resolve_by_ms=NOW_MS + 240 * MIN_MS,
        confidence=0.97,
        member_count=1,
        reasons=("tier 1 service", "confidence 0.97"),
        members=(member,),
        suspects=(SuspectView(resource=resource(name), score=0.62, why="it was off first"),),
        impact=ImpactView(dependants=3, names=("checkout", "cart", "search"), users=1_200),
    )
    return msgspec.structs.replace(made, **changes)


def plot_of(name: str = "orders-db-0") -> Plot:
    points = range(120)
    expected = tuple(180 + 40 * math.sin(each / 15) for each in points)
    values = tuple(
        at + 8 * math.sin(7 * each) + (0 if each < 98 else (each - 97) * 28)
        for each, at in zip(points, expected, strict=True)
    )
    return Plot(
        resource=f"aws|111122223333|eu-west-1|aws.rds|{name}",
        name=name,
        service="aws.rds",
        metric="latency",
        labels=(),
        unit="ms",
        kind="metrics",
        opened_ms=NOW_MS - 20 * MIN_MS,
        onset_ms=NOW_MS - 22 * MIN_MS,
        closed_ms=None,
        until_ms=NOW_MS,
        step_ms=MIN_MS,
        ts_ms=tuple(NOW_MS - (120 - each) * MIN_MS for each in points),
        value=values,
        expected=expected,
        lower=tuple(each - 30 for each in expected),
        upper=tuple(each + 30 for each in expected),
        marks=tuple(range(99, 120)),
        share=0.8,
        detectors=(("discord", 0.7), ("statistical", 0.3)),
    )


def live_state() -> LiveState:
    def part(cloud: str, service: str, off: int, silent: int, count: int) -> LivePart:
        health: Health = "off" if off else "silent" if silent else "ok"
        return LivePart(
            cloud, service, health, count, off, silent, count / 3, off / count, NOW_MS - MIN_MS
        )

    services = (
        part("aws", "aws.ec2", 0, 0, 120),
        part("aws", "aws.rds", 3, 0, 14),
        part("azure", "azure.sql", 0, 1, 9),
        part("gcp", "gcp.gce", 0, 0, 61),
    )
    clouds = (part("aws", "", 3, 0, 134), part("azure", "", 0, 1, 9), part("gcp", "", 0, 0, 61))
    bad = resource("orders-db-0")
    return LiveState(
        watermark_ms=NOW_MS - MIN_MS,
        said_ms=NOW_MS - 5_000,
        lag_ms=72_000,
        samples_per_s=1_840.0,
        anomaly_rate=0.0021,
        clouds=clouds,
        services=services,
        resources=(
            LiveResource(bad.key, bad.name, "aws", "aws.rds", "off", NOW_MS - 22 * MIN_MS, 2.4),
        ),
    )
