"""Incidents, models and states of an estate as screens get them, made without a flow."""

import math
from collections.abc import Sequence

from models.fusion import DETECTORS
from schema import State
from schema.desk import (
    AuditEntry,
    DetectorView,
    DriftView,
    EdgeView,
    EvidenceView,
    ImpactView,
    IncidentFull,
    MemberView,
    NodeView,
    ResourceView,
    ServiceModels,
    SeverityName,
    SuspectView,
    ToldView,
    TopologyView,
    VersionView,
)
from schema.plots import HeatCell, HeatMap, LivePart, LiveResource, LiveState, Plot

HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>'\"`{{7*7}}"
LONG = "arn:aws:rds:eu-west-1:111122223333:db:" + "orders-and-payments-" * 8
SEVERITIES: tuple[SeverityName, ...] = ("LOW", "MEDIUM", "HIGH", "CRITICAL")
MINUTE_MS, HOUR_MS = 60_000, 3_600_000
SERVICES = ("aws.ec2", "aws.rds", "aws.lambda", "azure.vm", "azure.sql", "gcp.gce", "gcp.cloudsql")
TITLES = (
    "Latency of {} is up to 9 times the usual",
    "CPU of {} is at its limit",
    "{} fails one request in five",
    "{} has fallen silent",
    "Disk of {} is full in 3 h",
    "Connections of {} are exhausted; 4 services that need it are slow",
)
STATES: tuple[State, ...] = ("open", "acknowledged", "open", "resolved", "closed", "resolved")
PEOPLE = ("", "platform", "", "network", "reliability-and-platform-oncall@example.org")


def made_resource(number: int, name: str = "") -> ResourceView:
    service = SERVICES[number % len(SERVICES)]
    cloud = service.split(".")[0]
    called = name or f"{('web', 'orders-db', 'checkout', 'vm', 'sql')[number % 5]}-{number:03}"
    key = f"{cloud}|111122223333|eu-west-1|{service}|{called}"
    return ResourceView(
        key=key, name=called, cloud=cloud, service=service, account="111122223333",
        region="eu-west-1",
    )  # fmt: skip


def made_incident(
    number: int, now_ms: int, name: str = "", *, state: State = "open"
) -> IncidentFull:
    """Return the `number`th newest incident; `name` is its first resource's."""
    opened_ms = now_ms - number * 7 * MINUTE_MS - 4 * MINUTE_MS
    severity = SEVERITIES[3 - (number * 7 % 11) % 4]
    resources = [made_resource(number, name), *(made_resource(number + 40 + i) for i in range(3))]
    first = resources[0]
    acked_ms = opened_ms + 2 * MINUTE_MS if state == "acknowledged" else None
    over_ms = opened_ms + 31 * MINUTE_MS if state in ("resolved", "closed") else None
    return IncidentFull(
        id=f"inc-{number:012x}", revision=3, state=state, severity=severity,
        title=TITLES[number % len(TITLES)].format(first.name),
        hint=f"{first.name} left its band first, 6 min before the others: db.connections rose from "
        "41 to 480, and what needs it slowed down within two ticks.",
        scope={"cloud": first.cloud, "account": first.account, "region": first.region,
               "service": first.service},
        opened_ms=opened_ms, onset_ms=opened_ms - 6 * MINUTE_MS,
        updated_ms=opened_ms + 9 * MINUTE_MS, resolved_ms=over_ms,
        closed_ms=over_ms if state == "closed" else None, acked_ms=acked_ms,
        ack_by_ms=opened_ms + 15 * MINUTE_MS, resolve_by_ms=opened_ms + 4 * HOUR_MS,
        breach_ms=opened_ms + 5 * HOUR_MS if number % 9 == 0 else None,
        confidence=0.93, member_count=4 if number % 3 else 1204, assignee=PEOPLE[number % 5],
        pattern=("saturation", "", "error_burst")[number % 3], flapping=number % 13 == 5,
        silenced_by=("sil-0c2b9f4a",) if number % 11 == 4 else (),
        impact=ImpactView(dependants=14, users=2300, tiers=("gold",),
                          names=tuple(made_resource(60 + i).name for i in range(8)),
                          suffering=(made_resource(61).name,)),
        reasons=("confidence 0.93", "tier gold", "14 dependants"),
        members=tuple(_member(each, opened_ms, over_ms) for each in resources),
        suspects=tuple(
            SuspectView(resource=each, score=score, why=f"its onset came {6 - i} min before the "
                        f"others', and {14 - 3 * i} resources need it")
            for i, (each, score) in enumerate(zip(resources, (0.71, 0.2, 0.09), strict=False))
        ),
    )  # fmt: skip


