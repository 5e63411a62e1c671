"""`cloudwatch-otel`: CloudWatch Metric Streams, OpenTelemetry 1.0: length-delimited requests.

A point gives one sample, of the series and value that `cloudwatch-json` has for the same datum.
"""

from collections.abc import Iterator, Sequence

from google.protobuf.message import DecodeError

from connectors.formats.cloudwatch_point import REQUEST, Point, Request, datum_of, statistic_of
from connectors.formats.cloudwatch_resource import cloudwatch_resource
from connectors.formats.columns import RejectRow
from connectors.formats.reasons import (
    EMPTY,
    MALFORMED_PROTOBUF,
    MISSING_FIELD,
    TOO_LARGE,
    UNSUPPORTED,
    BadPoint,
    Fault,
    fault,
)
from connectors.formats.rows import Rows
from connectors.formats.series_book import SeriesBook
from connectors.formats.settings import DecodeSettings
from schema import Catalogue, Decoded, SeriesTable

_MAX_LENGTH_BYTES = 5  # of a 32-bit uvarint
_NS_PER_MS = 1_000_000

Identity = tuple[bytes, bytes, tuple[bytes, ...]]  # resource, unit, attributes


class CloudwatchOtel:
    """Decoder of one partition. Memory: the table's series and a bounded cache."""

    def __init__(self, catalogue: Catalogue, settings: DecodeSettings) -> None:
        self._max_bytes = settings.max_payload_bytes
        self._book: SeriesBook[Identity] = SeriesBook(catalogue, settings)

    def __call__(self, payloads: Sequence[bytes], table: SeriesTable) -> Decoded:
        """See schema.Decoder."""
        self._book.bind(table)
        rows = Rows()
        rejects: list[RejectRow] = []
        for i, text in enumerate(payloads):
            for item in self._messages(text):
                if isinstance(item, Fault):
                    rejects.append((i, *item))
                else:
                    self._read(item, i, rows, rejects)
        return rows.assemble(self._book, rejects)

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

    def _read(self, request: Request, i: int, rows: Rows, rejects: list[RejectRow]) -> None:
        """Take the points of a request."""
        get = self._book.identities.get
        empty = True
        for group in request.resource_metrics:
            resource = group.resource
            for scope in group.scope_metrics:
                for metric in scope.metrics:
                    unit = metric.unit
                    points = metric.summary.data_points
                    if points:
                        empty = False
                    elif not metric.HasField("summary"):
                        empty = False
                        rejects.append((i, *fault(UNSUPPORTED, "a metric that is no summary")))
                    for point in points:
                        identity = (resource, unit, tuple(point.attributes))
                        slot = get(identity)
                        try:
                            if slot is None:
                                slot = self._learn(identity, point)
                                get = self._book.identities.get  # a full cache begins anew
                            value = statistic_of(point, self._book.statistic_name(slot))
                        except BadPoint as ex:
                            rejects.append((i, *ex.fault))
                            continue
                        time_ns = point.time_unix_nano
                        if time_ns:
                            rows.add(slot, time_ns // _NS_PER_MS, value, i)
                        else:
                            rejects.append((i, *fault(MISSING_FIELD, "no time_unix_nano")))
        if empty:
            rejects.append((i, *fault(EMPTY, "a message without points")))

    def _learn(self, identity: Identity, point: Point) -> int:
        resource_raw, unit_raw, attributes = identity
        size = len(resource_raw) + sum(map(len, attributes))
        slot = self._book.recall(identity, size)
        if slot is not None:
            return slot
        datum = datum_of(resource_raw, unit_raw, point)
        service = self._book.catalogue.service("aws", datum.namespace)
        spec = self._book.catalogue.lookup(service, datum.metric)
        resource = cloudwatch_resource(
            service, datum.account, datum.region, datum.namespace, datum.dimensions
        )
        slot = self._book.slot(resource, spec, datum.unit, (), source=datum.metric)
        self._book.remember(identity, slot, size)
        return slot


def _uvarint(text: bytes, at: int) -> tuple[int, int]:
    """Return a length of at most 32 bits and where it ends; -1 if there is none at `at`."""
    found = 0
    for shift, byte in enumerate(text[at : at + _MAX_LENGTH_BYTES]):
        found |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            return (found if found < 1 << 32 else -1), at + shift + 1
    return -1, at
