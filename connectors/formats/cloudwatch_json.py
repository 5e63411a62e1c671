"""`cloudwatch-json`: CloudWatch Metric Streams, output format JSON, one object a line."""

from collections.abc import Sequence
from typing import Annotated, Any, Protocol, cast

import msgspec
import numpy as np

from connectors.formats.cloudwatch_resource import cloudwatch_resource
from connectors.formats.columns import REJECTED, RejectRow, assemble
from connectors.formats.flat_text import pairs
from connectors.formats.json_lines import LineReader
from connectors.formats.reasons import (
    COUNT_ZERO,
    NO_STATISTIC,
    PARSE_ERRORS,
    WRONG_SHAPE,
    WRONG_TYPE,
    BadPoint,
    explain,
)
from connectors.formats.series_book import SeriesBook
from connectors.formats.settings import DecodeSettings
from connectors.formats.times import MAX_TS_MS
from schema import F64, I32, Catalogue, Decoded, MetricSpec, SeriesTable

_NOTHING = msgspec.Raw()
_NUMBER: msgspec.json.Decoder[float | None] = msgspec.json.Decoder(float | None)
_ALWAYS = ("mean", "sum", "count")  # made of `count` and `sum`, which every point carries
_PLAIN = ("min", "max")  # absent: no value. Percentiles: the mean stands in

Identity = tuple[str, str, str, str, str | None, bytes]


class _Value(Protocol):
    count: float
    sum: float


class _Point(msgspec.Struct, gc=False):
    account_id: str
    region: str
    namespace: str
    metric_name: str
    timestamp: Annotated[int, msgspec.Meta(ge=0, le=MAX_TS_MS)]
    value: Any  # a `_Value`; see `_point_type`
    dimensions: msgspec.Raw = _NOTHING
    unit: str | None = None


def _point_type(statistics: Sequence[str]) -> type[_Point]:
    """Return a point that reads `statistics` beside count and sum, as `s3`, `s4` ...

    Parsing a number costs a tenth of a microsecond and a point carries up to eight: only those
    that the catalogue asks for are looked at. They stay raw, for whether a point is good must not
    depend on which statistics other series ask for.
    """
    fields: list[tuple[str, type] | tuple[str, Any, Any]] = [("count", float), ("sum", float)]
    rename: dict[str, str] = {}
    for code, name in enumerate(statistics):
        if name not in _ALWAYS:
            fields.append((f"s{code}", msgspec.Raw, _NOTHING))
            rename[f"s{code}"] = name
    value = msgspec.defstruct("_Value", fields, gc=False, rename=rename)
    point = msgspec.defstruct("_Point", [("value", value)], bases=(_Point,), gc=False)
    return cast(type[_Point], point)


class CloudwatchJson:
    """Decoder of one partition. Memory: the table's series and a bounded cache."""

    def __init__(self, catalogue: Catalogue, settings: DecodeSettings) -> None:
        self._max_bytes = settings.max_payload_bytes
        self._book: SeriesBook[Identity] = SeriesBook(catalogue, settings)
        self._statistics = 0  # how many of the book's statistics `_read` reads

    def __call__(self, payloads: Sequence[bytes], table: SeriesTable) -> Decoded:
        """See schema.Decoder."""
        self._book.bind(table)
        while True:  # again when a series asks for a statistic that was not read: once a statistic
            if self._statistics < len(self._book.statistics):
                self._statistics = len(self._book.statistics)
                self._read = LineReader(_point_type(self._book.statistics), self._max_bytes)
            points, payload, rejects = self._read(payloads)
            slot = self._slots(points, payload, rejects)
            if self._statistics == len(self._book.statistics):
                break
        value = self._values(points, slot, payload, rejects)
        ts_ms = np.array([p.timestamp for p in points], np.int64)
        return assemble(self._book, slot, ts_ms, value, payload, rejects)

    def _slots(self, points: list[_Point], payload: I32, rejects: list[RejectRow]) -> I32:
        get = self._book.identities.get
        slots = [
            get(
                (
                    p.account_id,
                    p.region,
                    p.namespace,
                    p.metric_name,
                    p.unit,
                    bytes(p.dimensions),
                )
            )
            for p in points
        ]
        if None not in slots:
            return np.array(slots, np.int32)
        known = [
            self._resolve(points[i], int(payload[i]), rejects) if slot is None else slot
            for i, slot in enumerate(slots)
        ]
        return np.array(known, np.int32)

    def _resolve(self, p: _Point, payload: int, rejects: list[RejectRow]) -> int:
        raw = bytes(p.dimensions)
        identity = (p.account_id, p.region, p.namespace, p.metric_name, p.unit, raw)
        size = sum(map(len, identity[:4])) + len(raw)
        slot = self._book.recall(identity, size)
        if slot is not None:
            return slot
        try:
            dimensions = pairs(raw, "dimensions")
        except BadPoint as ex:
            rejects.append((payload, *ex.fault))
            return REJECTED
        service = self._book.catalogue.service("aws", p.namespace)
        spec: MetricSpec = self._book.catalogue.lookup(service, p.metric_name)
        resource = cloudwatch_resource(service, p.account_id, p.region, p.namespace, dimensions)
        slot = self._book.slot(resource, spec, p.unit or "", (), source=p.metric_name)
        self._book.remember(identity, slot, size)
        return slot

    def _values(
        self, points: list[_Point], slot: I32, payload: I32, rejects: list[RejectRow]
    ) -> F64:
        """Return the statistic that each series asks for; mark as rejected what has none."""
        values: list[_Value] = [p.value for p in points]
        count = np.array([v.count for v in values], np.float64)
        total = np.array([v.sum for v in values], np.float64)
        empty = (count <= 0) & (slot != REJECTED)
        if empty.any():
            for i in np.flatnonzero(empty):
                rejects.append((int(payload[i]), COUNT_ZERO, f"count is {float(count[i])!r}"))
            slot[empty] = REJECTED
        with np.errstate(all="ignore"):
            value: F64 = total / count
        code = np.where(slot == REJECTED, 0, self._book.statistic(slot))
        for wanted in np.unique(code).tolist() if code.any() else ():
            if wanted == 0:
                continue
            rows = np.flatnonzero(code == wanted)
            name = self._book.statistics[wanted]
            if name in _ALWAYS:
                value[rows] = total[rows] if name == "sum" else count[rows]
                continue
            field = f"s{wanted}"
            for i in rows:
                try:
                    found = _number(bytes(getattr(values[i], field)), name)
                except BadPoint as ex:
                    rejects.append((int(payload[i]), *ex.fault))
                    slot[i] = REJECTED
                else:
                    value[i] = value[i] if found is None else found
        return value


def _number(raw: bytes, name: str) -> float | None:
    """Return a statistic; None for a percentile that the point does not carry."""
    try:
        found = None if not raw else _NUMBER.decode(raw)
    except PARSE_ERRORS as ex:
        reason, detail = explain(raw, ex)
        reason = WRONG_TYPE if reason == WRONG_SHAPE else reason
        raise BadPoint(reason, f"value.{name}: {detail}") from ex
    if found is None and name in _PLAIN:
        raise BadPoint(NO_STATISTIC, f"no {name}")
    return found
