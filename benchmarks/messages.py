"""Messages as producers send them to a topic: of a usual size, each series once a minute."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import cramjam
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from connectors.formats.lean_proto import declare

START_MS = 1_772_359_200_000
NS_A_MS = 1_000_000
_MESSAGES = 40  # that hold all series, so many a minute


class Kind(NamedTuple):
    """A kind of message."""

    format: str
    what: str
    points: int  # a message
    make: Callable[[int, int], bytes]  # of the number of the message and the minute


def _value(at: int) -> float:
    return 40 + (at * 7919 % 1000) / 37


def _iso(minute: int, digits: str) -> str:
    return f"2026-03-01T{minute // 60 % 24:02d}:{minute % 60:02d}:00{digits}Z"


def _dumped(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def cloudwatch_json(message: int, minute: int) -> bytes:
    """Return fifty lines, as Firehose joins them."""
    lines = []
    for point in range(50):
        value = _value(message * 50 + point + minute)
        statistics = {"max": value * 1.2, "min": value * 0.8, "sum": value * 5, "count": 5.0}
        line = {
            "metric_stream_name": "all",
            "account_id": "111122223333",
            "region": "eu-west-1",
            "namespace": "AWS/EC2",
            "metric_name": "CPUUtilization",
            "dimensions": {"InstanceId": f"i-{message * 50 + point:012d}"},
            "timestamp": START_MS + minute * 60_000,
            "value": {**statistics, "p90": value * 1.1, "p99": value * 1.19},
            "unit": "Percent",
        }
        lines.append(_dumped(line))
    return b"\n".join(lines)


def foreshock_json(message: int, minute: int) -> bytes:
    """Return fifty lines."""
    return b"\n".join(
        _dumped(
            {
                "resource": f"i-{message * 50 + point:012d}",
                "cloud": "aws",
                "service": "aws.ec2",
                "account": "111122223333",
                "region": "eu-west-1",
                "metric": "cpu.utilization",
                "ts_ms": START_MS + minute * 60_000,
                "value": _value(message * 50 + point + minute),
                "unit": "percent",
                "attributes": {"team": "shop", "tier": "1"},
            }
        )
        for point in range(50)
    )


def azure_monitor(message: int, minute: int) -> bytes:
    """Return an envelope of twenty records of diagnostic settings."""
    records = []
    for point in range(20):
        value = _value(message * 20 + point + minute)
        records.append(
            {
                "count": 4,
                "total": value * 4,
                "minimum": value * 0.8,
                "maximum": value * 1.2,
                "average": value,
                "resourceId": "/SUBSCRIPTIONS/7D0C5A1E-52B4-4C0F-9A37-3F6B1E8D2C90/RESOURCEGROUPS/"
                f"RG/PROVIDERS/MICROSOFT.COMPUTE/VIRTUALMACHINES/VM{message * 20 + point:05d}",
                "time": _iso(minute, ".0000000"),
                "metricName": "Percentage CPU",
                "timeGrain": "PT1M",
            }
        )
    return _dumped({"records": records})


def gcp_timeseries(message: int, minute: int) -> bytes:
    """Return an envelope of twenty series of one point."""
    end = _iso(minute, ".829121")
    series = []
    for point in range(20):
        labels = {
            "project_id": "shop-prod",
            "zone": "europe-west1-b",
            "instance_id": f"4{message * 20 + point:017d}",
        }
        value = {"doubleValue": _value(message * 20 + point + minute) / 100}
        series.append(
            {
                "metric": {"type": "compute.googleapis.com/instance/cpu/utilization"},
                "metricKind": "GAUGE",
                "points": [{"interval": {"startTime": end, "endTime": end}, "value": value}],
                "resource": {"labels": labels, "type": "gce_instance"},
                "valueType": "DOUBLE",
            }
        )
    return _dumped({"timeSeries": series})


# ---------------------------------------------------------------- OpenTelemetry

_ROUTES = 10


def _attributes(values: dict[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]


def _times(minute: int) -> dict[str, str]:
    time_ns = (START_MS + minute * 60_000) * NS_A_MS
    return {"startTimeUnixNano": str(START_MS * NS_A_MS), "timeUnixNano": str(time_ns)}


def _numbers(message: int, minute: int) -> dict[str, Any]:
    """Return an export of one service: ten metrics, half of them counters, of ten routes."""
    metrics: list[dict[str, Any]] = []
    for number in range(10):
        points = [
            {
                "attributes": _attributes({"http.route": f"/{route}", "http.method": "GET"}),
                **_times(minute),
                "asDouble": _value(message * 100 + number * 10 + route) + minute,
            }
            for route in range(_ROUTES)
        ]
        counter = {"aggregationTemporality": 2, "isMonotonic": True}
        data: dict[str, Any] = {"dataPoints": points} | (counter if number % 2 else {})
        kind = "sum" if number % 2 else "gauge"
        metrics.append({"name": f"shop.metric{number}", "unit": "1", kind: data})
    return _export(message, metrics)


def _histograms(message: int, minute: int) -> dict[str, Any]:
    """Return an export of histograms: ten metrics of ten routes, cumulative, fifteen buckets."""
    metrics = []
    for number in range(10):
        points = []
        for route in range(_ROUTES):
            value = _value(message * 100 + number * 10 + route) + minute
            points.append(
                {
                    "attributes": _attributes({"http.route": f"/{route}", "http.method": "GET"}),
                    **_times(minute),
                    "count": str(60 + minute),
                    "sum": value * 10,
                    "min": 0.1,
                    "max": value,
                    "bucketCounts": [str(each) for each in range(15)],
                    "explicitBounds": [float(each) for each in range(14)],
                }
            )
        data = {"aggregationTemporality": 2, "dataPoints": points}
        metrics.append({"name": f"shop.duration{number}", "unit": "s", "histogram": data})
    return _export(message, metrics)


def _export(message: int, metrics: list[dict[str, Any]]) -> dict[str, Any]:
    about = {
        "service.name": f"svc-{message}",
        "service.version": "1.2.3",
        "host.name": f"h-{message}",
        "cloud.provider": "aws",
        "cloud.region": "eu-west-1",
    }
    scope = {"scope": {"name": "io.opentelemetry"}, "metrics": metrics}
    resource = {"resource": {"attributes": _attributes(about)}, "scopeMetrics": [scope]}
    return {"resourceMetrics": [resource]}


def _as_proto(document: dict[str, Any]) -> bytes:
    return json_format.ParseDict(document, ExportMetricsServiceRequest()).SerializeToString()


def cloudwatch_otel(message: int, minute: int) -> bytes:
    """Return fifty points: five messages of ten, each with its length before it."""
    out = bytearray()
    for part in range(5):
        metrics = []
        for number in range(10):
            value = _value(message * 50 + part * 10 + number + minute)
            quantiles = {0.0: value * 0.8, 0.9: value * 1.1, 0.99: value * 1.19, 1.0: value * 1.2}
            dimension = {"InstanceId": f"i-{message * 50 + part * 10 + number:012d}"}
            point = {
                **_times(minute),
                "count": "5",
                "sum": value * 5,
                "quantileValues": [{"quantile": q, "value": v} for q, v in quantiles.items()],
                "attributes": [
                    *_attributes({"MetricName": "CPUUtilization", "Namespace": "AWS/EC2"}),
                    {
                        "key": "Dimensions",
                        "value": {"kvlistValue": {"values": _attributes(dimension)}},
                    },
                ],
            }
            name = "amazonaws.com/AWS/EC2/CPUUtilization"
            metrics.append({"name": name, "unit": "%", "summary": {"dataPoints": [point]}})
        about = {
            "cloud.provider": "aws",
            "cloud.account.id": "111122223333",
            "cloud.region": "eu-west-1",
            "aws.exporter.arn": "arn:aws:cloudwatch:eu-west-1:111122223333:metric-stream/all",
        }
        resource = {
            "resource": {"attributes": _attributes(about)},
            "scopeMetrics": [{"metrics": metrics}],
        }
        text = _as_proto({"resourceMetrics": [resource]})
        out += _uvarint(len(text)) + text
    return bytes(out)


def _uvarint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


# ---------------------------------------------------------------- agents

WRITE = declare(
    "foreshock.benchmarks",
    {
        "WriteRequest": {"timeseries": (1, "repeated TimeSeries")},
        "TimeSeries": {"labels": (1, "repeated Label"), "samples": (2, "repeated Sample")},
        "Label": {"name": (1, "string"), "value": (2, "string")},
        "Sample": {"value": (1, "double"), "timestamp": (2, "int64")},
    },
)


def _labels(message: int, number: int) -> dict[str, str]:
    return {
        "__name__": "node_cpu_seconds_total",
        "cpu": str(number // 8),
        "instance": f"10.0.0.{message}:9100",
        "job": "node",
        "mode": ("idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user")[number % 8],
    }


def remote_write(message: int, minute: int) -> bytes:
    """Return a hundred series of one sample."""
    request = WRITE["WriteRequest"]()
    for number in range(100):
        series = request.timeseries.add()
        for name, label in _labels(message, number).items():
            series.labels.add(name=name, value=label)
        value = _value(message * 100 + number) + minute
        series.samples.add(value=value, timestamp=START_MS + minute * 60_000)
    return bytes(cramjam.snappy.compress_raw(request.SerializeToString()))


def prometheus_json(message: int, minute: int) -> bytes:
    """Return one sample, as the adapter does."""
    labels = _labels(message, minute % 16)
    value = str(_value(message) + minute)
    sample = {"timestamp": _iso(minute, ""), "value": value, "name": labels["__name__"]}
    return _dumped({**sample, "labels": labels})


def telegraf_json(message: int, minute: int) -> bytes:
    """Return a batch of ten metrics of ten fields."""
    fields = ("guest", "idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user", "all")
    metrics: list[dict[str, Any]] = [
        {
            "fields": {
                f"usage_{field}": _value(message * 100 + number * 10 + at + minute)
                for at, field in enumerate(fields)
            },
            "name": "cpu",
            "tags": {"cpu": f"cpu{number}", "host": f"h-{message}"},
            "timestamp": START_MS // 1000 + minute * 60,
        }
        for number in range(10)
    ]
    return _dumped({"metrics": metrics})


KINDS = (
    Kind("azure-monitor", "20 records", 20, azure_monitor),
    Kind("cloudwatch-json", "50 lines", 50, cloudwatch_json),
    Kind("cloudwatch-otel", "5 messages of 10", 50, cloudwatch_otel),
    Kind("foreshock-json", "50 lines", 50, foreshock_json),
    Kind("gcp-timeseries", "20 series", 20, gcp_timeseries),
    Kind("otlp-json", "100 numbers", 100, lambda m, t: _dumped(_numbers(m, t))),
    Kind("otlp-json", "100 histograms", 100, lambda m, t: _dumped(_histograms(m, t))),
    Kind("otlp-proto", "100 numbers", 100, lambda m, t: _as_proto(_numbers(m, t))),
    Kind("otlp-proto", "100 histograms", 100, lambda m, t: _as_proto(_histograms(m, t))),
    Kind("prometheus-json", "1 sample", 1, prometheus_json),
    Kind("prometheus-remote-write", "100 series", 100, remote_write),
    Kind("telegraf-json", "10 metrics of 10", 100, telegraf_json),
)


def messages(kind: Kind, points: int) -> list[bytes]:
    """Return messages of so many points, minute by minute."""
    count = max(1, points // kind.points)
    a_minute = min(count, _MESSAGES)
    return [kind.make(at % a_minute, at // a_minute) for at in range(count)]
