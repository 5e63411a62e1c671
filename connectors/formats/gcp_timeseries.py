"""`gcp-timeseries`: Cloud Monitoring TimeSeries JSON, bare, in an envelope or from Pub/Sub."""

import base64
import binascii
from collections.abc import Iterator, Sequence

import msgspec

from connectors.formats.columns import RejectRow
from connectors.formats.gcp_resource import gcp_resource, parse_metric
from connectors.formats.gcp_value import Reading, Value, counter_of, reading_of, value_of
from connectors.formats.json_lines import LineReader
from connectors.formats.labelled import labelled_spec
from connectors.formats.reasons import (
    BAD_TIME,
    MISSING_FIELD,
    PARSE_ERRORS,
    UNSUPPORTED,
    WRONG_TYPE,
    BadPoint,
    Fault,
    explain,
    fault,
)
from connectors.formats.rows import Rows
from connectors.formats.salvage import NO_MEMBERS, decode_one, elements, members
from connectors.formats.series_book import SeriesBook
from connectors.formats.settings import DecodeSettings
from connectors.formats.times import TimeParser
from schema import Catalogue, Decoded, SeriesTable

_NOTHING = msgspec.Raw()

Identity = tuple[bytes, bytes, bytes, str | None, Reading]  # resource, metric, metadata, unit

_KINDS = frozenset({"GAUGE", "DELTA", "CUMULATIVE", None})


class _Interval(msgspec.Struct, gc=False, rename="camel"):
    end_time: str
    start_time: str | None = None


class _Point(msgspec.Struct, gc=False):
    interval: _Interval
    value: Value


class _Header(msgspec.Struct, gc=False, rename="camel"):
    metric: msgspec.Raw = _NOTHING
    resource: msgspec.Raw = _NOTHING
    metadata: msgspec.Raw = _NOTHING
    metric_kind: str | None = None
    unit: str | None = None


class _Series(_Header, gc=False, rename="camel"):
    points: list[_Point] | None = None


class _Push(msgspec.Struct, gc=False):
    data: str


class _Message(_Series, gc=False, rename="camel"):
    """An envelope, a Pub/Sub push, or a series that stands alone."""

    time_series: list[_Series] | msgspec.UnsetType = msgspec.UNSET
    message: _Push | msgspec.UnsetType = msgspec.UNSET


_HEADER = msgspec.json.Decoder(_Header)
_POINT = msgspec.json.Decoder(_Point)
_SERIES = msgspec.json.Decoder(_Series)
_MESSAGE = msgspec.json.Decoder(_Message)


