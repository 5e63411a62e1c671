"""OTLP requests as documents, and what both formats make of them."""

import json
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from tests.connectors.formats.payloads import Outcome, Sample, decode

START_NS, TIME_NS = 1_772_359_140_000_000_000, 1_772_359_200_123_456_789
TIMES = {"startTimeUnixNano": str(START_NS), "timeUnixNano": str(TIME_NS)}
TIME_MS, START_MS = 1_772_359_200_123, 1_772_359_140_000
DELTA, CUMULATIVE = 1, 2
TURNS = 6  # by the fifth, a resource is known with all its metrics

Document = dict[str, Any]


def value(plain: object) -> Document:
    """Return an AnyValue."""
    match plain:
        case bool():
            return {"boolValue": plain}
        case int():
            return {"intValue": str(plain)}
        case float():
            return {"doubleValue": plain}
        case list():
            return {"arrayValue": {"values": [value(member) for member in plain]}}
        case dict():
            return {"kvlistValue": {"values": attributes(plain)}}
    return {"stringValue": plain}


def attributes(members: dict[str, Any]) -> list[Document]:
    return [{"key": key, "value": value(plain)} for key, plain in members.items()]


def number(**fields: object) -> Document:
    return {**TIMES, "asDouble": 1.5, **fields}


def metric(name: str, kind: str, *points: Document, **fields: object) -> Document:
    return {"name": name, kind: {"dataPoints": list(points), **fields}}


def request(*metrics: Document, **resource: object) -> Document:
    named = {key.replace("_", "."): plain for key, plain in resource.items()}
    return envelope(named or {"service.name": "shop"}, *metrics)


def envelope(resource: dict[str, Any], *metrics: Document) -> Document:
    scope = {"scope": {"name": "lib"}, "metrics": list(metrics)}
    resource_metrics = {"resource": {"attributes": attributes(resource)}, "scopeMetrics": [scope]}
    return {"resourceMetrics": [resource_metrics]}


def as_json(document: Document) -> bytes:
    return json.dumps(document).encode()


def as_proto(document: Document) -> bytes:
    message = json_format.ParseDict(document, ExportMetricsServiceRequest())
    return message.SerializeToString()


def by_series(samples: list[Sample]) -> list[Sample]:
    return sorted(samples, key=lambda s: (s.payload, s.ts_ms, s.series.stream_key, s.value))


def both(*documents: Document) -> Outcome:
    """Decode by both formats, six times over to meet what is cached, and hold them to be equal."""
    found = [
        decode("otlp-json", *map(as_json, documents)),
        decode("otlp-proto", *map(as_proto, documents)),
    ]
    assert by_series(found[0].samples) == by_series(found[1].samples)
    assert found[0].reasons == found[1].reasons
    again = decode("otlp-proto", *map(as_proto, documents * TURNS), together=False)
    for turn in range(TURNS):
        shifted = [s for s in again.samples if s.payload // len(documents) == turn]
        back = [s._replace(payload=s.payload % len(documents)) for s in shifted]
        assert back == found[1].samples
    assert [reason for _, reason in again.reasons] == [r for _, r in found[1].reasons] * TURNS
    return found[0]
