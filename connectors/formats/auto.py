"""`auto`: the format of a partition, found in the first payload that some decoder can read.

What the payload looks like names candidates, cheaply; each is tried on it, and the one that gets
most out of it is taken, for good.
"""

import logging
from collections.abc import Callable, Iterator, Sequence

import msgspec
import numpy as np

from connectors.formats.blocks import joined, placed
from connectors.formats.columns import RejectRow
from connectors.formats.reasons import PARSE_ERRORS, TOO_LARGE, UNKNOWN_FORMAT, Fault, fault
from connectors.formats.salvage import elements
from schema import Decoded, Decoder, SeriesTable

logger = logging.getLogger(__name__)

AUTO = "auto"

# A JSON object looks like a format if it has all keys of one of the sets.
_KEYS: dict[str, tuple[frozenset[str], ...]] = {
    name: tuple(map(frozenset, sets))
    for name, sets in {
        "foreshock-json": [{"resource", "metric", "ts_ms", "value"}],
        "cloudwatch-json": [{"namespace", "metric_name", "timestamp", "value"}],
        "otlp-json": [{"resourceMetrics"}],
        "azure-monitor": [{"records"}, {"resourceId", "metricName"}, {"resourceId", "Name"}],
        "gcp-timeseries": [{"timeSeries"}, {"metric", "resource", "points"}, {"message"}],
        "telegraf-json": [{"metrics"}, {"name", "fields"}],
        "prometheus-json": [{"name", "timestamp", "value"}],
    }.items()
}
_REQUEST = b"\x0a"  # the first byte of OTLP's request: field 1, with a length
_WRITE = frozenset({b"\x0a", b"\x1a"})  # of remote write's: series, or metadata
_MAX_VARINT = 5  # bytes
_MAX_LINES = 20  # of a payload that are looked at for an object
_MAX_NAMED = 8  # keys in the detail of a reject
_SPACE = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Chosen:
    """A decoder that is chosen, now (`name` is one) or by what comes first (it is "").

    Until then every payload is a reject, unless it is a legal envelope without a point.
    """

    def __init__(
        self,
        make: Callable[[str], Decoder],
        known: Sequence[str],
        max_payload_bytes: int,
        source: str,
        name: str = "",
    ) -> None:
        self.format = name
        self._make = make
        self._known = frozenset(known)
        self._max_bytes = max_payload_bytes
        self._source = source
        self._decode = make(name) if name else None
        self._tried: dict[str, Decoder] = {}

    def __call__(self, payloads: Sequence[bytes], table: SeriesTable) -> Decoded:
        """See schema.Decoder."""
        if self._decode is not None:
            return self._decode(payloads, table)
        rejects: list[RejectRow] = []
        for i, payload in enumerate(payloads):
            verdict = self._sniff(payload)
            if self._decode is not None:
                rest = self._decode(payloads[i:], table)
                positions = np.arange(i, len(payloads), dtype=np.int32)
                found = placed(rest, positions)
                return Decoded(found.batch, rejects + found.rejects)
            if verdict is not None:
                rejects.append((i, *verdict))
        return Decoded(joined([]).batch, rejects)

    def _sniff(self, payload: bytes) -> Fault | None:
        """Choose a decoder if one reads the payload, else say what is wrong with it, if anything.

        The attempts fill tables of their own, so that nothing is left of the wrong ones.
        """
        if len(payload) > self._max_bytes:
            return fault(TOO_LARGE, f"{len(payload)} bytes, at most {self._max_bytes}")
        names, looks = candidates(payload)
        best, lawful = (0, 0), False
        for name in names:
            if name not in self._known:
                continue
            decoder = self._tried.get(name) or self._tried.setdefault(name, self._make(name))
            found = decoder([payload], SeriesTable())
            score = (len(found.batch.value), -len(found.rejects))
            lawful = lawful or score == (0, 0)
            if score[0] and score > best:
                best, self.format, self._decode = score, name, decoder
        if self._decode is not None:
            self._tried.clear()
            logger.info("%s: the format is %s", self._source, self.format)
            return None
        return None if lawful else fault(UNKNOWN_FORMAT, looks)


def candidates(payload: bytes) -> tuple[tuple[str, ...], str]:
    """Return the formats that a payload may have, best guess first, and what it looks like."""
    keys = _keys(payload.removeprefix(_BOM).strip(_SPACE))
    if keys is None:
        return tuple(_binary(payload)), "neither JSON nor a binary format's message"
    if not keys:
        return ("otlp-json",), "an object without keys"
    names = tuple(name for name, sets in _KEYS.items() if any(s <= keys for s in sets))
    return names, f"an object with the keys {', '.join(sorted(keys)[:_MAX_NAMED])}"


def _binary(payload: bytes) -> Iterator[str]:
    """Yield by the first bytes; what a stricter decoder reads as well as another is its own."""
    size, start = _uvarint(payload)
    if start and 0 < size <= len(payload) - start and payload.startswith(_REQUEST, start):
        yield "cloudwatch-otel"
    if start and size and start < len(payload) and payload[start] & 3 == 0:  # a Snappy literal
        wide = max(0, (payload[start] >> 2) - 59)  # bytes of its length behind the tag
        if payload[start + 1 + wide : start + 2 + wide] in _WRITE:
            yield "prometheus-remote-write"
    if payload.startswith(_REQUEST):
        yield "otlp-proto"


def _uvarint(payload: bytes) -> tuple[int, int]:
    """Return the number at the start of a payload and where it ends, 0 if there is none."""
    value = 0
    for i, octet in enumerate(payload[:_MAX_VARINT]):
        value |= (octet & 0x7F) << (7 * i)
        if octet < 0x80:
            return value, i + 1
    return 0, 0


def _keys(text: bytes) -> frozenset[str] | None:
    """Return the keys of the first JSON object: the payload, an array's member, a line."""
    for document in (text, *text.split(b"\n", _MAX_LINES)[:_MAX_LINES]):
        found = _object(document)
        if found is None and document.startswith(b"["):
            found = next(filter(None, map(_object, elements(document) or ())), None)
        if found is not None:
            return frozenset(found)
    return None


def _object(text: bytes) -> dict[str, msgspec.Raw] | None:
    if not text.startswith(b"{"):
        return None
    try:
        return _OBJECT.decode(text)
    except PARSE_ERRORS:
        return None