class GcpTimeseries:
    """Decoder of one partition. Memory: the table's series and bounded caches."""

    def __init__(self, catalogue: Catalogue, settings: DecodeSettings) -> None:
        self._read = LineReader(_Message, settings.max_payload_bytes, _salvage)
        self._book: SeriesBook[Identity] = SeriesBook(catalogue, settings)
        self._parse_time = TimeParser()

    def __call__(self, payloads: Sequence[bytes], table: SeriesTable) -> Decoded:
        """See schema.Decoder."""
        self._book.bind(table)
        messages, owner, rejects = self._read(payloads)
        rows = Rows()
        for message, i in zip(messages, owner.tolist(), strict=True):
            for series in self._series(message, i, rejects):
                self._take(series, i, rows, rejects)
        return rows.assemble(self._book, rejects, counters=True)

    def _take(self, series: _Series, i: int, rows: Rows, rejects: list[RejectRow]) -> None:
        if not series.points:
            rejects.append((i, *NO_MEMBERS))
            return
        cumulative = series.metric_kind == "CUMULATIVE"
        slots: dict[Reading, int] = {}  # by counter: one, as long as all points are of one type
        for point in series.points:
            try:
                counter: Reading = counter_of(point.value) if cumulative else ""
                slot = slots.get(counter)
                if slot is None:
                    slot = slots[counter] = self._slot(series, counter)
                interval, statistic = point.interval, self._book.statistic_name(slot)
                ts_ms = self._time(interval.end_time, "endTime")
                if not cumulative:
                    rows.add((slot, ts_ms, value_of(point.value, statistic), i))
                    continue
                value, count = reading_of(point.value, statistic)
                start = interval.start_time
                start_ms = 0 if start is None else self._time(start, "startTime")
                rows.add_reading(slot, ts_ms, value, i, start_ms, count)
            except BadPoint as ex:
                rejects.append((i, *ex.fault))

    def _time(self, text: str, where: str) -> int:
        ts_ms = self._parse_time(text)
        if ts_ms is None:
            raise BadPoint(BAD_TIME, f"{where} is {text!r}")
        return ts_ms

    def _series(self, message: _Message, i: int, rejects: list[RejectRow]) -> Iterator[_Series]:
        """Unwrap a message; reject what is empty or cannot be unwrapped."""
        if message.message is not msgspec.UNSET:
            try:
                inner = base64.b64decode(message.message.data, validate=True)
            except (binascii.Error, ValueError) as ex:
                rejects.append((i, *fault(WRONG_TYPE, f"message.data is not base64: {ex}")))
                return
            for item in self._read.read_one(inner):
                if isinstance(item, Fault):
                    rejects.append((i, *item))
                elif item.message is not msgspec.UNSET:
                    rejects.append((i, *fault(UNSUPPORTED, "a push inside a push")))
                else:
                    yield from self._series(item, i, rejects)
        elif message.time_series is not msgspec.UNSET:
            if not message.time_series:
                rejects.append((i, *NO_MEMBERS))
            yield from message.time_series
        else:
            yield message

    def _slot(self, s: _Series, counter: Reading) -> int:
        if s.metric_kind not in _KINDS:
            raise BadPoint(UNSUPPORTED, f"metricKind is {s.metric_kind!r}")
        identity = (bytes(s.resource), bytes(s.metric), bytes(s.metadata), s.unit, counter)
        slot = self._book.identities.get(identity)
        if slot is not None:
            return slot
        size = sum(map(len, identity[:3]))
        slot = self._book.recall(identity, size)
        return self._learn(identity, size) if slot is None else slot

    def _learn(self, identity: Identity, size: int) -> int:
        resource_raw, metric_raw, metadata, unit, counter = identity
        for name, raw in (("metric", metric_raw), ("resource", resource_raw)):
            if not raw:
                raise BadPoint(MISSING_FIELD, f"no `{name}`")
        metric, labels = parse_metric(metric_raw)
        resource = gcp_resource(resource_raw, metadata, self._book.catalogue)
        spec, labels, parts = labelled_spec(self._book.catalogue, resource.service, metric, labels)
        if counter == "mean" and spec.statistic in {"sum", "count"}:
            counter = "rate"  # of what `reading_of` gives
        slot = self._book.slot(
            resource, spec, unit or "", labels, parts=parts, counter=counter, source=metric
        )
        self._book.remember(identity, slot, size)
        return slot


def _salvage(text: bytes, verdict: Fault) -> list[_Message | Fault]:
    """Return the good points of a document, and a fault for each bad one."""
    raws = elements(text) if text.startswith(b"[") else members(text, "timeSeries")
    if raws is None:
        return _points(text, verdict)
    if not raws:
        return [NO_MEMBERS]
    found: list[_Message | Fault] = []
    for raw in raws:
        series = decode_one(_SERIES, raw)
        if isinstance(series, Fault):
            found += _points(raw, series)
        else:
            found.append(_Message(time_series=[series]))
    return found


def _points(text: bytes, verdict: Fault) -> list[_Message | Fault]:
    """Return a series with its good points, and a fault for each bad one."""
    raws = members(text, "points")
    if not raws:
        return [verdict]
    try:
        header = _HEADER.decode(text)
    except PARSE_ERRORS as ex:
        return [explain(text, ex)] * len(raws)
    found: list[_Message | Fault] = []
    good: list[_Point] = []
    for raw in raws:
        point = decode_one(_POINT, raw)
        if isinstance(point, Fault):
            found.append(point)
        else:
            good.append(point)
    if good:
        found.append(
            _Message(
                metric=header.metric,
                resource=header.resource,
                metadata=header.metadata,
                metric_kind=header.metric_kind,
                unit=header.unit,
                points=good,
            )
        )
    return found
