"""`prometheus-remote-write`: bodies of remote write 1.0, a WriteRequest as a snappy block."""

from collections.abc import Sequence

import cramjam
import numpy as np

from connectors.formats.columns import REJECTED, RejectRow, assemble
from connectors.formats.prometheus_mean import Means, Readings
from connectors.formats.prometheus_metric import series_slot
from connectors.formats.prometheus_series import (
    NO_SERIES,
    TAIL,
    TAIL_BYTES,
    ZERO,
    ZERO_BYTES,
    ZERO_HEAD,
    columns,
    labels_of,
    parse_request,
    parse_series,
)
from connectors.formats.reasons import (
    BAD_ENCODING,
    BAD_TIME,
    EMPTY,
    MALFORMED_PROTOBUF,
    STALE,
    TOO_LARGE,
    UNSUPPORTED,
    BadPoint,
    fault,
)
from connectors.formats.series_book import SeriesBook
from connectors.formats.settings import DecodeSettings
from connectors.formats.times import MAX_TS_MS
from schema import Catalogue, Decoded, SeriesTable

_STALE = np.uint64(0x7FF0000000000002)  # one NaN of many; the others are values that went wrong


class PrometheusRemoteWrite:
    """Decoder of one partition. Memory: the table's series and a bounded cache."""

    def __init__(self, catalogue: Catalogue, settings: DecodeSettings) -> None:
        self._max_bytes = settings.max_payload_bytes
        self._book: SeriesBook[bytes] = SeriesBook(catalogue, settings)
        self._table: SeriesTable | None = None
        self._means = Means()

    def __call__(self, payloads: Sequence[bytes], table: SeriesTable) -> Decoded:
        """See schema.Decoder."""
        self._book.bind(table)
        if table is not self._table:
            self._table, self._means = table, Means()
        slots: list[int] = []
        tails: list[bytes] = []
        sizes: list[int] = []
        rejects: list[RejectRow] = []
        for i, payload in enumerate(payloads):
            before = len(slots)
            try:
                self._read(payload, i, slots, tails, rejects)
            except BadPoint as ex:
                rejects.append((i, *ex.fault))
            sizes.append(len(slots) - before)
        return self._assemble(slots, tails, sizes, rejects)

    def _read(
        self,
        payload: bytes,
        i: int,
        slots: list[int],
        tails: list[bytes],
        rejects: list[RejectRow],
    ) -> None:
        """Take the samples of a payload.

        Raises: BadPoint if it cannot be read.
        """
        request = parse_request(self._plain(payload))
        if request.timeseries_of_2_0 or request.symbols_of_2_0:
            raise BadPoint(
                UNSUPPORTED, "remote write 2.0 (io.prometheus.write.v2.Request): send 1.0"
            )
        before = len(slots) + len(rejects)
        get = self._book.identities.get
        for raw in request.timeseries:
            if raw.startswith(TAIL, -TAIL_BYTES):
                slot, tail = get(raw[:-TAIL_BYTES]), raw[-TAIL_BYTES:]
            elif raw.startswith(ZERO, -ZERO_BYTES):
                slot, tail = get(raw[:-ZERO_BYTES]), ZERO_HEAD + raw[-7:]
            else:
                slot = None
            if slot is None:
                self._parse(raw, i, slots, tails, rejects)
                get = self._book.identities.get  # a full cache begins anew
            else:
                slots.append(slot)
                tails.append(tail)
        if len(slots) + len(rejects) == before and not request.metadata:
            raise BadPoint(EMPTY, "a request without samples")

    def _plain(self, payload: bytes) -> bytes:
        if not payload:
            raise BadPoint(EMPTY, "no bytes")
        try:
            size = cramjam.snappy.decompress_raw_len(payload)
            if max(size, len(payload)) > self._max_bytes:
                detail = f"{len(payload)} bytes, {size} uncompressed, at most {self._max_bytes}"
                raise BadPoint(TOO_LARGE, detail)
            return bytes(cramjam.snappy.decompress_raw(payload))
        except cramjam.DecompressionError as ex:
            raise BadPoint(BAD_ENCODING, str(ex)) from ex

    def _parse(
        self,
        raw: bytes,
        i: int,
        slots: list[int],
        tails: list[bytes],
        rejects: list[RejectRow],
    ) -> None:
        """Take the samples of a TimeSeries that is new or unusual."""
        try:
            found = parse_series(raw)
        except BadPoint as ex:
            rejects.append((i, *ex.fault))
            return
        rejects += [(i, *_NATIVE)] * found.histograms
        if not found.samples:
            return
        try:
            slot = self._slot(found.key)
        except BadPoint as ex:
            rejects += [(i, *ex.fault)] * len(found.samples)
        else:
            slots += [slot] * len(found.samples)
            tails += found.samples

    def _slot(self, key: bytes) -> int:
        slot = self._book.identities.get(key)
        if slot is None:
            slot = self._book.recall(key, len(key))
        if slot is None:
            slot, ending, half = series_slot(self._book, labels_of(key))
            if half is not None:
                self._means.learn(slot, half, is_sum=ending == "_sum")
            self._book.remember(key, slot, len(key))
        return slot

    def _assemble(
        self, slots: list[int], tails: list[bytes], sizes: list[int], rejects: list[RejectRow]
    ) -> Decoded:
        slot = np.array(slots, np.int32)
        value, ts_ms = columns(tails)
        payload = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
        stale = value.view(np.uint64) == _STALE
        faults = (
            (ts_ms < 0, MALFORMED_PROTOBUF, NO_SERIES),
            (ts_ms > MAX_TS_MS, BAD_TIME, "timestamp is not within 1970 to 9999"),
            (stale & (ts_ms >= 0) & (ts_ms <= MAX_TS_MS), STALE, "the series has ended"),
        )
        for rows, reason, detail in faults:
            rejects += [(i, reason, detail) for i in payload[rows].tolist()]
            slot[rows] = REJECTED
        rows = self._means.add(
            self._book, Readings(slot, ts_ms, value, payload, np.zeros(len(slot)))
        )
        return assemble(
            self._book,
            rows.slot,
            rows.ts_ms,
            rows.value,
            rows.payload,
            rejects,
            np.zeros(len(rows.slot), np.int64),
            rows.count,
        )


_NATIVE = fault(UNSUPPORTED, "a native histogram")
