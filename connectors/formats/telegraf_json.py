"""`telegraf-json`: Telegraf's JSON serializer, where one object holds several series.

Each number or truth value of `fields` is a point. Text and null are no measurements: Telegraf sends
the like of `uptime_format` with every gather, so they are neither samples nor rejects.
"""

from array import array
from collections.abc import Mapping, Sequence
from typing import cast

import msgspec
import numpy as np

from connectors.formats.columns import assemble
from connectors.formats.flat_text import Pairs, pairs
from connectors.formats.json_lines import LineReader
from connectors.formats.labelled import labelled_spec
from connectors.formats.reasons import (
    BAD_TIME,
    EMPTY,
    MISSING_FIELD,
    PARSE_ERRORS,
    BadPoint,
    Fault,
    fault,
)
from connectors.formats.salvage import NO_MEMBERS, decode_one, elements, members
from connectors.formats.series_book import SeriesBook
from connectors.formats.settings import DecodeSettings
from connectors.formats.telegraf_counters import is_counter
from connectors.formats.telegraf_resource import Measured, is_machine, telegraf_resource
from connectors.formats.times import MAX_TS_MS, TimeParser
from schema import Catalogue, Decoded, Resource, SeriesTable

_NOTHING = msgspec.Raw()
_Field = float | bool | str | None
_NUMBER = (float, bool)
_MAX_ROWS = 64  # sets of fields that one name and set of tags may come with
_SECONDS, _MILLIS, _MICROS = 10**11, 10**14, 10**17  # 1973 in the next unit, 5138 in this one

Identity = tuple[str, bytes]  # name and tags


class _Metric(msgspec.Struct, gc=False):
    name: str | None = None
    fields: dict[str, _Field] | None = None
    tags: msgspec.Raw = _NOTHING
    timestamp: int | float | str | None = None


class _Message(_Metric, gc=False):
    """A batch, or a metric that stands alone."""

    metrics: list[_Metric] | msgspec.UnsetType = msgspec.UNSET


class _Header(msgspec.Struct, gc=False):
    name: str | None = None
    tags: msgspec.Raw = _NOTHING
    timestamp: int | float | str | None = None


class _Loose(msgspec.Struct, gc=False):
    fields: dict[str, msgspec.Raw]


_METRIC = msgspec.json.Decoder(_Metric)
_HEADER = msgspec.json.Decoder(_Header)
_LOOSE = msgspec.json.Decoder(_Loose)
_FIELD: msgspec.json.Decoder[_Field] = msgspec.json.Decoder(_Field)


class _Known:
    """What one name and set of tags means."""

    __slots__ = ("measured", "name", "rows", "slots")

    def __init__(self, name: str, measured: Measured) -> None:
        self.name = name
        self.measured = measured
        self.slots: dict[str, int] = {}  # by field
        self.rows: dict[tuple[str, ...], array[int]] = {}  # slots of fields that come together


