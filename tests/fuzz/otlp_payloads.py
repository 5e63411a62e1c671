"""Payloads of OpenTelemetry: one description, as JSON and by the protocol's own classes."""

import random
from typing import Any

from google.protobuf.message import Message
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import SummaryDataPoint

from tests.fuzz.cases import Unit
from tests.fuzz.cloud_payloads import START_MS, cloudwatch_points, moment_ms, name, number
from tests.fuzz.damage_json import JsonDraft
from tests.fuzz.damage_wire import WireDraft
from tests.fuzz.wire import Node, Shape, varint

_VALUE = Shape({6: Shape({1: Shape({2: Shape({})})})})
_PAIR = Shape({2: _VALUE})
_QUANTILE = Shape({})
_NUMBER = Shape({7: _PAIR}, is_unit=True)
_HISTOGRAM = Shape({9: _PAIR}, is_unit=True)
_EXPONENTIAL = Shape({1: _PAIR}, is_unit=True)
_SUMMARY = Shape({7: _PAIR, 6: _QUANTILE}, is_unit=True)
METRIC_DATA = {5: _NUMBER, 7: _NUMBER, 9: _HISTOGRAM, 10: _EXPONENTIAL, 11: _SUMMARY}
_METRIC = Shape(
    {number: Shape({1: point}, holds_units=True) for number, point in METRIC_DATA.items()},
    holds_units=True,
)
_SCOPE = Shape({2: _METRIC}, holds_units=True)
_RESOURCE = Shape({1: Shape({1: _PAIR}), 2: _SCOPE}, holds_units=True)
REQUEST = Shape({1: _RESOURCE}, holds_units=True)
_MOST = 9  # samples of a histogram or summary in any state

_KINDS = ("gauge", "sum", "sum", "sum", "histogram", "exponentialHistogram", "summary")
_NAMES = (
    "system.cpu.utilization", "system.cpu.time", "http.server.request.duration", "my.counter",
    "system.memory.usage", "k8s.pod.cpu.usage",
)  # fmt: skip


def _pairs(values: dict[str, Any]) -> list[dict[str, Any]]:
    kinds = {str: "stringValue", bool: "boolValue", int: "intValue", float: "doubleValue"}
    return [{"key": key, "value": {kinds[type(v)]: v}} for key, v in values.items()]


def _metric(rng: random.Random, plain: bool) -> tuple[dict[str, Any], list[int]]:
    """Return a metric, and how many samples each of its points gives."""
    kind = rng.choice(_KINDS[:4] if plain else _KINDS)
    temporality = rng.choice((1, 2))
    points, samples = [], []
    for _ in range(rng.randrange(1, 4)):
        point, count = _point(rng, kind, temporality)
        points.append(point)
        samples.append(count)
    data: dict[str, Any] = {"dataPoints": points}
    if kind not in {"gauge", "summary"}:
        data["aggregationTemporality"] = temporality
    if kind == "sum":
        data["isMonotonic"] = rng.random() < 0.6
    return {"name": rng.choice(_NAMES), "unit": rng.choice(("1", "s", "By")), kind: data}, samples


def _point(rng: random.Random, kind: str, temporality: int) -> tuple[dict[str, Any], int]:
    value = number(rng)
    attributes = {"cpu": str(rng.randrange(4))} if rng.random() < 0.5 else {}
    if rng.random() < 0.3:
        attributes["route"] = name(rng, "r")
    point: dict[str, Any] = {
        "attributes": _pairs(attributes),
        "startTimeUnixNano": str(START_MS * 1_000_000 - 10**9),
        "timeUnixNano": str(moment_ms(rng) * 1_000_000 + rng.choice((0, 123_456))),
    }
    if kind in {"gauge", "sum"}:
        if rng.random() < 0.7:
            return {**point, "asDouble": value}, 1
        return {**point, "asInt": str(int(value))}, 1
    point |= {"count": str(rng.choice((0, 4, 5))), "sum": value * 4}
    told = point["count"] != "0"
    if kind == "summary":
        quantiles = [{"quantile": q, "value": value * q} for q in (0.5, 0.99)[: rng.randrange(3)]]
        return {**point, "quantileValues": quantiles}, 3 + len(quantiles)
    point |= {"min": value / 2, "max": value * 2}
    if kind == "histogram":
        point |= {"bucketCounts": ["1", "3"], "explicitBounds": [value]}
    if temporality == 2:
        return point, 3
    return point, 5 if told else 2