def _member(resource: ResourceView, opened_ms: int, closed_ms: int | None) -> MemberView:
    evidence = EvidenceView(
        metric="db.connections", unit="1", labels={"pool": "main"}, value=480.0, expected=41.0,
        lower=22.0, upper=66.0, share=0.8, onset_ms=opened_ms - 6 * MINUTE_MS,
    )  # fmt: skip
    return MemberView(
        resource=resource, kind="metrics", opened_ms=opened_ms, onset_ms=opened_ms - 6 * MINUTE_MS,
        closed_ms=closed_ms, confidence=0.9, score=11.25, evidence=(evidence,),
        detectors=("isolation_forest", "temporal"),
    )  # fmt: skip


def made_plots(
    incident: IncidentFull, metrics: Sequence[str] = ("db.connections", "latency")
) -> tuple[Plot, ...]:
    """Return a day's curves that leave their band at the onset."""
    found = []
    for number, metric in enumerate(metrics):
        resource = incident.members[number % len(incident.members)].resource
        ts_ms = tuple(incident.onset_ms - (240 - i) * MINUTE_MS for i in range(300))
        usual = tuple(40 + 12 * math.sin(i / 38 + number) for i in range(300))
        off = tuple(0.0 if i < 240 else 90 * (1 - math.exp(-(i - 239) / 12)) for i in range(300))
        value = tuple(
            u + o + 3 * math.sin(i * 2.3) for i, (u, o) in enumerate(zip(usual, off, strict=True))
        )
        found.append(Plot(
            resource=resource.key, name=resource.name, service=resource.service, metric=metric,
            labels=(("pool", "main"),), unit="ms" if number else "", kind="metrics",
            opened_ms=incident.opened_ms, onset_ms=incident.onset_ms, closed_ms=None,
            until_ms=ts_ms[-1], step_ms=MINUTE_MS, ts_ms=ts_ms, value=value,
            expected=tuple(None if i < 20 else u for i, u in enumerate(usual)),
            lower=tuple(None if i < 20 else u - 14 for i, u in enumerate(usual)),
            upper=tuple(None if i < 20 else u + 14 for i, u in enumerate(usual)),
            marks=tuple(range(243, 300)),
            detectors=(("isolation_forest", 0.52), ("temporal", 0.31), ("statistical", 0.17)),
        ))  # fmt: skip
    return tuple(found)


