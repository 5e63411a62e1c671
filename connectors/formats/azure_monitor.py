"""`azure-monitor`: Azure Monitor through Event Hubs, from either of its two producers.

Diagnostic settings write `total`, data collection rules `Total`, the latter often as text; rows of
`AppMetrics` name things differently again and may sit in the same envelope.
"""

from collections.abc import Sequence

import msgspec

from connectors.formats.azure_resource import azure_resource
from connectors.formats.flat_text import Pairs, pairs
from connectors.formats.json_lines import LineReader
from connectors.formats.labelled import labelled_spec
from connectors.formats.numbers import number
from connectors.formats.reasons import (
    BAD_TIME,
    COUNT_ZERO,
    MISSING_FIELD,
    NO_STATISTIC,
    BadPoint,
    Fault,
)
from connectors.formats.rows import Rows
from connectors.formats.salvage import NO_MEMBERS, decode_one, elements, members
from connectors.formats.series_book import MEAN, SeriesBook
from connectors.formats.settings import DecodeSettings
from connectors.formats.times import TimeParser
from schema import Catalogue, Decoded, SeriesTable

_NOTHING = msgspec.Raw()
_Number = float | str | None

Identity = tuple[str | None, str | None, str | None, str | None, str | None, bytes, bytes]

_NAMES = {
    "resource_id": "resourceId",
    "metric": "metricName",
    "upper_count": "Count",
    "upper_total": "Total",
    "upper_minimum": "Minimum",
    "upper_maximum": "Maximum",
    "upper_average": "Average",
    "app_metric": "Name",
    "app_count": "ItemCount",
    "app_total": "Sum",
    "app_minimum": "Min",
    "app_maximum": "Max",
    "properties": "Properties",
}


class _Record(msgspec.Struct, gc=False, rename=_NAMES):
    resource_id: str | None = None
    time: str | None = None
    metric: str | None = None
    count: _Number = None
    total: _Number = None
    minimum: _Number = None
    maximum: _Number = None
    average: _Number = None
    upper_count: _Number = None
    upper_total: _Number = None
    upper_minimum: _Number = None
    upper_maximum: _Number = None
    upper_average: _Number = None
    dimension: msgspec.Raw = _NOTHING
    unit: str | None = None
    region: str | None = None
    location: str | None = None
    app_metric: str | None = None
    app_count: _Number = None
    app_total: _Number = None
    app_minimum: _Number = None
    app_maximum: _Number = None
    properties: msgspec.Raw = _NOTHING


class _Message(_Record, gc=False):
    """An envelope, or a record that stands alone."""

    records: list[_Record] | msgspec.UnsetType = msgspec.UNSET


_RECORD = msgspec.json.Decoder(_Record)
_MESSAGE = msgspec.json.Decoder(_Message)


