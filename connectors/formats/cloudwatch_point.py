"""Data points of a CloudWatch metric stream in OpenTelemetry 1.0: always Summaries.

Nearly all are written alike, start, time, count and sum first, then quantiles, then attributes:
`0x11 start 0x19 time 0x21 count 0x29 sum (0x32 quantile)* (0x3a attribute)*`, without the sum
where it is 0. So the first 36 bytes are the numbers, and the attributes, the same bytes point after
point, are the key to what has been learnt of them.
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from google.protobuf.message import DecodeError

from connectors.formats.flat_text import Pairs
from connectors.formats.lean_proto import declare
from connectors.formats.reasons import (
    MALFORMED_PROTOBUF,
    MISSING_FIELD,
    NO_STATISTIC,
    NOT_UTF8,
    UNSUPPORTED,
    WRONG_TYPE,
    BadPoint,
)

_QUANTILE_TAG = 0x32
_MORE = 0x80  # of a varint's byte: another one follows
_HEAD = struct.Struct("<BQBQBQBd")
_TWO_BYTES = 1 << 14  # a length that a varint of two bytes cannot hold
_SHORT = 27  # bytes of a head without its sum
_NO_SUM = b"\x29" + bytes(8)
_NUMBERS = np.dtype(
    [("t0", "u1"), ("start", "<u8"), ("t1", "u1"), ("time", "<u8"),
     ("t2", "u1"), ("count", "<u8"), ("t3", "u1"), ("sum", "<f8")]
)  # fmt: skip

_CLASSES = declare(
    "foreshock.cloudwatch",
    {
        "Request": {"resource_metrics": (1, "repeated ResourceMetrics")},
        "ResourceMetrics": {"resource": (1, "bytes"), "scope_metrics": (2, "repeated Scope")},
        "Scope": {"metrics": (2, "repeated Metric")},
        "Metric": {"unit": (3, "bytes"), "summary": (11, "optional bytes")},
        "Summary": {"data_points": (1, "repeated bytes")},
        "Point": {
            "labels_of_0_7": (1, "repeated bytes"),
            "start_time_unix_nano": (2, "fixed64"),
            "time_unix_nano": (3, "fixed64"),
            "count": (4, "fixed64"),
            "sum": (5, "double"),
            "quantile_values": (6, "repeated bytes"),
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


class _Metric(Protocol):
    unit: bytes
    summary: bytes

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


def points_of(summary: bytes) -> Sequence[bytes]:
    """Return the points of a Summary, raw: protobuf's wrappers would cost more than all else.

    Raises: BadPoint.
    """
    points: list[bytes] = []
    at = 0
    try:
        while at < len(summary) and summary[at] == 0x0A:
            size, start = summary[at + 1], at + 2
            if size >= _MORE:
                size, start = size & ~_MORE | summary[start] << 7, start + 1
                if size >= _TWO_BYTES:
                    break
            at = start + size
            points.append(summary[start:at])
    except IndexError:
        at = -1
    if at == len(summary):
        return points
    try:
        found: Sequence[bytes] = _CLASSES["Summary"].FromString(summary).data_points
    except DecodeError as ex:
        raise BadPoint(MALFORMED_PROTOBUF, "no Summary") from ex
    return found


def split(raw: bytes) -> tuple[bytes, bytes]:
    """Return head and attributes of a point that is written as most are, else no attributes."""
    try:
        if raw[0] != 0x11 or raw[9] != 0x19 or raw[18] != 0x21:
            return b"", b""
        if raw[_SHORT] == 0x29:
            head, at = raw[: _HEAD.size], _HEAD.size
        else:
            head, at = raw[:_SHORT] + _NO_SUM, _SHORT
        while raw[at] == _QUANTILE_TAG and raw[at + 1] < _MORE:
            at += 2 + raw[at + 1]
    except IndexError:
        return b"", b""
    return head, raw[at:]


def parse_point(raw: bytes) -> tuple[bytes, bytes]:
    """Return the head and the attributes of a point, however it is written.

    Raises: BadPoint; for a point of OpenTelemetry 0.7.0 too, whose labels have another number.
    """
    try:
        found = _CLASSES["Point"].FromString(raw)
    except DecodeError as ex:
        raise BadPoint(MALFORMED_PROTOBUF, "no SummaryDataPoint") from ex
    if found.labels_of_0_7 and not found.attributes:
        raise BadPoint(
            UNSUPPORTED, "OpenTelemetry 0.7.0: set the stream's output format to OpenTelemetry 1.0"
        )
    numbers = (found.start_time_unix_nano, found.time_unix_nano, found.count, found.sum)
    tagged = [item for pair in zip((0x11, 0x19, 0x21, 0x29), numbers, strict=True) for item in pair]
    only = _CLASSES["Point"](attributes=found.attributes)
    return _HEAD.pack(*tagged), only.SerializeToString()


def numbers_of(heads: Sequence[bytes]) -> npt.NDArray[np.void]:
    """Return start, time, count and sum of points, by name."""
    return np.frombuffer(b"".join(heads), _NUMBERS)


def datum_of(resource: bytes, unit: bytes, attributes: bytes) -> Datum:
    """Return whom the points with these attributes measure.

    Raises: BadPoint.
    """
    try:
        whole = _CLASSES["Resource"].FromString(resource)
        raws = _CLASSES["Point"].FromString(attributes).attributes
        own = [_CLASSES["KeyValue"].FromString(raw) for raw in raws]
    except DecodeError as ex:
        raise BadPoint(MALFORMED_PROTOBUF, "attributes") from ex
    origin = {pair.key: pair.value for pair in whole.attributes}
    about = {pair.key: pair.value for pair in own}
    dimensions = about.get("Dimensions")
    return Datum(
        _text(origin, "cloud.account.id"),
        _text(origin, "cloud.region"),
        _text(about, "Namespace"),
        _text(about, "MetricName"),
        () if dimensions is None else _pairs(dimensions),
        _vendor_unit(unit),
    )


def quantile_of(raw: bytes, statistic: str) -> float | None:
    """Return a minimum, maximum or percentile of a point; None if a percentile is not there.

    Raises: BadPoint.
    """
    wanted = {"min": 0.0, "max": 1.0}.get(statistic, _quantile(statistic))
    try:
        values = _CLASSES["Point"].FromString(raw).quantile_values
        for found in map(_CLASSES["Quantile"].FromString, values):
            # What is 0 is absent on the wire: an empty ValueAtQuantile is a minimum of 0.
            if abs(found.quantile - wanted) < _SAME:
                return float(found.value)
    except DecodeError as ex:
        raise BadPoint(MALFORMED_PROTOBUF, "no ValueAtQuantile") from ex
    if statistic in {"min", "max"}:
        raise BadPoint(NO_STATISTIC, f"no {statistic}")
    return None


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
