"""Compressed payloads: gzip, Zstandard, LZ4 and Snappy are undone before a decoder sees them."""

from collections.abc import Callable, Sequence

import cramjam
import numpy as np
import pyarrow as pa

from connectors.formats.blocks import joined, placed
from connectors.formats.columns import RejectRow
from connectors.formats.reasons import BAD_ENCODING, TOO_LARGE, Fault, fault
from schema import Decoded, NamedDecoder, SeriesTable

ENCODINGS = ("auto", "none", "gzip", "zstd", "snappy", "lz4")

# With their whole length: no JSON begins so, no message of OTLP's, and no Snappy block.
_MAGIC = {
    "gzip": b"\x1f\x8b\x08",
    "zstd": b"\x28\xb5\x2f\xfd",
    "lz4": b"\x04\x22\x4d\x18",
    "snappy": b"\xff\x06\x00\x00sNaPpY",
}
_FIRST = frozenset(magic[0] for magic in _MAGIC.values())
_AT_ONCE_BYTES = 4_194_304  # undone before they are decoded: a chunk may hold gigabytes
_STEP_BYTES = 65_536
_MAX_SNAPPY_RATIO = 22  # three bytes say at most "copy 64"


def check_encoding(encoding: str) -> None:
    """Raise ValueError unless `encoding` is a name that we know."""
    if encoding not in ENCODINGS:
        raise ValueError(f"encoding must be one of {', '.join(ENCODINGS)}, got {encoding!r}")


class Unpacked:
    """A decoder over another one, which sees plain payloads.

    `encoding` "auto" goes by the first bytes of each payload; a named one must hold for all that
    are not empty, and "snappy" then also takes the raw block form.
    """

    def __init__(self, decoder: NamedDecoder, encoding: str, max_payload_bytes: int) -> None:
        self._decode = decoder
        self._encoding = "" if encoding == "auto" else encoding
        self._max_bytes = max_payload_bytes

    @property
    def format(self) -> str:
        """The name of the format; "" while `auto` has not found it."""
        return self._decode.format

    def __call__(self, payloads: Sequence[bytes], table: SeriesTable) -> Decoded:
        """See schema.Decoder."""
        if not self._encoding and _FIRST.isdisjoint({p[0] for p in payloads if p}):
            return self._decode(payloads, table)
        parts: list[Decoded] = []
        rejects: list[RejectRow] = []
        plain: list[bytes] = []
        positions: list[int] = []
        size = 0
        for i, payload in enumerate(payloads):
            found = self._plain(payload)
            if isinstance(found, Fault):
                rejects.append((i, *found))
                continue
            plain.append(found)
            positions.append(i)
            size += len(found)
            if size >= _AT_ONCE_BYTES:
                parts.append(placed(self._decode(plain, table), np.array(positions, np.int32)))
                plain, positions, size = [], [], 0
        parts.append(placed(self._decode(plain, table), np.array(positions, np.int32)))
        decoded = joined(parts)
        if rejects:
            rejects = sorted(decoded.rejects + rejects, key=lambda row: row[0])
            return Decoded(decoded.batch, rejects)
        return decoded

    def _plain(self, payload: bytes) -> bytes | Fault:
        encoding = self._encoding or encoding_of(payload)
        if not encoding or not payload:
            return payload
        return unpacked(payload, encoding, self._max_bytes)


def encoding_of(payload: bytes) -> str:
    """Return the encoding that a payload's first bytes name, "" if none."""
    for name, magic in _MAGIC.items():
        if payload.startswith(magic):
            return name
    return ""


def unpacked(payload: bytes, encoding: str, max_bytes: int) -> bytes | Fault:
    """Undo an encoding, several members or frames of it too.

    Memory: `max_bytes`, whatever the payload claims.
    """
    if len(payload) > max_bytes:
        return fault(TOO_LARGE, f"{len(payload)} bytes of {encoding}, at most {max_bytes}")
    undo = _snappy if encoding == "snappy" else _stream(encoding)
    try:
        plain = undo(payload, max_bytes)
    except (OSError, cramjam.DecompressionError) as ex:
        return fault(BAD_ENCODING, f"{encoding}: {ex}")
    if plain is None:
        return fault(TOO_LARGE, f"more than {max_bytes} bytes, {encoding} undone")
    return plain


def _stream(codec: str) -> Callable[[bytes, int], bytes | None]:
    def undo(payload: bytes, max_bytes: int) -> bytes | None:
        if not payload.startswith(_MAGIC[codec]):
            raise OSError("its first bytes are not those of this encoding")
        plain = bytearray()
        step = memoryview(bytearray(_STEP_BYTES))  # of ours: what `read` takes, damage would leak
        with pa.CompressedInputStream(pa.BufferReader(payload), codec) as stream:
            while len(plain) <= max_bytes and (size := stream.readinto(step)):
                plain += step[:size]
        return bytes(plain) if len(plain) <= max_bytes else None

    return undo


def _snappy(payload: bytes, max_bytes: int) -> bytes | None:
    if not payload.startswith(_MAGIC["snappy"]):
        if cramjam.snappy.decompress_raw_len(payload) > max_bytes:
            return None
        return bytes(cramjam.snappy.decompress_raw(payload))
    out = bytearray(min(max_bytes, _MAX_SNAPPY_RATIO * len(payload)) + 1)
    try:
        size = cramjam.snappy.decompress_into(payload, out)
    except cramjam.DecompressionError as ex:
        if "write whole buffer" in str(ex):
            return None
        raise
    return bytes(memoryview(out)[:size]) if size <= max_bytes else None
