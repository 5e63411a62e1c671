"""The fuzzer's formats: how payloads are made, and which may lawfully come to nothing."""

import json
from typing import Any

import cramjam

from tests.fuzz.agent_payloads import WRITE_REQUEST, prometheus_json, remote_write, telegraf
from tests.fuzz.cases import Format
from tests.fuzz.cloud_payloads import azure, cloudwatch, foreshock, gcp
from tests.fuzz.otlp_payloads import REQUEST, cloudwatch_otel, otlp_json, otlp_proto
from tests.fuzz.wire import BadWire, Node

_ANY = (
    b"", b" ", b"\n\n", b"{}", b"[]", b"null", b"0", b'""', b"[[]]", b"[{}]", b"[null]", b"{}\n{}",
    b"\x00", b"\xef\xbb\xbf", b"\xff\xfe{\x00}\x00", b"true", b"{", b'{"":{}}',
)  # fmt: skip
_NUMBERS = ("gauge", "sum", "histogram", "exponentialHistogram", "summary")


def _envelopes(key: str) -> tuple[bytes, ...]:
    insides = ("[]", "null", "{}", "[null]", "[[]]", "[{}]", "0", '""', f'{{"{key}":[]}}')
    return (*_ANY, *(f'{{"{key}":{inside}}}'.encode() for inside in insides))


def _never(data: bytes) -> bool:
    return False


def _documents(data: bytes) -> list[Any] | None:
    """Return the documents of a payload: one, or one a line; None if one is no JSON."""
    text = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return [json.loads(text)]
    except (ValueError, RecursionError):
        pass
    try:
        return [json.loads(line) for line in text.split(b"\n") if line.strip()]
    except (ValueError, RecursionError):
        return None


def _members(value: object, key: str) -> list[Any]:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []


def _no_otlp_points(data: bytes) -> bool:
    documents = _documents(data)
    return documents is not None and not any(
        _members(metric.get(kind), "dataPoints")
        for document in documents
        for resource in _members(document, "resourceMetrics")
        for scope in _members(resource, "scopeMetrics")
        for metric in _members(scope, "metrics")
        if isinstance(metric, dict)
        for kind in _NUMBERS
    )


def _no_otlp_points_on_wire(data: bytes) -> bool:
    try:
        return not list(Node(data, REQUEST).units())
    except BadWire:
        return False


def _only_metadata(data: bytes) -> bool:
    try:
        root = Node(bytes(cramjam.snappy.decompress_raw(data)), WRITE_REQUEST)
        return any(field.number == 3 for field in root.fields) and not list(root.units())
    except (BadWire, cramjam.DecompressionError):
        return False


def _no_numbers(data: bytes) -> bool:
    """Say whether a payload of Telegraf's holds metrics, and none with a number."""
    documents = _documents(data)
    if not documents:
        return False
    metrics: list[Any] = []
    for document in documents:
        for each in document if isinstance(document, list) else [document]:
            inner = _members(each, "metrics")
            metrics += inner or [each]
    fields = [m.get("fields") for m in metrics if isinstance(m, dict)]
    return all(
        isinstance(each, dict)
        and each
        and not any(isinstance(v, int | float) for v in each.values())
        for each in fields
    )


FUZZED: dict[str, Format] = {
    "azure-monitor": Format(azure, _envelopes("records"), _never),
    "cloudwatch-json": Format(cloudwatch, _ANY, _never),
    "cloudwatch-otel": Format(cloudwatch_otel, _ANY, _never),
    "foreshock-json": Format(foreshock, _ANY, _never),
    "gcp-timeseries": Format(gcp, (*_envelopes("timeSeries"), *_envelopes("message")), _never),
    "otlp-json": Format(otlp_json, _envelopes("resourceMetrics"), _no_otlp_points),
    "otlp-proto": Format(otlp_proto, (*_ANY, b"\x0a\x00"), _no_otlp_points_on_wire),
    "prometheus-json": Format(prometheus_json, _ANY, _never),
    "prometheus-remote-write": Format(
        remote_write, (*_ANY, b"\x00", b"\x02\x04\x1a\x00"), _only_metadata
    ),
    "telegraf-json": Format(telegraf, _envelopes("metrics"), _no_numbers),
}
