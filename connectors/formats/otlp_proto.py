"""`otlp-proto`: an ExportMetricsServiceRequest a message, as protobuf."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt
from google.protobuf.message import DecodeError

from connectors.formats.columns import RejectRow
from connectors.formats.otlp_book import Context, PointBook, Points
from connectors.formats.otlp_histograms import Histograms, learn_cut
from connectors.formats.otlp_messages import (
    HistogramPoint,
    Metric,
    Request,
    ResourceMetrics,
    parse_attributes,
    parse_resource,
)
from connectors.formats.otlp_numbers import Numbers, add_cut, add_parsed, tail_of
from connectors.formats.otlp_points import (
    NO_DATA,
    NO_RECORDED_VALUE,
    NOT_RECORDED,
    Group,
    Kind,
    Shape,
    is_timed,
    kind_of_histogram,
    kind_of_sum,
)
from connectors.formats.otlp_templates import Template, Templates
from connectors.formats.reasons import (
    MALFORMED_PROTOBUF,
    STALE,
    TOO_LARGE,
    UNSUPPORTED,
    WRONG_SHAPE,
    BadPoint,
    fault,
)
from connectors.formats.settings import DecodeSettings
from schema import Catalogue, Decoded, SeriesTable


class OtlpProto:
    """Decoder of one partition. Memory: the table's series and bounded caches."""

    def __init__(self, catalogue: Catalogue, settings: DecodeSettings) -> None:
        self._max_bytes = settings.max_payload_bytes
        self._points = PointBook(catalogue, settings, parse_resource)
        self._templates = Templates(settings)
        self._book = self._points.book

    def __call__(self, payloads: Sequence[bytes], table: SeriesTable) -> Decoded:
        """See schema.Decoder."""
        if self._points.bind(table):
            self._templates.clear()
        decoded = self._chunk(payloads, _Chunk(self._points, self._templates))
        if decoded is None:  # some point only looked like what is known: parse each
            decoded = self._chunk(payloads, _Chunk(self._points, None))
        if decoded is None:
            raise RuntimeError("a parsed point has a head of its own making")
        return decoded

    def _chunk(self, payloads: Sequence[bytes], chunk: "_Chunk") -> Decoded | None:
        for i, payload in enumerate(payloads):
            if len(payload) > self._max_bytes:
                detail = f"{len(payload)} bytes, at most {self._max_bytes}"
                chunk.rejects.append((i, *fault(TOO_LARGE, detail)))
                continue
            try:
                request = Request.FromString(payload)
            except DecodeError as ex:
                chunk.rejects.append((i, *fault(MALFORMED_PROTOBUF, str(ex))))
                continue
            found = request.resource_metrics
            if payload and not found:
                detail = "a message without resource_metrics"
                chunk.rejects.append((i, *fault(WRONG_SHAPE, detail)))
            for raw in found:
                chunk.add(raw, i)
        return chunk.decoded()


