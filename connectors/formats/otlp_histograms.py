"""Points of histograms as raw bytes: parsed once a series, then cut.

Producers write a point as start, time, count and sum, 9 bytes each, then bucket counts, bounds,
attributes, and at the end min and max or neither. So the bytes between the bucket counts and the
end are an identity, and the rest are columns. A point of any other form is parsed.
"""

from typing import NamedTuple

import numpy as np

from connectors.formats.columns import REJECTED
from connectors.formats.otlp_book import U64, Context, PointBook
from connectors.formats.otlp_points import Kind, Shape
from connectors.formats.otlp_templates import varint
from schema import F64, I32

_HEAD = np.dtype(
    [("_0", "u1"), ("start", "<u8"), ("_1", "u1"), ("time", "<u8"), ("_2", "u1"), ("count", "<u8"),
     ("_3", "u1"), ("sum", "<f8")]
)  # fmt: skip
_EDGES = np.dtype([("_0", "u1"), ("min", "<f8"), ("_1", "u1"), ("max", "<f8")])
_HEAD_BYTES, _EDGE_BYTES = _HEAD.itemsize, _EDGES.itemsize
_TAGS = b"\x11\x19\x21\x29\x32"  # start, time, count, sum, bucket counts
_EDGE_TAGS = b"\x59\x61"
_NO_EDGES = b"\x59" + bytes(8) + b"\x61" + bytes(8)
_MAX_COUNTS = 0x7F  # bytes of bucket counts whose length is one byte


class Columns(NamedTuple):
    """Rows of all series: count, sum, mean, min and max of each point, those absent left out."""

    slot: I32
    time_ns: U64
    start_ns: U64
    value: F64
    observations: F64
    payload: I32


class Histograms:
    """Points of a chunk, in order."""

    def __init__(self) -> None:
        self._slots: list[tuple[int, ...]] = []
        self._heads: list[bytes] = []
        self._edges: list[bytes] = []
        self._delta: list[bool] = []
        self._payload: list[int] = []

    def __len__(self) -> int:
        return len(self._slots)

    def add(self, book: PointBook, context: Context, raws: list[bytes], payload: int) -> bool:
        """Add the points of a metric; False, and nothing is added, if some have to be parsed."""
        get, edged = book.cut_groups.get, context.edged
        number = context.number if edged else -context.number
        end = -_EDGE_BYTES if edged else None
        slots, heads, edges = [], [], []
        for raw in raws:
            if len(raw) < _HEAD_BYTES + 2 + _EDGE_BYTES or raw[37] > _MAX_COUNTS:
                return False
            found = get((number, raw[38 + raw[37] : end]))
            if found is None or raw[:37:9] != _TAGS:
                return False
            edge = raw[-_EDGE_BYTES:] if edged else _NO_EDGES
            if edge[::9] != _EDGE_TAGS:
                return False
            slots.append(found)
            heads.append(raw[:_HEAD_BYTES])
            edges.append(edge)
        self._slots += slots
        self._heads += heads
        self._edges += edges
        self._delta += [context.kind == Kind.DELTA_HISTOGRAM] * len(raws)
        self._payload += [payload] * len(raws)
        return True

    def columns(self) -> Columns:
        """Return all of it as rows; an interval without observations has a count and a sum."""
        head = np.frombuffer(b"".join(self._heads), _HEAD)
        edges = np.frombuffer(b"".join(self._edges), _EDGES)
        slots = np.array(self._slots, np.int32).reshape(-1, 5)
        observed = head["count"].astype(np.float64)
        slots[np.array(self._delta, np.bool_) & (observed == 0), 2:] = REJECTED
        each = np.stack((observed, head["sum"], head["sum"], edges["min"], edges["max"]), axis=1)
        count = np.zeros_like(each)
        count[:, 2] = observed
        good = slots != REJECTED
        rows = np.nonzero(good)[0]
        return Columns(
            slots[good],
            head["time"].astype(np.uint64)[rows],
            head["start"].astype(np.uint64)[rows],
            each[good],
            count[good],
            np.array(self._payload, np.int32)[rows],
        )


def learn_cut(
    book: PointBook, context: Context, raw: bytes, attributes: list[bytes], bounds: bytes,
    shape: Shape, slots: tuple[int, ...],
) -> None:  # fmt: skip
    """Remember the slots of a point that was parsed, if it has the form that can be cut."""
    delta = context.kind == Kind.DELTA_HISTOGRAM
    if not shape.mean or len(raw) < _HEAD_BYTES + 2 or raw[37] > _MAX_COUNTS:
        return
    edged = raw[-_EDGE_BYTES:][::9] == _EDGE_TAGS and len(raw) >= _HEAD_BYTES + 2 + _EDGE_BYTES
    tail = raw[38 + raw[37] : -_EDGE_BYTES if edged else None]
    fields = [b"\x3a" + varint(len(bounds)) + bounds] if bounds else []
    fields += [b"\x4a" + varint(len(one)) + one for one in attributes]
    if tail != b"".join(fields) or raw[:37:9] != _TAGS or (delta and edged != shape.min):
        return
    absent = (REJECTED, REJECTED)
    context.edged = edged
    book.cut_groups.put(
        (context.number if edged else -context.number, tail),
        slots if delta and edged else slots + absent,
        len(tail) + 256,
    )
