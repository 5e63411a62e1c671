"""Payloads of the clouds' own formats in JSON, and of our own."""

import random
from typing import Any

from tests.fuzz.cases import Unit
from tests.fuzz.damage_json import JsonDraft

START_MS = 1_772_359_200_000  # 2026-03-01 10:00 UTC
REGIONS = ("eu-west-1", "us-east-1")


def moment_ms(rng: random.Random) -> int:
    """Return a time within an hour; few, so that series have several points a tick."""
    return START_MS + rng.randrange(60) * 60_000 + rng.choice((0, 0, 500))


def name(rng: random.Random, kind: str) -> str:
    """Return a name of few; of one in fifty nobody has heard."""
    return f"{kind}-{rng.randrange(8) if rng.random() < 0.98 else rng.getrandbits(40)}"


def number(rng: random.Random) -> float:
    """Return a usual reading."""
    return rng.choice((round(rng.uniform(0, 100), 3), float(rng.randrange(1_000)), 0.25))


def iso(ts_ms: int, digits: str = "") -> str:
    """Return the minute of a time as text."""
    minute = (ts_ms - START_MS) // 60_000
    return f"2026-03-01T10:{minute:02d}:{ts_ms // 1000 % 60:02d}{digits}Z"


_CLOUDWATCH = (
    ("AWS/EC2", "CPUUtilization", "InstanceId", "Percent"),
    ("AWS/EC2", "NetworkIn", "InstanceId", "Bytes"),
    ("AWS/RDS", "DatabaseConnections", "DBInstanceIdentifier", "Count"),
    ("AWS/Lambda", "Errors", "FunctionName", "Count"),
    ("AWS/ApplicationELB", "TargetResponseTime", "LoadBalancer", "Seconds"),
    ("Custom", "queue depth", "Shard", "None"),
)


def cloudwatch_points(rng: random.Random) -> list[tuple[dict[str, Any], dict[str, float]]]:
    """Return what points say of themselves, and their statistics."""
    found = []
    for _ in range(rng.randrange(1, 7)):
        namespace, metric, dimension, unit = rng.choice(_CLOUDWATCH)
        value = number(rng)
        dimensions = {dimension: name(rng, "i")}
        if rng.random() < 0.2:
            dimensions["AvailabilityZone"] = "eu-west-1a"
        about = {
            "account_id": str(rng.randrange(1, 3)) * 12,
            "region": rng.choice(REGIONS),
            "namespace": namespace,
            "metric_name": metric,
            "dimensions": dimensions,
            "timestamp": moment_ms(rng),
            "unit": unit,
        }
        statistics = {"count": 5.0, "sum": value * 5, "min": value / 2, "max": value * 2}
        if rng.random() < 0.7:
            statistics |= {"p50": value, "p90": value * 1.5, "p99": value * 1.9, "p99.9": value * 2}
        found.append((about, statistics))
    return found


def cloudwatch(rng: random.Random) -> JsonDraft:
    """Return `cloudwatch-json`."""
    lines = [
        {"metric_stream_name": "all", **about, "value": statistics}
        for about, statistics in cloudwatch_points(rng)
    ]
    return JsonDraft(lines, [Unit(line) for line in lines], lines=True)


def foreshock(rng: random.Random) -> JsonDraft:
    """Return `foreshock-json`."""
    lines = []
    for _ in range(rng.randrange(1, 7)):
        line: dict[str, Any] = {
            "resource": name(rng, "i"),
            "cloud": rng.choice(("aws", "gcp", "")),
            "service": rng.choice(("aws.ec2", "aws.rds", "app.shop")),
            "metric": rng.choice(("cpu.utilization", "latency", "queue")),
            "ts_ms": moment_ms(rng),
            "value": number(rng),
        }
        if rng.random() < 0.6:
            line |= {"account": "1", "region": "eu", "unit": "percent", "attributes": {"team": "a"}}
        if rng.random() < 0.2:
            line["labels"] = {"route": name(rng, "r"), "code": "200"}
        lines.append(line)
    return JsonDraft(lines, [Unit(line) for line in lines], lines=True)


