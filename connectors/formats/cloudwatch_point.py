"""A data point of a CloudWatch metric stream in OpenTelemetry 1.0: always a Summary."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from google.protobuf.message import DecodeError

from connectors.formats.flat_text import Pairs
from connectors.formats.lean_proto import declare
from connectors.formats.reasons import (
    COUNT_ZERO,
    MALFORMED_PROTOBUF,
    MISSING_FIELD,
    NO_STATISTIC,
    NOT_UTF8,
    UNSUPPORTED,
    WRONG_TYPE,
    BadPoint,
)

_CLASSES = declare(
    "foreshock.cloudwatch",
    {
        "Request": {"resource_metrics": (1, "repeated ResourceMetrics")},
        "ResourceMetrics": {"resource": (1, "bytes"), "scope_metrics": (2, "repeated Scope")},
        "Scope": {"metrics": (2, "repeated Metric")},
        "Metric": {"unit": (3, "bytes"), "summary": (11, "Summary")},
        "Summary": {"data_points": (1, "repeated Point")},
        "Point": {
            "labels_of_0_7": (1, "repeated bytes"),
            "time_unix_nano": (3, "fixed64"),
            "count": (4, "fixed64"),
            "sum": (5, "double"),
            "quantile_values": (6, "repeated Quantile"),
            "attributes": (7, "repeated bytes"),
        },
        "Quantile": {"quantile": (1, "double"), "value": (2, "double")},
        "Resource": {"attributes": (1, "repeated KeyValue")},
        "KeyValue": {"key": (1, "string"), "value": (2, "AnyValue")},
        "AnyValue": {"string_value": (1, "optional string"), "kvlist_value": (6, "KeyValueList")},
        "KeyValueList": {"values": (1, "repeated KeyValue")},
    },
)
REQUEST = _CLASSES["Request"]


class Quantile(Protocol):
    """A value and where it stands, both 0 where they are absent on the wire."""

    quantile: float
    value: float


class Point(Protocol):
    """A SummaryDataPoint; its attributes are raw, as what has been learnt of them is cached."""

    labels_of_0_7: Sequence[bytes]
    time_unix_nano: int
    count: int
    sum: float
    quantile_values: Sequence[Quantile]
    attributes: Sequence[bytes]


class _Summary(Protocol):
    data_points: Sequence[Point]


class _Metric(Protocol):
    unit: bytes
    summary: _Summary

    def HasField(self, field_name: str, /) -> bool: ...


class _Scope(Protocol):
    metrics: Sequence[_Metric]


class _ResourceMetrics(Protocol):
    resource: bytes
    scope_metrics: Sequence[_Scope]


class Request(Protocol):
    """An ExportMetricsServiceRequest."""

    resource_metrics: Sequence[_ResourceMetrics]


class _Value(Protocol):
    string_value: str
    kvlist_value: "_Pairs"

    def HasField(self, field_name: str, /) -> bool: ...


class _Pair(Protocol):
    key: str
    value: _Value


class _Pairs(Protocol):
    values: Sequence[_Pair]


_UNITS = {
    "s": "Second",
    "us": "Microseconds",
    "ms": "Milliseconds",
    "By": "Bytes",
    "kBy": "Kilobytes",
    "MBy": "Megabytes",
    "GBy": "Gigabytes",
    "TBy": "Terabytes",
    "bit": "Bits",
    "kbit": "Kilobits",
    "MBit": "Megabits",
    "GBit": "Gigabits",
    "Tbit": "Terabits",
    "%": "Percent",
    "{Count}": "Count",
    "1": "None",
}
_SAME = 1e-9  # quantiles closer than this are the same: 99.9 / 100 is not quite 0.999


class Datum(NamedTuple):
    """What a point is about, in CloudWatch's own words."""

    account: str
    region: str
    namespace: str
    metric: str
    dimensions: Pairs
    unit: str


def datum_of(resource: bytes, unit: bytes, point: Point) -> Datum:
    """Return whom a point measures.

    Raises: BadPoint; for a point of OpenTelemetry 0.7.0, whose labels have another field number.
    """
    if not point.attributes and point.labels_of_0_7:
        raise BadPoint(
            UNSUPPORTED, "OpenTelemetry 0.7.0: set the stream's output format to OpenTelemetry 1.0"
        )
    try:
        whole = _CLASSES["Resource"].FromString(resource)
        attributes = [_CLASSES["KeyValue"].FromString(raw) for raw in point.attributes]
    except DecodeError as ex:
        raise BadPoint(MALFORMED_PROTOBUF, "attributes") from ex
    origin = {pair.key: pair.value for pair in whole.attributes}
    about = {pair.key: pair.value for pair in attributes}
    dimensions = about.get("Dimensions")
    return Datum(
        _text(origin, "cloud.account.id"),
        _text(origin, "cloud.region"),
        _text(about, "Namespace"),
        _text(about, "MetricName"),
        () if dimensions is None else _pairs(dimensions),
        _vendor_unit(unit),
    )


def statistic_of(point: Point, name: str) -> float:
    """Return the statistic `name`; the mean stands in for a percentile that is not there.

    Raises: BadPoint.
    """
    count = point.count
    if count <= 0:
        raise BadPoint(COUNT_ZERO, f"count is {count!r}")
    match name:
        case "mean":
            return point.sum / count
        case "count":
            return float(count)
        case "sum":
            return point.sum
        case "min" | "max":
            wanted = 0.0 if name == "min" else 1.0
        case _:
            wanted = _quantile(name)
    for found in point.quantile_values:  # what is 0 is absent on the wire: protobuf's default
        if abs(found.quantile - wanted) < _SAME:
            return found.value
    if name in {"min", "max"}:
        raise BadPoint(NO_STATISTIC, f"no {name}")
    return point.sum / count


def _quantile(name: str) -> float:
    """Return 0.99 for "p99", -1 for what is no percentile."""
    try:
        return float(name[1:]) / 100 if name.startswith("p") else -1.0
    except ValueError:
        return -1.0


def _text(values: dict[str, _Value], key: str) -> str:
    value = values.get(key)
    if value is None:
        raise BadPoint(MISSING_FIELD, f"no attribute `{key}`")
    if not value.HasField("string_value"):
        raise BadPoint(WRONG_TYPE, f"attribute `{key}` is no string")
    return value.string_value


def _pairs(dimensions: _Value) -> Pairs:
    if dimensions.HasField("string_value"):
        raise BadPoint(WRONG_TYPE, "attribute `Dimensions` is no list of pairs")
    found = {pair.key: pair.value for pair in dimensions.kvlist_value.values}
    return tuple(sorted((key, _text(found, key)) for key in found))


def _vendor_unit(unit: bytes) -> str:
    """Return CloudWatch's name of a UCUM unit: "Bytes/Second" for "By/s"."""
    try:
        text = unit.decode()
    except UnicodeDecodeError as ex:
        raise BadPoint(NOT_UTF8, "the unit is not UTF-8") from ex
    if text == "s":
        return "Seconds"
    return "/".join(_UNITS.get(part, part) for part in text.split("/"))
