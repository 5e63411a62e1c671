"""A typed value of Cloud Monitoring."""

from typing import Literal

import msgspec

from connectors.formats.numbers import number
from connectors.formats.reasons import (
    COUNT_ZERO,
    MISSING_FIELD,
    NO_STATISTIC,
    UNSUPPORTED,
    BadPoint,
)

Reading = Literal["", "rate", "mean"]

_Number = float | str | None


class _Range(msgspec.Struct, gc=False):
    min: _Number = None
    max: _Number = None


class Distribution(msgspec.Struct, gc=False):
    """Proto JSON leaves out what is 0. Buckets are not read."""

    count: _Number = None
    mean: _Number = None
    range: _Range | None = None


class Value(msgspec.Struct, gc=False, rename="camel"):
    """One of them is set."""

    double_value: _Number = None
    int64_value: _Number = None
    bool_value: bool | None = None
    string_value: str | None = None
    distribution_value: Distribution | None = None


def value_of(value: Value, statistic: str) -> float:
    """Return the number that `statistic` asks for; a scalar answers every statistic.

    Raises: BadPoint.
    """
    if value.double_value is not None:
        return number(value.double_value, "doubleValue")
    if value.int64_value is not None:
        return number(value.int64_value, "int64Value")
    if value.distribution_value is not None:
        return _of_distribution(value.distribution_value, statistic)
    if value.bool_value is not None:
        return float(value.bool_value)
    if value.string_value is not None:
        raise BadPoint(UNSUPPORTED, "stringValue is no number")
    raise BadPoint(MISSING_FIELD, "no value of a known type")


def counter_of(value: Value) -> Reading:
    """Return how a value that counts since its start time is differenced."""
    return "rate" if value.distribution_value is None else "mean"


def reading_of(value: Value, statistic: str) -> tuple[float, float]:
    """Return a counter's reading, and the count behind it for a mean.

    Of a distribution that is its sum, the count itself where the catalogue asks for it. Its
    `range` is that of all time, so the mean stands in for `min` and `max`.
    Raises: BadPoint.
    """
    found = value.distribution_value
    if found is None:
        return value_of(value, statistic), 0.0
    count, mean = _count_and_mean(found)
    if count < 0:
        raise BadPoint(COUNT_ZERO, f"distributionValue.count is {count!r}")
    if statistic == "count":
        return count, 0.0
    return mean * count, 0.0 if statistic == "sum" else count


def _count_and_mean(found: Distribution) -> tuple[float, float]:
    count = 0.0 if found.count is None else number(found.count, "distributionValue.count")
    mean = 0.0 if found.mean is None else number(found.mean, "distributionValue.mean")
    return count, mean


def _of_distribution(found: Distribution, statistic: str) -> float:
    count, mean = _count_and_mean(found)
    if count <= 0:
        raise BadPoint(COUNT_ZERO, f"distributionValue.count is {count!r}")
    match statistic:
        case "count":
            return count
        case "sum":
            return mean * count
        case "min" | "max":
            edge = None if found.range is None else getattr(found.range, statistic)
            if edge is None:
                raise BadPoint(NO_STATISTIC, f"no distributionValue.range.{statistic}")
            return number(edge, f"distributionValue.range.{statistic}")
    return mean