class _Chunk:
    """What is found in a chunk. Within a payload, numbers come before histograms."""

    def __init__(self, book: PointBook, templates: Templates | None) -> None:
        self._book = book
        self._templates = templates  # None: nothing is taken for known that is not parsed
        self._numbers = Numbers()
        self._histograms = Histograms()
        self._groups = Points()
        self.rejects: list[RejectRow] = []

    def add(self, raw: bytes, payload: int) -> None:
        """Add the metrics of a resource."""
        templates = self._templates
        whole = None if templates is None else templates.whole(raw)
        if whole is not None:
            self._numbers.add(whole.template.slots, whole.heads, payload)
            return
        try:
            found = ResourceMetrics.FromString(raw)
        except DecodeError as ex:
            self.rejects.append((payload, *fault(MALFORMED_PROTOBUF, f"resource metrics: {ex}")))
            return
        resource: bytes = found.resource
        metrics: list[bytes] = [one for scope in found.scope_metrics for one in scope.metrics]
        if templates is None:
            for metric in metrics:
                self._add_metric(resource, metric, payload)
            return
        known: list[tuple[bytes, Template]] = []
        for metric in metrics:
            cut = templates.metric(resource, metric)
            if cut is None:
                self._add_metric(resource, metric, payload)
            else:
                self._numbers.add(cut.template.slots, cut.heads, payload)
                known.append((metric, cut.template))
        if len(known) == len(metrics):
            templates.learn_whole(raw, known)

    def _add_metric(self, resource: bytes, raw: bytes, payload: int) -> None:
        try:
            metric: _Metric = Metric.FromString(raw)
        except DecodeError as ex:
            self.rejects.append((payload, *fault(MALFORMED_PROTOBUF, f"metric: {ex}")))
            return
        field = next((name for name in _FIELDS if metric.HasField(name)), None)
        if field is None:
            if metric.name:
                self.rejects.append((payload, UNSUPPORTED, NO_DATA))
            return
        data: _Data = getattr(metric, field)
        points = list(data.data_points)
        try:
            kind = _FIELDS[field](data)
            context = self._book.context(resource, metric.name, metric.unit, kind)
        except BadPoint as ex:
            self.rejects += [(payload, *ex.fault)] * len(points)
            return
        if field in _NUMBERS:
            self._add_numbers(context, raw, cast(list[bytes], points), payload)
        elif field == "histogram":
            self._add_histograms(context, cast(list[bytes], points), payload)
        else:
            self._add_groups(context, cast(list[_Point], points), payload)

    def _add_numbers(self, context: Context, raw: bytes, points: list[bytes], payload: int) -> None:
        templates = self._templates
        if templates is not None:
            slots = add_cut(self._numbers, self._book, context, points, payload)
            if slots is not None:
                templates.learn_metric(context, raw, points, slots)
                return
        add_parsed(self._numbers, self._book, context, points, payload, self.rejects)

    def _add_histograms(self, context: Context, raws: list[bytes], payload: int) -> None:
        if self._histograms.add(self._book, context, raws, payload):
            return
        for raw in raws:
            try:
                point: _Point = HistogramPoint.FromString(raw)
            except DecodeError as ex:
                self.rejects.append((payload, *fault(MALFORMED_PROTOBUF, f"data point: {ex}")))
                continue
            for shape, slots in self._add_groups(context, [point], payload):
                bounds, attributes = point.explicit_bounds, list(point.attributes)
                learn_cut(self._book, context, raw, attributes, bounds, shape, slots)

    def _add_groups(
        self, context: Context, points: list["_Point"], payload: int
    ) -> list[tuple[Shape, tuple[int, ...]]]:
        """Return the shape and the slots of each point that is good."""
        found = []
        for point in points:
            if point.flags & NO_RECORDED_VALUE:
                self.rejects.append((payload, STALE, NOT_RECORDED))
                continue
            group = _summary(point) if context.kind == Kind.SUMMARY else _histogram(point)
            shape = group.shape(context.kind)
            attributes = list(point.attributes)
            parse = partial(parse_attributes, attributes)
            start_ns, time_ns = point.start_time_unix_nano, point.time_unix_nano
            timed = is_timed(start_ns, time_ns)
            try:
                slots = self._book.group(context, tail_of(attributes), parse, shape, timed=timed)
            except BadPoint as ex:
                self.rejects.append((payload, *ex.fault))
                continue
            self._groups.add_group(slots, time_ns, start_ns, group, shape, payload)
            found.append((shape, slots))
        return found

    def decoded(self) -> Decoded | None:
        """Return all of it as columns; None if a point that seemed known is another."""
        numbers = self._numbers.columns()
        if numbers is None:
            return None
        slot, time_ns, start_ns, value, payload = numbers
        count = np.zeros(len(value))
        columns: list[tuple[npt.NDArray[Any], ...]] = [
            (slot, time_ns, start_ns, value, count, payload)
        ]
        if self._groups.slots:
            columns.append(self._groups.columns())
        if len(self._histograms):
            columns.append(self._histograms.columns())
        if len(columns) > 1:
            order = np.argsort(np.concatenate([part[5] for part in columns]), kind="stable")
            joined = [np.concatenate(parts)[order] for parts in zip(*columns, strict=True)]
            slot, time_ns, start_ns, value, count, payload = joined
        return self._book.decoded(slot, time_ns, start_ns, value, count, payload, self.rejects)


class _Data(Protocol):
    data_points: Iterable[object]
    aggregation_temporality: int
    is_monotonic: bool


class _Metric(Protocol):
    name: bytes
    unit: bytes

    def HasField(self, name: str) -> bool: ...


class _Quantile(Protocol):
    quantile: float
    value: float


class _Point(Protocol):
    """Of a histogram or summary; a summary has no `min` and `max`, a histogram no quantiles."""

    attributes: Iterable[bytes]
    start_time_unix_nano: int
    time_unix_nano: int
    flags: int
    count: int
    sum: float
    min: float
    max: float
    explicit_bounds: bytes
    quantile_values: Iterable[_Quantile]

    def HasField(self, name: str) -> bool: ...


def _kind_of_sum(data: _Data) -> Kind:
    return kind_of_sum(data.aggregation_temporality, data.is_monotonic)


def _kind_of_histogram(data: _Data) -> Kind:
    return kind_of_histogram(data.aggregation_temporality)


_FIELDS: dict[str, Callable[[_Data], Kind]] = {
    "sum": _kind_of_sum,
    "gauge": lambda _: Kind.GAUGE,
    "histogram": _kind_of_histogram,
    "exponential_histogram": _kind_of_histogram,
    "summary": lambda _: Kind.SUMMARY,
}
_NUMBERS = ("sum", "gauge")


def _histogram(point: _Point) -> Group:
    return Group(
        point.count,
        point.sum if point.HasField("sum") else None,
        point.min if point.HasField("min") else None,
        point.max if point.HasField("max") else None,
    )


def _summary(point: _Point) -> Group:
    found = tuple((each.quantile, each.value) for each in point.quantile_values)
    return Group(point.count, point.sum, quantiles=found)