def _request(rng: random.Random) -> tuple[dict[str, Any], list[int]]:
    plain = rng.random() < 0.5
    resources, samples = [], []
    for _ in range(rng.choice((1, 1, 2))):
        about = rng.choice(
            (
                {"service.name": name(rng, "svc")},
                {"host.name": name(rng, "h"), "cloud.provider": "aws", "host.id": 5},
                {"k8s.pod.name": name(rng, "pod"), "k8s.namespace.name": "n", "x": 1.5, "y": True},
            )
        )
        metrics = []
        for _ in range(rng.randrange(1, 4)):
            metric, counts = _metric(rng, plain)
            metrics.append(metric)
            samples += counts
        scope = {"scope": {"name": "lib", "version": "1"}, "metrics": metrics}
        resources.append({"resource": {"attributes": _pairs(about)}, "scopeMetrics": [scope]})
    return {"resourceMetrics": resources}, samples


def _unit(node: dict[str, Any] | None, samples: int, is_plain: bool) -> Unit:
    return Unit(node, samples) if is_plain else Unit(node, samples, 1, _MOST)


def _is_plain(node: dict[str, Any]) -> bool:
    return "count" not in node


def otlp_json(rng: random.Random) -> JsonDraft:
    """Return `otlp-json`."""
    request, samples = _request(rng)
    nodes: list[dict[str, Any]] = []
    headers: list[tuple[Any, frozenset[str]]] = []
    for resource in request["resourceMetrics"]:
        headers.append((resource, frozenset({"scopeMetrics"})))
        for metric in resource["scopeMetrics"][0]["metrics"]:
            kind = next(iter(set(metric) & set(_KINDS)))
            nodes += metric[kind]["dataPoints"]
            headers.append((metric, frozenset(_KINDS)))
            headers.append((metric[kind], frozenset({"dataPoints"})))
    found = [
        _unit(node, count, _is_plain(node)) for node, count in zip(nodes, samples, strict=True)
    ]
    return JsonDraft([request], found, headers)


def _pair(pair: dict[str, Any]) -> KeyValue:
    (kind, value), *_ = pair["value"].items()
    return KeyValue(key=pair["key"], value=AnyValue(**{_SNAKE[kind]: value}))


_SNAKE = {
    "stringValue": "string_value", "boolValue": "bool_value", "intValue": "int_value",
    "doubleValue": "double_value", "exponentialHistogram": "exponential_histogram",
}  # fmt: skip


_PLAIN = {"asDouble": "as_double", "asInt": "as_int", "count": "count"} | {
    key: key for key in ("sum", "min", "max")
}


def _write(request: dict[str, Any]) -> ExportMetricsServiceRequest:
    """Return the description as the protocol's own message."""
    message = ExportMetricsServiceRequest()
    for resource in request["resourceMetrics"]:
        group = message.resource_metrics.add()
        group.resource.attributes.extend(map(_pair, resource["resource"]["attributes"]))
        for scope in resource["scopeMetrics"]:
            scoped = group.scope_metrics.add()
            scoped.scope.name = scope["scope"]["name"]
            for each in scope["metrics"]:
                metric = scoped.metrics.add(name=each["name"], unit=each["unit"])
                kind = next(iter(set(each) & set(_KINDS)))
                data = getattr(metric, _SNAKE.get(kind, kind))
                if "aggregationTemporality" in each[kind]:
                    data.aggregation_temporality = each[kind]["aggregationTemporality"]
                if each[kind].get("isMonotonic"):
                    data.is_monotonic = True
                for point in each[kind]["dataPoints"]:
                    _write_point(data.data_points.add(), point)
    return message


