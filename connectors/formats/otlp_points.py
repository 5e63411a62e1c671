"""What a data point of OTLP becomes: one sample or several, each of a series of its own.

| point | series | reading |
|---|---|---|
| gauge, non-monotonic sum | `<name>` | plain |
| monotonic cumulative sum | `<name>` | counter "rate" |
| monotonic delta sum | `<name>` | the amount if the catalogue sums it, else the amount a second |
| delta histogram | `<name>` | "ratio" |
| | `<name>.count`, `<name>.sum` | as a delta sum |
| | `<name>.min`, `<name>.max` | plain |
| cumulative histogram | `<name>` | "mean" |
| | `<name>.count`, `<name>.sum` | "rate" |
| summary | as of a cumulative histogram; `<name>` with label `quantile=0.99` | plain |

A delta whose interval is not said (start 0, or not before the end) stays an amount.
"""

from enum import IntEnum
from typing import NamedTuple

from connectors.formats.reasons import UNSUPPORTED, BadPoint

NO_RECORDED_VALUE = 1  # bit of a point's flags: the series has ended
NOT_RECORDED = "the point says that no value was recorded"
NO_DATA = "a metric with no data of a known kind"
NO_VALUE = "neither asInt nor asDouble"


class Kind(IntEnum):
    """How the points of a metric are read."""

    GAUGE = 0
    TOTAL = 1  # monotonic, cumulative
    AMOUNT = 2  # monotonic, delta
    CUMULATIVE_HISTOGRAM = 3
    DELTA_HISTOGRAM = 4
    SUMMARY = 5


_DELTA, _CUMULATIVE = 1, 2  # AggregationTemporality


def kind_of_sum(temporality: int, monotonic: bool) -> Kind:
    """Return how a sum is read.

    Raises: BadPoint if its temporality is not said.
    """
    if temporality not in {_DELTA, _CUMULATIVE}:
        raise BadPoint(UNSUPPORTED, f"aggregationTemporality is {temporality!r}")
    if not monotonic:
        return Kind.GAUGE
    return Kind.TOTAL if temporality == _CUMULATIVE else Kind.AMOUNT


def kind_of_histogram(temporality: int) -> Kind:
    """Return how a histogram is read.

    Raises: BadPoint if its temporality is not said.
    """
    if temporality not in {_DELTA, _CUMULATIVE}:
        raise BadPoint(UNSUPPORTED, f"aggregationTemporality is {temporality!r}")
    return Kind.CUMULATIVE_HISTOGRAM if temporality == _CUMULATIVE else Kind.DELTA_HISTOGRAM


def is_timed(start_ns: int, time_ns: int) -> bool:
    """Say whether a point's interval is known."""
    return 0 < start_ns < time_ns


class Shape(NamedTuple):
    """Which statistics a histogram or summary carries beside its count."""

    sum: bool = True
    mean: bool = True
    min: bool = False
    max: bool = False
    quantiles: tuple[float, ...] = ()


class Group(NamedTuple):
    """One point of a histogram or summary."""

    observations: int
    sum: float | None = None
    min: float | None = None
    max: float | None = None
    quantiles: tuple[tuple[float, float], ...] = ()  # quantile and value

    def shape(self, kind: Kind) -> Shape:
        """Return what is read of it: of an interval without observations no more than its sum.

        The extremes of a cumulative histogram are those since its start, which says nothing new.
        """
        told = kind == Kind.DELTA_HISTOGRAM and self.observations > 0
        return Shape(
            self.sum is not None,
            self.sum is not None and (self.observations > 0 or kind != Kind.DELTA_HISTOGRAM),
            told and self.min is not None,
            told and self.max is not None,
            tuple(quantile for quantile, _ in self.quantiles),
        )

    def values(self, shape: Shape) -> list[tuple[float, float]]:
        """Return value and count of each series, in the order of `otlp_book.PointBook.group`."""
        found = [(float(self.observations), 0.0)]
        if self.sum is not None:
            found.append((self.sum, 0.0))
            if shape.mean:
                found.append((self.sum, float(self.observations)))
        if shape.min and self.min is not None:
            found.append((self.min, 0.0))
        if shape.max and self.max is not None:
            found.append((self.max, 0.0))
        found += [(value, 0.0) for _, value in self.quantiles]
        return found
