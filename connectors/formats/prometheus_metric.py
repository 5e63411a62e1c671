"""How a Prometheus series is read, by its name alone: neither format says what type it has.

| name | read as |
|---|---|
| `x_total` | a counter, under its own name |
| `x_count`, `x_sum` | counters, as `x.count` and `x.sum` unless the catalogue knows the name |
| `x_bucket` | a counter; the buckets (`le`) of a histogram are parts of one series: context |
| all else | a gauge; the `quantile` of a summary is a label |
"""

from collections.abc import Hashable, Mapping
from typing import NamedTuple, TypeVar

from connectors.formats.flat_text import Pairs
from connectors.formats.labelled import labelled_spec
from connectors.formats.prometheus_target import target_of
from connectors.formats.reasons import MISSING_FIELD, BadPoint
from connectors.formats.series_book import SeriesBook
from schema import Resource

K = TypeVar("K", bound=Hashable)

# Gauges of widespread exporters that are named like counters.
_GAUGES = frozenset({"pg_stat_activity_count", "pg_locks_count", "system_cpu_count"})
_HALVES = ("_count", "_sum")
_COUNTERS = ("_total", "_bucket", *_HALVES)
_UNITS = {
    "seconds": "s",
    "milliseconds": "ms",
    "bytes": "bytes",
    "ratio": "ratio",
    "percent": "percent",
    "celsius": "celsius",
}


class Half(NamedTuple):
    """What a histogram's (or summary's) sum and its count share: together they are its mean."""

    metric: str  # without the ending
    resource: Resource
    labels: Pairs


def series_slot(book: SeriesBook[K], labels: Mapping[str, str]) -> tuple[int, str, Half | None]:
    """Return the slot of a series, its ending if that makes it a counter, and what it is half of.

    Raises: BadPoint if it has no name.
    """
    name = labels.get("__name__", "")
    if not name:
        raise BadPoint(MISSING_FIELD, "no label `__name__`")
    ending = next((e for e in _COUNTERS if name.endswith(e)), "")
    if name in _GAUGES or len(name) == len(ending):
        ending = ""
    resource, rest = target_of(name, labels, book.catalogue)
    base = name.removesuffix(ending)
    unit = "" if ending in {"_count", "_bucket"} else _UNITS.get(base.rsplit("_", 1)[-1], "")
    streams = tuple(pair for pair in rest if ending == "_bucket" and pair[0] == "le")
    rest = tuple(pair for pair in rest if pair not in streams)
    spec, own, parts = labelled_spec(book.catalogue, resource.service, name, rest)
    half = None
    if ending in _HALVES:
        half = Half(base, resource, rest)
        if spec.metric == name:  # nobody knows it
            spec, own, parts = labelled_spec(
                book.catalogue, resource.service, f"{base}.{ending[1:]}", rest
            )
    slot = book.slot(
        resource,
        spec,
        unit,
        own,
        parts=tuple(sorted((*parts, *streams))),
        counter="rate" if ending else "",
        source=name,
    )
    return slot, ending, half


def mean_slot(book: SeriesBook[K], half: Half) -> int:
    """Return the slot of the mean that a sum and a count make."""
    catalogue, service = book.catalogue, half.resource.service
    spec, labels, parts = labelled_spec(catalogue, service, half.metric, half.labels)
    unit = _UNITS.get(half.metric.rsplit("_", 1)[-1], "")
    return book.slot(
        half.resource, spec, unit, labels, parts=parts, counter="mean", source=half.metric
    )
