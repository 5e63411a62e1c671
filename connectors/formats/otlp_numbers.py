"""Points of gauges and sums as raw bytes: parsed once a series, then cut.

Producers write a point as start, time and value, 9 bytes each, then attributes. So the bytes from
27 on (18, where there is no start) are an identity that costs a slice and a lookup, and the bytes
before are columns that numpy reads at once. A point of any other form is parsed.
"""

import struct
from collections.abc import Sequence
from functools import partial
from itertools import repeat
from typing import cast

import numpy as np
from google.protobuf.message import DecodeError

from connectors.formats.columns import RejectRow
from connectors.formats.otlp_book import U64, Context, PointBook
from connectors.formats.otlp_messages import Number, parse_attributes
from connectors.formats.otlp_points import NO_RECORDED_VALUE, NO_VALUE, NOT_RECORDED, is_timed
from connectors.formats.otlp_templates import NO_START, varint
from connectors.formats.reasons import MALFORMED_PROTOBUF, MISSING_FIELD, STALE, BadPoint
from schema import F64, I32

_START, _TIME, _DOUBLE, _INT, _ATTRIBUTE = b"\x11", b"\x19", b"\x21", b"\x31", b"\x3a"
_HEAD = np.dtype(
    [("_0", "u1"), ("start", "<u8"), ("_1", "u1"), ("time", "<u8"), ("tag", "u1"), ("value", "V8")]
)
_HEAD_BYTES = _HEAD.itemsize
_PACK_DOUBLE = struct.Struct("<cQcQcd").pack
_PACK_INT = struct.Struct("<cQcQcq").pack


class Numbers:
    """Points of a chunk, in order."""

    def __init__(self) -> None:
        self._slots: list[int] = []
        self._heads: list[bytes] = []  # the first 27 bytes of one point or several each
        self._payload: list[int] = []

    def add(self, slots: Sequence[int], heads: bytes, payload: int) -> None:
        """Take points of a payload, with their heads."""
        self._slots += slots
        self._heads.append(heads)
        self._payload += repeat(payload, len(slots))

    def columns(self) -> tuple[I32, U64, U64, F64, I32] | None:
        """Return slot, time, start, value and payload; None if some head is none.

        Heads that were cut by a template are checked here, all at once.
        """
        heads = b"".join(self._heads)
        if not _are_heads(heads, len(self._slots)):
            return None
        head = np.frombuffer(heads, _HEAD)
        raw = np.ascontiguousarray(head["value"])
        value = raw.view(np.float64)
        whole = head["tag"] == _INT[0]
        if whole.any():
            value = np.where(whole, raw.view(np.int64).astype(np.float64), value)
        return (
            np.array(self._slots, np.int32),
            head["time"].astype(np.uint64),
            head["start"].astype(np.uint64),
            value.copy(),
            np.array(self._payload, np.int32),
        )


def _are_heads(heads: bytes, count: int) -> bool:
    """Say whether bytes are so many heads: start, time and value, by their tags.

    As no head is too long, one that is too short shows in the sum.
    """
    return (
        len(heads) == count * _HEAD_BYTES
        and not heads[::_HEAD_BYTES].strip(_START)
        and not heads[9::_HEAD_BYTES].strip(_TIME)
        and not heads[18::_HEAD_BYTES].strip(_DOUBLE + _INT)
    )


def add_cut(
    numbers: Numbers, book: PointBook, context: Context, raws: list[bytes], payload: int
) -> list[int] | None:
    """Add the points of a metric by cutting them; return their slots.

    None, and nothing is added, if some identity is new or they have no such form.
    """
    cut = context.tail_at
    tails = [raw[cut:] for raw in raws]
    slots = list(map(book.book.identities.get, zip(repeat(context.number), tails)))
    if None in slots:
        return None
    found = cast(list[int], slots)
    if cut == _HEAD_BYTES:
        heads = b"".join([raw[:_HEAD_BYTES] for raw in raws])
    else:
        heads = b"".join([NO_START + raw[:cut] for raw in raws])
    if not _are_heads(heads, len(raws)):
        return None
    numbers.add(found, heads, payload)
    return found


def add_parsed(
    numbers: Numbers, book: PointBook, context: Context, raws: list[bytes], payload: int,
    rejects: list[RejectRow],
) -> None:  # fmt: skip
    """Add the points of a metric by parsing each, or a reject for one that is bad."""
    for raw in raws:
        try:
            slot, head = _parsed(book, context, raw)
        except BadPoint as ex:
            rejects.append((payload, *ex.fault))
        else:
            numbers.add((slot,), head, payload)


def _parsed(book: PointBook, context: Context, raw: bytes) -> tuple[int, bytes]:
    try:
        point = Number.FromString(raw)
    except DecodeError as ex:
        raise BadPoint(MALFORMED_PROTOBUF, str(ex)) from ex
    if point.flags & NO_RECORDED_VALUE:
        raise BadPoint(STALE, NOT_RECORDED)
    times = (_START, point.start_time_unix_nano, _TIME, point.time_unix_nano)
    if point.HasField("as_double"):
        head = _PACK_DOUBLE(*times, _DOUBLE, point.as_double)
    elif point.HasField("as_int"):
        head = _PACK_INT(*times, _INT, point.as_int)
    else:
        raise BadPoint(MISSING_FIELD, NO_VALUE)
    attributes: list[bytes] = list(point.attributes)
    tail = tail_of(attributes)
    timed = is_timed(point.start_time_unix_nano, point.time_unix_nano)
    slot = book.number(context, tail, partial(parse_attributes, attributes), timed=timed)
    for cut in (_HEAD_BYTES, _HEAD_BYTES - len(NO_START)):
        if raw[cut:] == tail and len(raw) == cut + len(tail):
            context.tail_at = cut
    return slot, head


def tail_of(attributes: list[bytes]) -> bytes:
    """Return attributes as a point of a gauge or sum has them on the wire."""
    return b"".join([_ATTRIBUTE + varint(len(raw)) + raw for raw in attributes])
