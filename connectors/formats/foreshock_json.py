"""`foreshock-json`: our own unified sample, one JSON object a line."""

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import msgspec
import numpy as np

from connectors.formats.columns import REJECTED, RejectRow, assemble
from connectors.formats.flat_text import pairs
from connectors.formats.json_lines import LineReader
from connectors.formats.labelled import labelled_spec
from connectors.formats.reasons import BadPoint
from connectors.formats.series_book import SeriesBook
from connectors.formats.settings import DecodeSettings
from connectors.formats.tabular import Columns, TableName, Tabular
from connectors.formats.times import MAX_TS_MS
from connectors.formats.units import factor, is_time
from schema import F64, I32, I64, Catalogue, Decoded, MetricSpec, Resource, SeriesTable

_NOTHING = msgspec.Raw()

Identity = tuple[str, str, str, str, str, str, str | None, bytes, bytes] | TableName


class _Point(msgspec.Struct, gc=False):
    resource: str
    metric: str
    ts_ms: Annotated[int, msgspec.Meta(ge=0, le=MAX_TS_MS)]
    value: float
    cloud: str = ""
    service: str = ""
    account: str = ""
    region: str = ""
    unit: str | None = None
    attributes: msgspec.Raw = _NOTHING
    labels: msgspec.Raw = _NOTHING


class _Points(NamedTuple):
    """Columns of equal length, in the order of the payloads, and what could not be read."""

    slot: I32
    ts_ms: I64
    value: F64
    payload: I32
    rejects: list[RejectRow]

    def beside(self, others: "_Points", payload: I32) -> "_Points":
        """Add what some more payloads say, which are these of all."""
        at = np.concatenate((self.payload, payload[others.payload]))
        order = np.argsort(at, kind="stable")
        rejects = [(int(payload[i]), reason, detail) for i, reason, detail in others.rejects]
        return _Points(
            np.concatenate((self.slot, others.slot))[order],
            np.concatenate((self.ts_ms, others.ts_ms))[order],
            np.concatenate((self.value, others.value))[order],
            at[order],
            self.rejects + rejects,
        )


class ForeshockJson:
    """Decoder of one partition. Memory: the table's series and a bounded cache."""

    def __init__(self, catalogue: Catalogue, settings: DecodeSettings) -> None:
        self._read = LineReader(_Point, settings.max_payload_bytes)
        self._book: SeriesBook[Identity] = SeriesBook(catalogue, settings)

    def __call__(self, payloads: Sequence[bytes], table: SeriesTable) -> Decoded:
        """See schema.Decoder."""
        self._book.bind(table)
        if isinstance(payloads, Tabular) and (columns := payloads.columns()) is not None:
            return self._columns(payloads, columns)
        return assemble(self._book, *self._points(payloads))

    def _points(self, payloads: Sequence[bytes]) -> _Points:
        points, payload, rejects = self._read(payloads)
        get = self._book.identities.get
        slots = [
            get(
                (
                    p.resource,
                    p.metric,
                    p.service,
                    p.cloud,
                    p.account,
                    p.region,
                    p.unit,
                    bytes(p.attributes),
                    bytes(p.labels),
                )
            )
            for p in points
        ]
        known = [
            self._resolve(points[i], int(payload[i]), rejects) if slot is None else slot
            for i, slot in enumerate(slots)
        ]
        return _Points(
            np.array(known, np.int32),
            np.array([p.ts_ms for p in points], np.int64),
            np.array([p.value for p in points], np.float64),
            payload,
            rejects,
        )

    def _columns(self, rows: Tabular, columns: Columns) -> Decoded:
        """Take rows by column; what is new or odd among them is read as payloads."""
        slot = self._slots(rows, columns)[columns.name]
        plain = columns.plain & (slot != REJECTED)
        at = np.flatnonzero(plain).astype(np.int32)
        points = _Points(slot[plain], columns.ts_ms[plain], columns.value[plain], at, [])
        if len(at) < len(rows):
            odd = np.flatnonzero(~plain).astype(np.int32)
            points = points.beside(self._points(rows.payloads(odd)), odd)
        return assemble(self._book, *points)

    def _slots(self, rows: Tabular, columns: Columns) -> I32:
        """Return the slot of each name, REJECTED where its example cannot be read."""
        book = self._book
        size = [sum(len(cell or "") for cell in name.cells) for name in columns.names]
        found = [book.identities.get(name) for name in columns.names]
        slots = np.array([REJECTED if slot is None else slot for slot in found], np.int32)
        unknown = np.array([i for i, slot in enumerate(found) if slot is None], np.int64)
        if len(unknown):
            points = self._points(rows.payloads(columns.example[unknown]))
            slots[unknown[points.payload]] = points.slot
            for i in unknown.tolist():
                if slots[i] != REJECTED:
                    book.remember(columns.names[i], int(slots[i]), size[i])
        return slots

    def _resolve(self, p: _Point, payload: int, rejects: list[RejectRow]) -> int:
        attributes, text = bytes(p.attributes), bytes(p.labels)
        identity = (
            p.resource, p.metric, p.service, p.cloud, p.account, p.region, p.unit, attributes, text
        )  # fmt: skip
        size = sum(map(len, identity[:6])) + len(attributes) + len(text)
        slot = self._book.recall(identity, size)
        if slot is not None:
            return slot
        try:
            resource = Resource(
                p.cloud, p.service, p.account, p.region, p.resource, pairs(attributes, "attributes")
            )
            labels = pairs(text, "labels")
        except BadPoint as ex:
            rejects.append((payload, *ex.fault))
            return REJECTED
        spec, labels, parts = labelled_spec(self._book.catalogue, p.service, p.metric, labels)
        spec = _as_given(spec, p.metric, p.unit)
        slot = self._book.slot(resource, spec, p.unit or "", labels, parts=parts, source=p.metric)
        self._book.remember(identity, slot, size)
        return slot


def _as_given(spec: MetricSpec, metric: str, unit: str | None) -> MetricSpec:
    """Return how a value of ours is read: converted to the catalogue's unit if it has another.

    A time without a unit may be of any scale, so nothing is said of its unit.
    """
    if metric != spec.metric or unit == spec.unit:
        return spec
    if unit:
        return msgspec.structs.replace(spec, scale=spec.scale * factor(unit, spec.unit))
    return msgspec.structs.replace(spec, unit="") if is_time(spec.unit) else spec
