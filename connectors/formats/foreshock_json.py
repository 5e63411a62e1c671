"""`foreshock-json`: our own unified sample, one JSON object a line."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
import numpy as np

from connectors.formats.columns import REJECTED, RejectRow, assemble
from connectors.formats.flat_text import pairs
from connectors.formats.json_lines import LineReader
from connectors.formats.labelled import labelled_spec
from connectors.formats.reasons import BadPoint
from connectors.formats.series_book import SeriesBook
from connectors.formats.settings import DecodeSettings
from connectors.formats.times import MAX_TS_MS
from connectors.formats.units import factor, is_time
from schema import Catalogue, Decoded, MetricSpec, Resource, SeriesTable

_NOTHING = msgspec.Raw()

Identity = tuple[str, str, str, str, str, str, str | None, bytes, bytes]


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


class ForeshockJson:
    """Decoder of one partition. Memory: the table's series and a bounded cache."""

    def __init__(self, catalogue: Catalogue, settings: DecodeSettings) -> None:
        self._read = LineReader(_Point, settings.max_payload_bytes)
        self._book: SeriesBook[Identity] = SeriesBook(catalogue, settings)

    def __call__(self, payloads: Sequence[bytes], table: SeriesTable) -> Decoded:
        """See schema.Decoder."""
        self._book.bind(table)
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
        return assemble(
            self._book,
            np.array(known, np.int32),
            np.array([p.ts_ms for p in points], np.int64),
            np.array([p.value for p in points], np.float64),
            payload,
            rejects,
        )

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
