"""OTLP's protobuf messages, with no more than is read of them, and attributes of raw bytes.

Source: opentelemetry-proto 1.x, metrics/v1/metrics.proto.
"""

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from connectors.formats.lean_proto import declare
from connectors.formats.otlp_value import Plain, texts
from connectors.formats.reasons import MALFORMED_PROTOBUF, BadPoint

_TIMES = {"start_time_unix_nano": (2, "fixed64"), "time_unix_nano": (3, "fixed64")}
_DISTRIBUTION = {**_TIMES, "count": (4, "fixed64"), "flags": (10, "uint32")}

_CLASSES = declare(
    "foreshock.otlp",
    {
        "Request": {"resource_metrics": (1, "repeated bytes")},
        "ResourceMetrics": {
            "resource": (1, "bytes"),
            "scope_metrics": (2, "repeated ScopeMetrics"),
        },
        "ScopeMetrics": {"metrics": (2, "repeated bytes")},
        "Metric": {
            "name": (1, "bytes"),
            "unit": (3, "bytes"),
            "gauge": (5, "optional Numbers"),
            "sum": (7, "optional Numbers"),
            "histogram": (9, "optional Histogram"),
            "exponential_histogram": (10, "optional ExponentialHistogram"),
            "summary": (11, "optional Summary"),
        },
        # A gauge is a sum without the last two.
        "Numbers": {
            "data_points": (1, "repeated bytes"),
            "aggregation_temporality": (2, "uint32"),
            "is_monotonic": (3, "bool"),
        },
        "Number": {
            **_TIMES,
            "as_double": (4, "optional double"),
            "as_int": (6, "optional sfixed64"),
            "attributes": (7, "repeated bytes"),
            "flags": (8, "uint32"),
        },
        "Histogram": {
            "data_points": (1, "repeated bytes"),
            "aggregation_temporality": (2, "uint32"),
        },
        "HistogramPoint": {
            **_DISTRIBUTION,
            "sum": (5, "optional double"),
            "explicit_bounds": (7, "bytes"),  # packed
            "attributes": (9, "repeated bytes"),
            "min": (11, "optional double"),
            "max": (12, "optional double"),
        },
        "ExponentialHistogram": {
            "data_points": (1, "repeated ExponentialPoint"),
            "aggregation_temporality": (2, "uint32"),
        },
        "ExponentialPoint": {
            **_DISTRIBUTION,
            "attributes": (1, "repeated bytes"),
            "sum": (5, "optional double"),
            "min": (12, "optional double"),
            "max": (13, "optional double"),
        },
        "Summary": {"data_points": (1, "repeated SummaryPoint")},
        "SummaryPoint": {
            **_TIMES,
            "count": (4, "fixed64"),
            "sum": (5, "double"),
            "quantile_values": (6, "repeated Quantile"),
            "attributes": (7, "repeated bytes"),
            "flags": (8, "uint32"),
        },
        "Quantile": {"quantile": (1, "double"), "value": (2, "double")},
    },
)

Request = _CLASSES["Request"]
ResourceMetrics = _CLASSES["ResourceMetrics"]
Metric = _CLASSES["Metric"]
Number = _CLASSES["Number"]
HistogramPoint = _CLASSES["HistogramPoint"]


def parse_resource(raw: bytes) -> dict[str, str]:
    """Return the attributes of a resource as text.

    Raises: BadPoint.
    """
    try:
        found = Resource.FromString(raw)
    except DecodeError as ex:
        raise BadPoint(MALFORMED_PROTOBUF, f"resource: {ex}") from ex
    return texts({pair.key: _plain(pair.value) for pair in found.attributes})


def parse_attributes(raw: list[bytes]) -> dict[str, str]:
    """Return the attributes of a point as text.

    Raises: BadPoint.
    """
    try:
        pairs = [KeyValue.FromString(one) for one in raw]
    except DecodeError as ex:
        raise BadPoint(MALFORMED_PROTOBUF, f"attributes: {ex}") from ex
    return texts({pair.key: _plain(pair.value) for pair in pairs})


def _plain(value: AnyValue) -> Plain:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_plain(member) for member in value.array_value.values]
    if kind == "kvlist_value":
        return {pair.key: _plain(pair.value) for pair in value.kvlist_value.values}
    found: Plain = None if kind is None else getattr(value, kind)
    return found
