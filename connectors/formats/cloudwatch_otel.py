"""`cloudwatch-otel`: CloudWatch Metric Streams, OpenTelemetry 1.0: length-delimited requests.

A point gives one sample, of the series and value that `cloudwatch-json` has for the same datum.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from google.protobuf.message import DecodeError

from connectors.formats.cloudwatch_point import (
    REQUEST,
    Request,
    datum_of,
    numbers_of,
    parse_point,
    points_of,
    quantile_of,
    split,
)
from connectors.formats.cloudwatch_resource import cloudwatch_resource
from connectors.formats.columns import REJECTED, RejectRow, assemble
from connectors.formats.reasons import (
    COUNT_ZERO,
    EMPTY,
    MALFORMED_PROTOBUF,
    MISSING_FIELD,
    TOO_LARGE,
    UNSUPPORTED,
    BadPoint,
    Fault,
    fault,
)
from connectors.formats.series_book import SeriesBook
from connectors.formats.settings import DecodeSettings
from schema import F64, Catalogue, Decoded, SeriesTable

_MAX_LENGTH_BYTES = 5  # of a 32-bit uvarint
_MAX_BAD = 2  # messages in a row: then their lengths are wrong too, and all is noise
_NS_PER_MS = 1_000_000

Identity = tuple[bytes, bytes, bytes]  # resource, unit, attributes


class CloudwatchOtel:
    """Decoder of one partition. Memory: the table's series and a bounded cache."""

    def __init__(self, catalogue: Catalogue, settings: DecodeSettings) -> None:
        self._max_bytes = settings.max_payload_bytes
        self._book: SeriesBook[Identity] = SeriesBook(catalogue, settings)

    def __call__(self, payloads: Sequence[bytes], table: SeriesTable) -> Decoded:
        """See schema.Decoder."""
        self._book.bind(table)
        points = _Points([], [], [], [])
        rejects: list[RejectRow] = []
        for i, text in enumerate(payloads):
            self._record(text, i, points, rejects)
            points.payload.extend([i] * (len(points.slot) - len(points.payload)))
        return self._assemble(points, rejects)

    def _record(self, text: bytes, i: int, points: "_Points", rejects: list[RejectRow]) -> None:
        """Take the messages of a record."""
        bad = 0
        for item in self._messages(text):
            verdict = item if isinstance(item, Fault) else self._read(item, i, points, rejects)
            if verdict is None:
                bad = 0
                continue
            bad += 1
            if bad == _MAX_BAD:
                detail = f"{verdict.detail}; what follows is not read"
                rejects.append((i, verdict.reason, detail))
                return
            rejects.append((i, *verdict))

    def _messages(self, text: bytes) -> Iterator[Request | Fault]:
        """Yield the requests of a record; what follows a bad length cannot be read."""
        if len(text) > self._max_bytes:
            yield fault(TOO_LARGE, f"{len(text)} bytes, at most {self._max_bytes}")
            return
        if not text:
            yield fault(EMPTY, "no bytes")
        at = 0
        while at < len(text):
            length, start = _uvarint(text, at)
            if length < 0:
                yield fault(MALFORMED_PROTOBUF, f"no length of a message at byte {at}")
                return
            at = start + length
            if at > len(text):
                detail = f"truncated: a message of {length} bytes, {len(text) - start} are there"
                yield fault(MALFORMED_PROTOBUF, detail)
                return
            if length == 0:
                yield fault(EMPTY, "a message of length 0")
                continue
            try:
                yield REQUEST.FromString(text[start:at])
            except DecodeError:
                yield fault(MALFORMED_PROTOBUF, f"no ExportMetricsServiceRequest at byte {start}")

    def _read(
        self, request: Request, i: int, points: "_Points", rejects: list[RejectRow]
    ) -> Fault | None:
        """Take the points of a request; say so if it has none."""
        get = self._book.identities.get
        before = len(points.slot) + len(rejects)
        for group in request.resource_metrics:
            resource = group.resource
            for scope in group.scope_metrics:
                for metric in scope.metrics:
                    unit = metric.unit
                    summary = metric.summary
                    if not summary and not metric.HasField("summary"):
                        rejects.append((i, *fault(UNSUPPORTED, "a metric that is no summary")))
                    try:
                        raws = points_of(summary)
                    except BadPoint as ex:
                        rejects.append((i, *ex.fault))
                        continue
                    for raw in raws:
                        head, attributes = split(raw)
                        slot = get((resource, unit, attributes))
                        if slot is None:
                            try:
                                head, attributes = parse_point(raw)
                                slot = self._slot((resource, unit, attributes))
                            except BadPoint as ex:
                                rejects.append((i, *ex.fault))
                                continue
                            get = self._book.identities.get  # a full cache begins anew
                        points.slot.append(slot)
                        points.head.append(head)
                        points.raw.append(raw)
        if len(points.slot) + len(rejects) == before:
            return fault(EMPTY, "a message without points")
        return None

    def _slot(self, identity: Identity) -> int:
        slot = self._book.identities.get(identity)
        if slot is not None:
            return slot
        size = sum(map(len, identity))
        slot = self._book.recall(identity, size)
        if slot is not None:
            return slot
        datum = datum_of(*identity)
        service = self._book.catalogue.service("aws", datum.namespace)
        spec = self._book.catalogue.lookup(service, datum.metric)
        resource = cloudwatch_resource(
            service, datum.account, datum.region, datum.namespace, datum.dimensions
        )
        slot = self._book.slot(resource, spec, datum.unit, (), source=datum.metric)
        self._book.remember(identity, slot, size)
        return slot

    def _assemble(self, points: "_Points", rejects: list[RejectRow]) -> Decoded:
        slot = np.array(points.slot, np.int32)
        payload = np.array(points.payload, np.int32)
        numbers = numbers_of(points.head)
        time_ns, count, total = numbers["time"], numbers["count"], numbers["sum"]
        with np.errstate(all="ignore"):
            value: F64 = total / count
        code = self._book.statistic(slot)
        for wanted in np.unique(code).tolist():
            name = self._book.statistics[wanted]
            rows = np.flatnonzero((code == wanted) & (count > 0))
            if name == "sum":
                value[rows] = total[rows]
            elif name == "count":
                value[rows] = count[rows]
            elif name != "mean":
                for row in rows.tolist():
                    try:
                        found = quantile_of(points.raw[row], name)
                    except BadPoint as ex:
                        rejects.append((points.payload[row], *ex.fault))
                        slot[row] = REJECTED
                    else:
                        value[row] = value[row] if found is None else found
        for bad, reason, detail in (
            (count == 0, COUNT_ZERO, "count is 0"),
            ((time_ns == 0) & (count > 0) & (slot != REJECTED), MISSING_FIELD, "no time_unix_nano"),
        ):
            rejects += [(i, reason, detail) for i in payload[bad].tolist()]
            slot[bad] = REJECTED
        ts_ms = (time_ns // np.uint64(_NS_PER_MS)).astype(np.int64)
        return assemble(self._book, slot, ts_ms, value, payload, rejects)


class _Points(NamedTuple):
    """Columns that grow."""

    slot: list[int]
    head: list[bytes]
    raw: list[bytes]
    payload: list[int]


def _uvarint(text: bytes, at: int) -> tuple[int, int]:
    """Return a length of at most 32 bits and where it ends; -1 if there is none at `at`."""
    found = 0
    for shift, byte in enumerate(text[at : at + _MAX_LENGTH_BYTES]):
        found |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            return (found if found < 1 << 32 else -1), at + shift + 1
    return -1, at
