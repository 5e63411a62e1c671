"""`otlp-json`: an ExportMetricsServiceRequest a message or line, as JSON."""

from collections.abc import Sequence
from functools import partial

import msgspec

from connectors.formats.columns import RejectRow
from connectors.formats.json_lines import LineReader
from connectors.formats.otlp_book import PointBook, Points
from connectors.formats.otlp_document import (
    Distribution,
    Distributions,
    Metric,
    Number,
    Numbers,
    Request,
    Whole,
    parse_attributes,
    parse_resource,
    real,
    whole,
)
from connectors.formats.otlp_points import (
    NO_DATA,
    NO_RECORDED_VALUE,
    NO_VALUE,
    NOT_RECORDED,
    Group,
    Kind,
    is_timed,
    kind_of_histogram,
    kind_of_sum,
)
from connectors.formats.otlp_salvage import salvage
from connectors.formats.reasons import (
    BAD_TIME,
    MISSING_FIELD,
    STALE,
    UNSUPPORTED,
    WRONG_SHAPE,
    WRONG_TYPE,
    BadPoint,
)
from connectors.formats.settings import DecodeSettings
from schema import Catalogue, Decoded, SeriesTable

_MAX_TIMES = 65_536
_EMPTY_OBJECTS = b" \t\r\n{}\xef\xbb\xbf"
_TEMPORALITY = {
    "AGGREGATION_TEMPORALITY_UNSPECIFIED": 0,
    "AGGREGATION_TEMPORALITY_DELTA": 1,
    "AGGREGATION_TEMPORALITY_CUMULATIVE": 2,
}


class OtlpJson:
    """Decoder of one partition. Memory: the table's series and bounded caches."""

    def __init__(self, catalogue: Catalogue, settings: DecodeSettings) -> None:
        self._read = LineReader(Request, settings.max_payload_bytes, salvage)
        self._points = PointBook(catalogue, settings, parse_resource)
        self._book = self._points.book
        self._times: dict[Whole, int] = {}

    def __call__(self, payloads: Sequence[bytes], table: SeriesTable) -> Decoded:
        """See schema.Decoder."""
        self._points.bind(table)
        requests, owner, rejects = self._read(payloads)
        points = Points()
        for request, i in zip(requests, owner.tolist(), strict=True):
            if request.resource_metrics is msgspec.UNSET:
                if payloads[i].strip(_EMPTY_OBJECTS):
                    rejects.append((i, WRONG_SHAPE, "an object without resourceMetrics"))
                continue
            for resource_metrics in request.resource_metrics or ():
                resource = bytes(resource_metrics.resource)
                for scope_metrics in resource_metrics.scope_metrics or ():
                    for metric in scope_metrics.metrics or ():
                        self._add(points, resource, metric, i, rejects)
        return self._points.decoded(*points.columns(), rejects)

    def _add(
        self, points: Points, resource: bytes, metric: Metric, i: int, rejects: list[RejectRow]
    ) -> None:
        """Add the points of a metric, or a reject for each that is bad."""
        numbers = metric.sum or metric.gauge
        if numbers is not None:
            self._add_numbers(points, resource, metric, numbers, i, rejects)
        groups = metric.histogram or metric.exponential_histogram or metric.summary
        if groups is not None:
            self._add_groups(points, resource, metric, groups, i, rejects)
        elif numbers is None and metric.name:
            rejects.append((i, UNSUPPORTED, NO_DATA))

    def _add_numbers(
        self, points: Points, resource: bytes, metric: Metric, data: Numbers, i: int,
        rejects: list[RejectRow],
    ) -> None:  # fmt: skip
        found = data.data_points or ()
        try:
            kind = Kind.GAUGE
            if metric.sum is not None:
                kind = kind_of_sum(_temporality(data), bool(data.is_monotonic))
            context = self._points.context(resource, metric.name or "", metric.unit or "", kind)
        except BadPoint as ex:
            rejects += [(i, *ex.fault)] * len(found)
            return
        get, number = self._book.identities.get, context.number
        for point in found:
            try:
                raw = bytes(point.attributes)
                slot = get((number, raw))
                if point.flags:
                    _check_recorded(point.flags)
                value, start = _value(point), point.start_time_unix_nano
                time_ns = self._time(point.time_unix_nano)
                start_ns = 0 if start is None else self._time(start)
                if slot is None:
                    parse, timed = partial(parse_attributes, raw), is_timed(start_ns, time_ns)
                    slot = self._points.number(context, raw, parse, timed=timed)
            except BadPoint as ex:
                rejects.append((i, *ex.fault))
                continue
            points.add(slot, time_ns, start_ns, value, i)

    def _add_groups(
        self, points: Points, resource: bytes, metric: Metric, data: Distributions, i: int,
        rejects: list[RejectRow],
    ) -> None:  # fmt: skip
        found = data.data_points or ()
        try:
            kind = Kind.SUMMARY
            if data is not metric.summary:
                kind = kind_of_histogram(_temporality(data))
            context = self._points.context(resource, metric.name or "", metric.unit or "", kind)
        except BadPoint as ex:
            rejects += [(i, *ex.fault)] * len(found)
            return
        for point in found:
            try:
                if point.flags:
                    _check_recorded(point.flags)
                group = _group(point, kind)
                time_ns = self._time(point.time_unix_nano)
                start_ns = self._time(point.start_time_unix_nano)
                shape = group.shape(kind)
                raw = bytes(point.attributes)
                parse, timed = partial(parse_attributes, raw), is_timed(start_ns, time_ns)
                slots = self._points.group(context, raw, parse, shape, timed=timed)
            except BadPoint as ex:
                rejects.append((i, *ex.fault))
                continue
            points.add_group(slots, time_ns, start_ns, group, shape, i)

    def _time(self, value: Whole) -> int:
        """Return nanoseconds; cached, for the points of an export share their text."""
        found = self._times.get(value)
        if found is not None:
            return found
        found = 0 if value is None else _nanoseconds(value)
        if len(self._times) >= _MAX_TIMES:
            self._times.clear()
        self._times[value] = found
        return found


def _check_recorded(flags: int) -> None:
    if flags & NO_RECORDED_VALUE:
        raise BadPoint(STALE, NOT_RECORDED)


def _nanoseconds(value: int | str) -> int:
    try:
        found = whole(value, "time")
    except BadPoint as ex:
        raise BadPoint(BAD_TIME, ex.fault.detail) from ex
    if not 0 <= found < 1 << 64:
        raise BadPoint(BAD_TIME, f"time is {value!r}")
    return found


def _temporality(data: Numbers | Distributions) -> int:
    found = data.aggregation_temporality or 0
    return _TEMPORALITY.get(found, 0) if isinstance(found, str) else found


def _value(point: Number) -> float:
    if point.as_double is not None:
        return real(point.as_double, "asDouble")
    if point.as_int is not None:
        return real(point.as_int, "asInt")
    raise BadPoint(MISSING_FIELD, NO_VALUE)


def _group(point: Distribution, kind: Kind) -> Group:
    count = 0 if point.count is None else whole(point.count, "count")
    if not 0 <= count < 1 << 64:
        raise BadPoint(WRONG_TYPE, f"count is {count!r}")
    total = None if point.sum is None else real(point.sum, "sum")
    if kind == Kind.SUMMARY:
        quantiles = tuple(
            (real(each.quantile or 0, "quantile"), real(each.value or 0, "value"))
            for each in point.quantile_values or ()
        )
        return Group(count, total or 0.0, quantiles=quantiles)
    low = None if point.min is None else real(point.min, "min")
    high = None if point.max is None else real(point.max, "max")
    return Group(count, total, low, high)