def made_topology(incident: IncidentFull) -> TopologyView:
    names = [each.resource.name for each in incident.members]
    near = [*names, *incident.impact.names[:5], "eu-west-1a"]
    nodes = tuple(
        NodeView(name=name, type="zone" if name == "eu-west-1a" else "aws.rds", hops=i // 4)
        for i, name in enumerate(dict.fromkeys(near))
    )
    calls = [(each, names[0]) for each in near[1:6]] + [(near[6], names[1]), (near[7], names[1])]
    edges = [EdgeView(source=a, target=b, type="calls") for a, b in calls]
    edges.append(EdgeView(source=names[0], target="eu-west-1a", type="in_zone"))
    return TopologyView(around=tuple(names), nodes=nodes, edges=tuple(edges), more=3)


def made_audit(incident: IncidentFull) -> tuple[AuditEntry, ...]:
    at = incident.opened_ms
    said = [("opened", "foreshock", "4 alerts within 3 min")]
    said += [("updated", "foreshock", f"{n} resources") for n in range(5, 10)]
    said += [
        ("noted", "platform", "The pool was halved in last night's release.\nRolling it back."),
        ("breach_predicted", "foreshock", "12 min left to acknowledge, and it looks like more"),
    ]
    if incident.state == "acknowledged":
        said.append(("acknowledged", incident.assignee or "platform", "on it"))
    if incident.state in ("resolved", "closed"):
        said.append(("resolved", "foreshock", "no alert for 15 min"))
    return tuple(
        AuditEntry(revision=i + 1, event=event, ts_ms=at + i * MINUTE_MS, actor=actor,  # type: ignore[arg-type]  # made of literals
                   reason=reason, state="open", severity=incident.severity,
                   silenced_by=("sil-0c2b9f4a",) if i == 2 else ())
        for i, (event, actor, reason) in enumerate(said)
    )  # fmt: skip


def made_told(incidents: Sequence[IncidentFull]) -> tuple[ToldView, ...]:
    lines = (
        ("pagerduty", "sent", 1, "trigger", "opened; route: severity CRITICAL"),
        ("slack-ops", "sent", 1, "trigger", "opened; route: everything"),
        ("mail-oncall", "failed", 5, "trigger", "smtp.example.org:587 refused the connection"),
        ("slack-ops", "held", 0, "update", "updates: severity; the severity is as it was"),
    )
    return tuple(
        ToldView(incident=each.id, channel=channel, kind=kind, cause=f"transition:{i}",
                 at_ms=each.opened_ms + 4_000, status=status, attempts=attempts, why=why)  # type: ignore[arg-type]  # made of literals
        for each in incidents
        for i, (channel, status, attempts, kind, why) in enumerate(lines)
    )  # fmt: skip


def made_live(now_ms: int) -> LiveState:
    def part(cloud: str, service: str, number: int) -> LivePart:
        off, silent = (3, 0) if number == 1 else (0, 2) if number == 4 else (0, 0)
        health = "off" if off else "silent" if silent else "ok"
        return LivePart(cloud, service, health, 40 + 13 * number, off, silent, 9.5 + number,  # type: ignore[arg-type]  # made of literals
                        0.0004 + (0.02 if off else 0), now_ms - 70_000)  # fmt: skip

    services = tuple(part(name.split(".")[0], name, i) for i, name in enumerate(SERVICES))
    clouds = tuple(part(name, "", i) for i, name in enumerate(("aws", "azure", "gcp")))
    worst = made_resource(1)
    return LiveState(
        watermark_ms=now_ms - 70_000, said_ms=now_ms - 2_000, lag_ms=70_000, samples_per_s=96.4,
        anomaly_rate=0.004, clouds=clouds, services=services,
        resources=(LiveResource(worst.key, worst.name, worst.cloud, worst.service, "off",
                                now_ms - 20 * MINUTE_MS, 2.4),),
    )  # fmt: skip


def _odd(row: int, i: int, count: int) -> float:
    trouble = 2.6 * math.exp(-(((i - count * 0.8 + row * 1.7) / (2 + row % 4)) ** 2))
    return trouble + 0.7 * ((i * 7 + row * 13) % 41 == 0)


def made_heat(from_ms: int, to_ms: int, name: str = "") -> HeatMap:
    """Return a quarter of an hour a bucket; a band of trouble wanders over 30 resources."""
    bucket_ms = max(15 * MINUTE_MS, (to_ms - from_ms) // 96 // MINUTE_MS * MINUTE_MS)
    start_ms = from_ms // bucket_ms * bucket_ms
    count = (to_ms - start_ms) // bucket_ms
    cells = tuple(
        HeatCell(made_resource(row, name if row == 0 else "").key, start_ms + i * bucket_ms, odd)
        for row in range(30)
        for i in range(count)
        if (odd := _odd(row, i, count)) > 0.3
    )
    return HeatMap(from_ms=start_ms, to_ms=start_ms + count * bucket_ms, bucket_ms=bucket_ms,
                   cells=cells, more=12)  # fmt: skip


def made_models(now_ms: int) -> tuple[ServiceModels, ...]:
    def version(number: int, state: str, from_ms: int | None) -> VersionView:
        return VersionView(
            version=f"aws.rds-2026110{number}-4f2a9c", state=state, effective_from_ms=from_ms,  # type: ignore[arg-type]  # made of literals
            data_from_ms=now_ms - 9 * 24 * HOUR_MS, data_to_ms=now_ms - 2 * 24 * HOUR_MS,
            figures={"anomaly_rate": 0.0031, "rows": 182_400.0, "replayed_agreement": 0.984},
        )  # fmt: skip

    detectors = tuple(
        DetectorView(name=name, rows=482_113, mean_surprise=0.43 + i / 10,
                     anomaly_rate=0.0021 * i, precision=None if i == 3 else 0.9 - i / 10,
                     real=9 - i, false_positive=i)
        for i, name in enumerate(DETECTORS)
    )  # fmt: skip
    scores = tuple(
        (bound, rows)
        for bound, rows in (
            ("0.5", 301_233),
            ("1", 120_020),
            ("2", 48_112),
            ("4", 9_120),
            ("8", 610),
            ("more", 44),
        )
    )
    return tuple(
        ServiceModels(
            service=service, until_ms=now_ms - 70_000, resources=48, warming=3 * (i == 2),
            in_use=(f"{service}-20261103-4f2a9c",) if i == 1 else (), scored=482_113, anomalous=920,
            anomaly_rate=0.0019, precision=0.9 if i == 1 else None, real=9 * (i == 1),
            false_positive=int(i == 1), scores=scores, detectors=detectors,
            drift=DriftView(state=("steady", "suspected", "drifting")[i % 3],
                            share=0.02 + 0.3 * (i % 3),
                            since_ms=now_ms - HOUR_MS if i % 3 else None, drifts=i % 3,
                            until_ms=now_ms),
            versions=(version(1, "retired", 0), version(3, "active", now_ms - 30 * HOUR_MS),
                      version(7, "candidate", None)) if i == 1 else (),
        )
        for i, service in enumerate(SERVICES)
    )  # fmt: skip