class AzureMonitor:
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
        add, codes, time_of = rows.add, self._book.codes, self._parse_time.known.get
        get = self._book.identities.get
        for message, i in zip(messages, owner.tolist(), strict=True):
            records: Sequence[_Record] = (message,)
            if message.records is not msgspec.UNSET:
                records = message.records
                if not records:
                    rejects.append((i, *NO_MEMBERS))
            for record in records:
                # What most records are, in as few steps as Python has; else the rules below.
                slot = get(
                    (
                        record.resource_id,
                        record.metric,
                        record.app_metric,
                        record.unit,
                        record.region or record.location,
                        bytes(record.dimension),
                        bytes(record.properties),
                    )
                )
                ts_ms, value, count = time_of(record.time), record.average, record.count
                if (
                    slot is not None
                    and ts_ms is not None
                    and type(value) is float
                    and type(count) is float
                    and count > 0
                    and codes[slot] == MEAN
                ):
                    add((slot, ts_ms, value, i))
                    continue
                try:
                    slot = self._slot(record)
                    add((slot, self._time(record), self._value(record, slot), i))
                except BadPoint as ex:
                    rejects.append((i, *ex.fault))
                get = self._book.identities.get  # a full cache begins anew
        return rows.assemble(self._book, rejects)

    def _slot(self, r: _Record) -> int:
        identity = (
            r.resource_id,
            r.metric,
            r.app_metric,
            r.unit,
            r.region or r.location,
            bytes(r.dimension),
            bytes(r.properties),
        )
        slot = self._book.identities.get(identity)
        if slot is not None:
            return slot
        size = sum(len(part) for part in identity if part is not None)
        slot = self._book.recall(identity, size)
        return self._learn(identity, size) if slot is None else slot

    def _learn(self, identity: Identity, size: int) -> int:
        resource_id, metric, app_metric, unit, region, dimension, properties = identity
        labels = pairs(dimension, "dimension")
        if not metric:
            metric = app_metric
            labels = _without_internals(pairs(properties, "Properties"))
        if not metric:
            raise BadPoint(MISSING_FIELD, "no `metricName`")
        if not resource_id:
            raise BadPoint(MISSING_FIELD, "no `resourceId`")
        resource = azure_resource(resource_id, region or "", self._book.catalogue)
        spec, labels, parts = labelled_spec(self._book.catalogue, resource.service, metric, labels)
        slot = self._book.slot(resource, spec, unit or "", labels, parts=parts, source=metric)
        self._book.remember(identity, slot, size)
        return slot

    def _time(self, r: _Record) -> int:
        if r.time is None:
            raise BadPoint(MISSING_FIELD, "no `time`")
        ts_ms = self._parse_time(r.time)
        if ts_ms is None:
            raise BadPoint(BAD_TIME, f"time is {r.time!r}")
        return ts_ms

    def _value(self, r: _Record, slot: int) -> float:
        count = _first(r.count, r.upper_count, r.app_count, "count")
        if count is not None and count <= 0:
            raise BadPoint(COUNT_ZERO, f"count is {count!r}")
        match self._book.statistic_name(slot):
            case "sum":
                found = _first(r.total, r.upper_total, r.app_total, "total")
            case "min":
                found = _first(r.minimum, r.upper_minimum, r.app_minimum, "minimum")
            case "max":
                found = _first(r.maximum, r.upper_maximum, r.app_maximum, "maximum")
            case "count":
                found = count
            case _:  # the mean, also for percentiles, which Azure does not send
                found = _first(r.average, r.upper_average, None, "average")
                if found is None and count is not None:
                    total = _first(r.total, r.upper_total, r.app_total, "total")
                    found = None if total is None else total / count
        if found is None:
            raise BadPoint(NO_STATISTIC, f"no {self._book.statistic_name(slot)}")
        return found


def _first(lower: _Number, upper: _Number, app: _Number, where: str) -> float | None:
    value = lower if lower is not None else upper if upper is not None else app
    return None if value is None else number(value, where)


def _without_internals(properties: Pairs) -> Pairs:
    """Drop what Application Insights itself adds, which differs from row to row."""
    return tuple((k, v) for k, v in properties if not k.startswith("_MS."))


def _salvage(text: bytes, verdict: Fault) -> list[_Message | Fault]:
    """Return the good records of an envelope or array, and a fault for each bad one."""
    if text.startswith(b"["):
        found: list[_Message | Fault] = []
        for raw in elements(text) or ():
            message = decode_one(_MESSAGE, raw)
            if isinstance(message, Fault):
                found += _records(raw) or [message]
            else:
                found.append(message)
        return found or ([NO_MEMBERS] if text[1:-1].isspace() or text == b"[]" else [verdict])
    return _records(text)


def _records(text: bytes) -> list[_Message | Fault]:
    found: list[_Message | Fault] = []
    for raw in members(text, "records") or ():
        record = decode_one(_RECORD, raw)
        found.append(record if isinstance(record, Fault) else _Message(records=[record]))
    return found
