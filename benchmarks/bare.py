"""What anyone pays to read a message at all: bytes to Python objects, or to protobuf messages."""

import json
from collections.abc import Callable, Sequence
from types import GenericAlias
from typing import Any

import cramjam
import msgspec
import orjson
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from benchmarks.messages import WRITE

Reader = Callable[[Sequence[bytes]], None]

_MAPS = frozenset({"dimensions", "attributes", "labels", "tags", "fields"})


def readers(format_name: str, sample: bytes) -> dict[str, Reader]:
    """Return the bare readers of a format by name, that to be compared with first."""
    if format_name == "otlp-proto":
        return {"protobuf": _otlp, "looked at": _otlp_looked_at}
    if format_name == "cloudwatch-otel":
        return {"protobuf": _delimited}
    if format_name == "prometheus-remote-write":
        return {"protobuf": _snappy, "looked at": _snappy_looked_at}
    typed = msgspec.json.Decoder(_type_of(json.loads(sample.split(b"\n")[0])))
    return {
        "msgspec": _lines(msgspec.json.decode),
        "typed": _lines(typed.decode),
        "orjson": _lines(orjson.loads),
        "json": _lines(json.loads),
    }


def _lines(decode: Callable[[bytes], object]) -> Reader:
    def read(payloads: Sequence[bytes]) -> None:
        for payload in payloads:
            for line in payload.split(b"\n"):
                decode(line)

    return read


def _type_of(value: object, name: str = "") -> Any:  # noqa: ANN401 - a type, made at run time
    """Return a type that a document decodes to: a struct an object, with all of its fields."""
    if isinstance(value, dict):
        if name in _MAPS:
            return GenericAlias(dict, (str, _type_of(next(iter(value.values())))))
        fields: list[tuple[str, Any, Any]] = [
            (f"f{i}", _type_of(member, key) | None, None)
            for i, (key, member) in enumerate(value.items())
        ]
        names = {f"f{i}": key for i, key in enumerate(value)}
        return msgspec.defstruct("Made", fields, rename=names, gc=False)
    if isinstance(value, list):
        return GenericAlias(list, (_merged(value),))
    return float if type(value) is int else type(value)


def _merged(members: list[Any]) -> Any:  # noqa: ANN401 - as above
    if members and isinstance(members[0], dict):
        return _type_of({key: value for member in members for key, value in member.items()})
    return _type_of(members[0])


def _otlp(payloads: Sequence[bytes]) -> None:
    for payload in payloads:
        ExportMetricsServiceRequest.FromString(payload)


def _otlp_looked_at(payloads: Sequence[bytes]) -> None:
    """Read the points' values and attributes too: a parsed message is no Python object yet."""
    for payload in payloads:
        for resource in ExportMetricsServiceRequest.FromString(payload).resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    data = getattr(metric, metric.WhichOneof("data") or "gauge")
                    for point in data.data_points:
                        about = {pair.key: pair.value.string_value for pair in point.attributes}
                        value = point.sum if hasattr(point, "sum") else point.as_double
                        _ = (about, value, point.time_unix_nano, point.start_time_unix_nano)


def _snappy_looked_at(payloads: Sequence[bytes]) -> None:
    """Read the samples and labels too."""
    for payload in payloads:
        request = WRITE["WriteRequest"].FromString(bytes(cramjam.snappy.decompress_raw(payload)))
        for series in request.timeseries:
            _ = {label.name: label.value for label in series.labels}
            _ = [(sample.value, sample.timestamp) for sample in series.samples]


def _delimited(payloads: Sequence[bytes]) -> None:
    for payload in payloads:
        at = 0
        while at < len(payload):
            length = shift = 0
            while payload[at] > 0x7F:
                length |= (payload[at] & 0x7F) << shift
                shift, at = shift + 7, at + 1
            length |= payload[at] << shift
            ExportMetricsServiceRequest.FromString(payload[at + 1 : at + 1 + length])
            at += 1 + length


def _snappy(payloads: Sequence[bytes]) -> None:
    for payload in payloads:
        WRITE["WriteRequest"].FromString(bytes(cramjam.snappy.decompress_raw(payload)))
