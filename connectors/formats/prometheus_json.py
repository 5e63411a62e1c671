"""`prometheus-json`: prometheus-kafka-adapter, one sample an object, its value as text."""

import re
from collections.abc import Sequence
from typing import cast

import msgspec
import numpy as np

from connectors.formats.columns import REJECTED, RejectRow, assemble
from connectors.formats.flat_text import pairs
from connectors.formats.json_lines import LineReader
from connectors.formats.numbers import number
from connectors.formats.prometheus_metric import series_slot
from connectors.formats.reasons import BAD_TIME, BadPoint, fault
from connectors.formats.series_book import SeriesBook
from connectors.formats.settings import DecodeSettings
from connectors.formats.times import TimeParser
from schema import F64, I32, I64, Catalogue, Decoded, SeriesTable

_NOTHING = msgspec.Raw()
_PLAIN = re.compile(r"[0-9.+\-eE]*", re.ASCII)  # of what `float` reads, this much is a number

Identity = tuple[bytes, str | None]  # labels, name


class _Point(msgspec.Struct, gc=False):
    timestamp: str
    value: str | float
    name: str | None = None
    labels: msgspec.Raw = _NOTHING


class PrometheusJson:
    """Decoder of one partition. Memory: the table's series and bounded caches.

    A sum and its count come in messages of their own, so no mean is made of them.
    """

    def __init__(self, catalogue: Catalogue, settings: DecodeSettings) -> None:
        self._read = LineReader(_Point, settings.max_payload_bytes)
        self._book: SeriesBook[Identity] = SeriesBook(catalogue, settings)
        self._parse_time = TimeParser()

    def __call__(self, payloads: Sequence[bytes], table: SeriesTable) -> Decoded:
        """See schema.Decoder."""
        self._book.bind(table)
        points, payload, rejects = self._read(payloads)
        get = self._book.identities.get
        slots = [get((bytes(p.labels), p.name)) for p in points]
        known = [
            self._resolve(points[i], int(payload[i]), rejects) if slot is None else slot
            for i, slot in enumerate(slots)
        ]
        slot = np.array(known, np.int32)
        ts_ms = self._times(points, slot, payload, rejects)
        value = _values(points, slot, payload, rejects)
        zeros = np.zeros(len(points))
        return assemble(
            self._book, slot, ts_ms, value, payload, rejects, zeros.astype(np.int64), zeros
        )

    def _resolve(self, p: _Point, payload: int, rejects: list[RejectRow]) -> int:
        raw = bytes(p.labels)
        slot = self._book.recall((raw, p.name), len(raw))
        if slot is not None:
            return slot
        try:
            labels = dict(pairs(raw, "labels"))
            if p.name:
                labels.setdefault("__name__", p.name)
            slot, _, _ = series_slot(self._book, labels)
        except BadPoint as ex:
            rejects.append((payload, *ex.fault))
            return REJECTED
        self._book.remember((raw, p.name), slot, len(raw))
        return slot

    def _times(
        self, points: list[_Point], slot: I32, payload: I32, rejects: list[RejectRow]
    ) -> I64:
        """Return event times; mark as rejected what has none."""
        parse = self._parse_time
        times = [parse(p.timestamp) for p in points]
        if None in times:
            for i, ts_ms in enumerate(times):
                if ts_ms is None:
                    if slot[i] != REJECTED:
                        detail = f"timestamp is {points[i].timestamp!r}"
                        rejects.append((int(payload[i]), *fault(BAD_TIME, detail)))
                    slot[i] = REJECTED
        return np.array([ts_ms or 0 for ts_ms in times], np.int64)


def _values(points: list[_Point], slot: I32, payload: I32, rejects: list[RejectRow]) -> F64:
    """Return the values; mark as rejected what is no number."""
    texts = [p.value for p in points]
    try:
        if _PLAIN.fullmatch("".join(cast(list[str], texts))):  # TypeError: a number among them
            return np.array(list(map(float, texts)), np.float64)
    except (TypeError, ValueError):
        pass
    values = np.zeros(len(points))
    for i, text in enumerate(texts):
        if slot[i] == REJECTED:
            continue
        if text == "NaN":
            values[i] = np.nan  # for `assemble` to judge
            continue
        try:
            values[i] = number(text, "value")
        except BadPoint as ex:
            rejects.append((int(payload[i]), *ex.fault))
            slot[i] = REJECTED
    return values