def azure(rng: random.Random) -> JsonDraft:
    """Return `azure-monitor`, of any of its producers, in any of its envelopes."""
    records = [_azure_record(rng) for _ in range(rng.randrange(1, 7))]
    units = [Unit(record) for record in records]
    kind = rng.randrange(4)
    if kind == 0:
        return JsonDraft(records, units, lines=True)
    if kind == 1:
        return JsonDraft([records], units)
    if kind == 2:
        half = len(records) // 2 or 1
        envelopes: list[Any] = [{"records": records[:half]}]
        if records[half:]:
            envelopes.append({"records": records[half:]})
        return JsonDraft(envelopes, units)
    return JsonDraft([{"records": records}], units)


def _azure_record(rng: random.Random) -> dict[str, Any]:
    value, kind = number(rng), rng.randrange(3)
    provider, metric = rng.choice(
        (
            ("MICROSOFT.COMPUTE/VIRTUALMACHINES", "Percentage CPU"),
            ("MICROSOFT.SQL/SERVERS", "connection_failed"),
            ("MICROSOFT.INSIGHTS/COMPONENTS", "requests/duration"),
        )
    )
    resource = f"/SUBSCRIPTIONS/{rng.randrange(2)}/RESOURCEGROUPS/RG/PROVIDERS/{provider}/"
    record = {"resourceId": resource + name(rng, "VM"), "time": iso(moment_ms(rng), ".0000000")}
    numbers = {"count": 4, "total": value * 4, "minimum": value / 2, "maximum": value * 2}
    if kind == 0:
        return {**numbers, "average": value, **record, "metricName": metric, "timeGrain": "PT1M"}
    if kind == 1:
        texts = {key.capitalize(): str(each) for key, each in numbers.items()}
        more = {"unit": "Count", "dimension": {"ActivityName": name(rng, "a")}, "PartitionId": 0}
        return {**texts, "Average": str(value), **record, "metricName": metric, **more}
    own = {"Name": metric, "Sum": value, "Min": value, "Max": value, "ItemCount": 1}
    return {**own, **record, "Properties": {"_MS.Processed": "True", "role": name(rng, "r")}}


_GCP = (
    ("gce_instance", "instance_id", "compute.googleapis.com/instance/cpu/utilization"),
    ("pubsub_subscription", "subscription_id", "pubsub.googleapis.com/subscription/pushes"),
    ("k8s_pod", "pod_name", "kubernetes.io/pod/network/received_bytes_count"),
)


def gcp(rng: random.Random) -> JsonDraft:
    """Return `gcp-timeseries`, in any of its envelopes."""
    series: list[dict[str, Any]] = []
    units: list[Unit] = []
    for _ in range(rng.randrange(1, 4)):
        one = _gcp_series(rng)
        series.append(one)
        units += [Unit(point) for point in one["points"]]
    keep = frozenset({"points"})
    headers: list[tuple[Any, frozenset[str]]] = [(one, keep) for one in series]
    kind = rng.randrange(5)
    if kind == 0:
        return JsonDraft(list(series), units, headers)
    if kind == 1:
        return JsonDraft([series], units, headers)
    return JsonDraft([{"timeSeries": series}], units, headers, is_push=kind == 2)


def _gcp_series(rng: random.Random) -> dict[str, Any]:
    type_, label, metric = rng.choice(_GCP)
    kind = rng.choice(("GAUGE", "DELTA", "CUMULATIVE", None))
    value = number(rng)
    spread = {"count": "5", "mean": value, "range": {"min": value / 2, "max": value * 2}}
    typed = rng.choice(
        (
            {"doubleValue": value},
            {"int64Value": str(int(value))},
            {"boolValue": value > 50},
            {"distributionValue": {**spread, "bucketCounts": ["1", "4"]}},
        )
    )
    points = []
    for _ in range(rng.randrange(1, 4)):
        ts_ms = moment_ms(rng)
        interval = {"endTime": iso(ts_ms, rng.choice(("", ".829121", ".1")))}
        if kind in {"DELTA", "CUMULATIVE"}:
            interval["startTime"] = iso(START_MS)
        points.append({"interval": interval, "value": dict(typed)})
    labels = {"project_id": "p", "zone": "europe-west1-b", label: name(rng, "4")}
    found: dict[str, Any] = {
        "metric": {"type": metric, "labels": {"response": rng.choice(("ok", "bad"))}},
        "resource": {"type": type_, "labels": labels},
        "points": points,
        "valueType": "DOUBLE",
    }
    if kind is not None:
        found["metricKind"] = kind
    if rng.random() < 0.3:
        found["metadata"] = {"userLabels": {"team": "shop"}}
    return found
