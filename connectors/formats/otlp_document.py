"""OTLP's JSON documents: what is read of them, and their good points where some are bad."""

from typing import TypeVar

import msgspec

from connectors.formats.numbers import number
from connectors.formats.otlp_value import Plain, texts
from connectors.formats.reasons import PARSE_ERRORS, WRONG_SHAPE, WRONG_TYPE, BadPoint, explain

T = TypeVar("T")

NOTHING = msgspec.Raw()

Whole = int | str | None  # 64-bit integers are text or numbers, and never floats
Real = float | str | None


class _Lean(msgspec.Struct, gc=False, rename="camel"):
    pass


class Number(_Lean, gc=False):
    """A point of a gauge or sum."""

    attributes: msgspec.Raw = NOTHING
    start_time_unix_nano: Whole = None
    time_unix_nano: Whole = None
    as_double: Real = None
    as_int: Real = None
    flags: int | None = None


class Numbers(_Lean, gc=False):
    """A gauge, or a sum."""

    data_points: list[Number] | None = None
    aggregation_temporality: int | str | None = None
    is_monotonic: bool | None = None


class Quantile(_Lean, gc=False):
    """Proto JSON leaves out what is 0."""

    quantile: Real = None
    value: Real = None


class Distribution(_Lean, gc=False):
    """A point of a histogram of either kind, or of a summary. Buckets are not read."""

    attributes: msgspec.Raw = NOTHING
    start_time_unix_nano: Whole = None
    time_unix_nano: Whole = None
    count: Whole = None
    sum: Real = None
    min: Real = None
    max: Real = None
    quantile_values: list[Quantile] | None = None
    flags: int | None = None


class Distributions(_Lean, gc=False):
    """A histogram of either kind, or a summary."""

    data_points: list[Distribution] | None = None
    aggregation_temporality: int | str | None = None


class Metric(_Lean, gc=False):
    """A metric; one of the five is set."""

    name: str | None = None
    unit: str | None = None
    gauge: Numbers | None = None
    sum: Numbers | None = None
    histogram: Distributions | None = None
    exponential_histogram: Distributions | None = None
    summary: Distributions | None = None


class ScopeMetrics(_Lean, gc=False):
    """The metrics of one library."""

    metrics: list[Metric] | None = None


class ResourceMetrics(_Lean, gc=False):
    """The metrics of one resource."""

    resource: msgspec.Raw = NOTHING
    scope_metrics: list[ScopeMetrics] | None = None


class Request(_Lean, gc=False):
    """An ExportMetricsServiceRequest."""

    resource_metrics: list[ResourceMetrics] | msgspec.UnsetType | None = msgspec.UNSET


class _AnyValue(_Lean):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: Whole = None
    double_value: Real = None
    array_value: "_Array | None" = None
    kvlist_value: "_Attributes | None" = None
    bytes_value: str | None = None


class _Array(_Lean):
    values: list[_AnyValue] | None = None


class _KeyValue(_Lean):
    key: str = ""
    value: _AnyValue | None = None


class _Attributes(_Lean):
    values: list[_KeyValue] | None = None


class _Resource(_Lean):
    attributes: list[_KeyValue] | None = None


_RESOURCE = msgspec.json.Decoder(_Resource | None)
_ATTRIBUTES = msgspec.json.Decoder(list[_KeyValue] | None)


def parse_resource(raw: bytes) -> dict[str, str]:
    """Return the attributes of a resource as text.

    Raises: BadPoint.
    """
    found = _decoded(_RESOURCE, raw, "resource")
    return {} if found is None else _texts(found.attributes)


def parse_attributes(raw: bytes) -> dict[str, str]:
    """Return the attributes of a point as text.

    Raises: BadPoint.
    """
    return _texts(_decoded(_ATTRIBUTES, raw, "attributes"))


def _decoded(decoder: "msgspec.json.Decoder[T | None]", raw: bytes, where: str) -> T | None:
    if not raw:
        return None
    try:
        return decoder.decode(raw)
    except PARSE_ERRORS as ex:
        reason, detail = explain(raw, ex)
        reason = WRONG_TYPE if reason == WRONG_SHAPE else reason
        raise BadPoint(reason, f"{where}: {detail}") from ex


def _texts(pairs: list[_KeyValue] | None) -> dict[str, str]:
    return texts({pair.key: _plain(pair.value) for pair in pairs or ()})


def _plain(value: _AnyValue | None) -> Plain:
    if value is None:
        return None
    if value.array_value is not None:
        return [_plain(member) for member in value.array_value.values or ()]
    if value.kvlist_value is not None:
        return {pair.key: _plain(pair.value) for pair in value.kvlist_value.values or ()}
    if value.int_value is not None:
        return whole(value.int_value, "intValue")
    if value.double_value is not None:
        return real(value.double_value, "doubleValue")
    text = value.string_value if value.string_value is not None else value.bytes_value
    return value.bool_value if text is None else text


_MAX_DIGITS = 20
_NOT_FINITE = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def real(value: float | str, where: str) -> float:
    """Return a double, which may be text and need not be finite.

    Raises: BadPoint for text that is no number.
    """
    if not isinstance(value, str):
        return float(value)
    found = _NOT_FINITE.get(value)
    return number(value, where) if found is None else found


def whole(value: int | str, where: str) -> int:
    """Return a 64-bit integer, which may be text.

    Raises: BadPoint for text that is no integer (`int` itself takes "1_0" and " 1 ").
    """
    if not isinstance(value, str):
        return value
    digits = value.removeprefix("-")
    if len(digits) > _MAX_DIGITS or not (digits.isascii() and digits.isdigit()):
        raise BadPoint(WRONG_TYPE, f"{where} is no 64-bit integer: {value[:50]!r}")
    return int(value)