def _write_point(target: Message, point: dict[str, Any]) -> None:
    plain: dict[str, Any] = {
        "start_time_unix_nano": int(point["startTimeUnixNano"]),
        "time_unix_nano": int(point["timeUnixNano"]),
    }
    for key, name_ in _PLAIN.items():
        if key in point:
            plain[name_] = int(point[key]) if key in {"asInt", "count"} else point[key]
    plain["attributes"] = [_pair(each) for each in point["attributes"]]
    if "bucketCounts" in point:
        plain["bucket_counts"] = [int(each) for each in point["bucketCounts"]]
        plain["explicit_bounds"] = point["explicitBounds"]
    if "quantileValues" in point:
        quantile = SummaryDataPoint.ValueAtQuantile
        plain["quantile_values"] = [quantile(**each) for each in point["quantileValues"]]
    target.MergeFrom(type(target)(**plain))


def _headers(root: Node) -> list[tuple[Node, frozenset[int]]]:
    found = []
    for _, group in root.nodes():
        found.append((group, frozenset({2})))
        for field, scope in group.nodes():
            if field == 2:
                found += [(metric, frozenset(METRIC_DATA)) for _, metric in scope.nodes()]
    return found


def otlp_proto(rng: random.Random) -> WireDraft:
    """Return `otlp-proto`."""
    request, samples = _request(rng)
    plain = [
        _is_plain(point)
        for resource in request["resourceMetrics"]
        for metric in resource["scopeMetrics"][0]["metrics"]
        for point in metric[next(iter(set(metric) & set(_KINDS)))]["dataPoints"]
    ]
    whole = _write(request).SerializeToString()
    points = [_unit(None, *each) for each in zip(samples, plain, strict=True)]
    return WireDraft([whole], REQUEST, points, b"".join, _headers)


# ---------------------------------------------------------------- CloudWatch's

_UCUM = {"Percent": "%", "Bytes": "By", "Count": "{Count}", "Seconds": "s", "None": "1"}
_PERCENTILES = {"min": 0.0, "max": 1.0, "p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}
_BAD_LENGTHS = (
    b"\xff" * 11, b"\x80\x80\x80\x80\x80\x01", b"\xff\xff\xff\xff\x0f", b"\x80", b"\x00",
    b"\xff\xff\xff\xff\x7f", b"\x05ab", b"\x00" * 3, b"\x02\x0a\x00",
)  # fmt: skip


def _delimited(messages: list[bytes]) -> bytes:
    return b"".join(varint(len(message)) + message for message in messages)


def _cloudwatch_message(rng: random.Random) -> tuple[bytes, int]:
    """Return a message, and how many points it has."""
    message = ExportMetricsServiceRequest()
    points = cloudwatch_points(rng)
    for about, statistics in points:
        group = message.resource_metrics.add()
        origin = {
            "cloud.provider": "aws",
            "cloud.account.id": about["account_id"],
            "cloud.region": about["region"],
        }
        group.resource.attributes.extend(map(_pair, _pairs(origin)))
        metric = group.scope_metrics.add().metrics.add(unit=_UCUM[about["unit"]])
        metric.name = f"amazonaws.com/{about['namespace']}/{about['metric_name']}"
        point = metric.summary.data_points.add(
            time_unix_nano=about["timestamp"] * 1_000_000,
            start_time_unix_nano=about["timestamp"] * 1_000_000 - 60 * 10**9,
            count=int(statistics["count"]),
            sum=statistics["sum"],
        )
        texts = {"MetricName": about["metric_name"], "Namespace": about["namespace"]}
        point.attributes.extend(map(_pair, _pairs(texts)))
        values = [
            KeyValue(key=key, value=AnyValue(string_value=value))
            for key, value in about["dimensions"].items()
        ]
        point.attributes.add(key="Dimensions").value.kvlist_value.values.extend(values)
        for key, quantile in _PERCENTILES.items():
            if key in statistics:
                point.quantile_values.add(quantile=quantile, value=statistics[key])
    return message.SerializeToString(), len(points)


def cloudwatch_otel(rng: random.Random) -> WireDraft:
    """Return `cloudwatch-otel`: several messages of different lengths."""
    made = [_cloudwatch_message(rng) for _ in range(rng.choice((1, 1, 2, 3)))]
    points = [Unit(None)] * sum(count for _, count in made)
    messages = [message for message, _ in made]
    return WireDraft(messages, REQUEST, points, _delimited, _headers, broken_frames=_BAD_LENGTHS)