class TelegrafJson:
    """Decoder of one partition. Memory: the table's series and a bounded cache."""

    def __init__(self, catalogue: Catalogue, settings: DecodeSettings) -> None:
        self._read = LineReader(_Message, settings.max_payload_bytes, _salvage)
        self._book: SeriesBook[Identity] = SeriesBook(catalogue, settings)
        self._parse_time = TimeParser()
        self._table: SeriesTable | None = None
        self._known: list[_Known] = []  # the book's identities are positions in it
        self._places: dict[tuple[str, Resource, Pairs, Pairs], int] = {}

    def __call__(self, payloads: Sequence[bytes], table: SeriesTable) -> Decoded:
        """See schema.Decoder."""
        self._book.bind(table)
        if table is not self._table:
            self._table, self._known, self._places = table, [], {}
        messages, owner, rejects = self._read(payloads)
        slots = array("i")
        values: list[float] = []
        points: list[int] = []  # of each metric
        times: list[int] = []
        payload: list[int] = []
        said: float | str | None = None
        ts_ms = 0
        for message, i in zip(messages, owner.tolist(), strict=True):
            metrics: Sequence[_Metric] = (message,)
            if message.metrics is not msgspec.UNSET:
                metrics = message.metrics
                if not metrics:
                    rejects.append((i, *NO_MEMBERS))
            for metric in metrics:
                try:
                    known = self._identify(metric)
                    if metric.timestamp != said or said is None:
                        ts_ms = self._time(metric.timestamp)
                        said = metric.timestamp
                except BadPoint as ex:
                    rejects += [(i, *ex.fault)] * _points(metric.fields)
                    continue
                fields = _numbers(metric.fields or {})
                values += fields.values()
                names = tuple(fields)
                row = known.rows.get(names)
                slots += self._row(known, names) if row is None else row
                points.append(len(names))
                times.append(ts_ms)
                payload.append(i)
        return assemble(
            self._book,
            np.array(slots, np.int32),
            np.repeat(np.array(times, np.int64), points),
            np.array(values, np.float64),
            np.repeat(np.array(payload, np.int32), points),
            rejects,
            np.zeros(len(slots), np.int64),  # Telegraf does not say since when it counts
            np.zeros(len(slots)),
        )

    def _identify(self, m: _Metric) -> _Known:
        if m.name is None or m.fields is None:
            raise BadPoint(MISSING_FIELD, "no `name`" if m.name is None else "no `fields`")
        if not m.fields:
            raise BadPoint(EMPTY, "no member in `fields`")
        identity = (m.name, bytes(m.tags))
        place = self._book.identities.get(identity)
        if place is None:
            size = len(m.name) + len(identity[1])
            place = self._book.recall(identity, size)
            if place is None:
                place = self._place(identity)
                self._book.remember(identity, place, size)
        return self._known[place]

    def _place(self, identity: Identity) -> int:
        name, tags = identity
        measured = telegraf_resource(name, dict(pairs(tags, "tags")), self._book.catalogue)
        key = (name, *measured)
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = len(self._known)
            self._known.append(_Known(name, measured))
        return place

    def _row(self, known: _Known, fields: tuple[str, ...]) -> "array[int]":
        if len(known.rows) >= _MAX_ROWS:
            known.rows.clear()
        get = known.slots.get
        slots = ((field, get(field)) for field in fields)
        row = array("i", [self._learn(known, f) if slot is None else slot for f, slot in slots])
        known.rows[fields] = row
        return row

    def _learn(self, known: _Known, field: str) -> int:
        metric = f"{known.name}.{field}"
        resource, labels, parts = known.measured
        catalogue = self._book.catalogue
        spec, labels, more = labelled_spec(catalogue, resource.service, metric, labels)
        counted = is_counter(known.name, field, is_machine(known.name))
        slot = known.slots[field] = self._book.slot(
            resource,
            spec,
            "",
            labels,
            parts=tuple(sorted((*parts, *more))),
            counter="rate" if counted else "",
            source=metric,
        )
        return slot

    def _time(self, timestamp: float | str | None) -> int:
        if timestamp is None:
            raise BadPoint(MISSING_FIELD, "no `timestamp`")
        ts_ms = (
            self._parse_time(timestamp)  # of `json_timestamp_format`
            if isinstance(timestamp, str)
            else epoch_ms(timestamp)
        )
        if ts_ms is None:
            raise BadPoint(BAD_TIME, f"timestamp is {timestamp!r}")
        return ts_ms


def epoch_ms(time: float) -> int | None:
    """Return an epoch time in ms, rounded down; None if it is not within 1970 to 9999.

    Seconds, ms, us or ns, by size: below 10**11, 10**14, 10**17, and above. Whole numbers never
    pass through a float; of fractions, a microsecond is kept.
    """
    if isinstance(time, float):
        if not 0 <= time < _MICROS * 1000:
            return None
        if time < _SECONDS:
            return round(time * 1_000_000) // 1000
        time = int(time)
    if time < _SECONDS:
        ts_ms = time * 1000
    elif time < _MILLIS:
        ts_ms = time
    elif time < _MICROS:
        ts_ms = time // 1000
    else:
        ts_ms = time // 1_000_000
    return ts_ms if 0 <= ts_ms <= MAX_TS_MS else None


def _numbers(fields: dict[str, _Field]) -> dict[str, float]:
    """Return the fields that are measurements."""
    numbers = cast("dict[str, float]", fields)  # as nearly all are
    try:
        sum(numbers.values())  # fails at text and null, and is faster than to look at each type
    except TypeError:
        return {name: value for name, value in fields.items() if isinstance(value, _NUMBER)}
    return numbers


def _points(fields: Mapping[str, object] | None) -> int:
    """Return how many points a metric has; one that has none is a reject all the same."""
    return max(1, sum(isinstance(value, _NUMBER) for value in (fields or {}).values()))


def _salvage(text: bytes, verdict: Fault) -> list[_Message | Fault]:
    """Return what is good of a batch, array or metric, and a fault for each point that is not."""
    raws = elements(text) if text.startswith(b"[") else members(text, "metrics")
    if raws is None:
        return _of_metric(text, verdict)
    if not raws:
        return [NO_MEMBERS]
    found: list[_Message | Fault] = []
    for raw in raws:
        metric = decode_one(_METRIC, raw)
        found += (
            _of_metric(raw, metric) if isinstance(metric, Fault) else [_Message(metrics=[metric])]
        )
    return found


def _of_metric(text: bytes, verdict: Fault) -> list[_Message | Fault]:
    try:
        raws = _LOOSE.decode(text).fields
    except PARSE_ERRORS:
        return [verdict]
    found: list[_Message | Fault] = []
    good: dict[str, _Field] = {}
    for name, raw in raws.items():
        value = decode_one(_FIELD, bytes(raw))
        if isinstance(value, Fault):
            found.append(fault(value.reason, f"{name}: {value.detail}"))
        else:
            good[name] = value
    if not good:
        return found or [verdict]
    header = decode_one(_HEADER, text)
    if isinstance(header, Fault):
        return [*found, *[header] * _points(good)]
    return [*found, _Message(header.name, good, header.tags, header.timestamp)]
