"""Metrics whose bytes are known: all but their times and values is as it was before.

An exporter sends the same series in the same order every interval. So a metric, and a resource with
all its metrics, of known length and beginning is cut at the known places; if what lies between the
heads of the points is the same, the points are those of the same series. No message is parsed, and
no point is looked up.
"""

import struct
from collections.abc import Callable, Sequence
from itertools import chain
from typing import NamedTuple

from connectors.formats.generations import Generations
from connectors.formats.otlp_book import Context
from connectors.formats.settings import DecodeSettings

NO_START = b"\x11" + bytes(8)  # a start of 0, which is not said

_MAX_POINTS = 10_000  # of a template
_BEGINNING = 48  # bytes, by which most metrics of a resource differ
_WHOLE_BEGINNING = 512  # and most resources
_ENTRY_BYTES = 512  # of a template beside its bytes, about

_Key = tuple[bytes, int, bytes]


class Template(NamedTuple):
    """How to cut bytes: into fixed parts and, between them, the heads of points."""

    sizes: tuple[int, ...]  # of a fixed part, a head, a fixed part ... and a fixed part
    cut: Callable[[bytes], tuple[bytes, ...]]
    fixed: tuple[bytes, ...]
    before: tuple[bytes, ...]  # each head, if it has no start
    slots: tuple[int, ...]


class Known(NamedTuple):
    """Points that were found by a template."""

    template: Template
    heads: bytes


_SEEN = Template((), lambda raw: (), (), (), ())


class Templates:
    """Templates of what came more than once. Memory: bounded by the cache's settings."""

    def __init__(self, settings: DecodeSettings) -> None:
        limits = (settings.cache_entries, settings.cache_bytes)
        self._known: Generations[_Key, Template] = Generations(*limits)

    def clear(self) -> None:
        """Forget everything."""
        self._known.clear()

    def metric(self, resource: bytes, raw: bytes) -> Known | None:
        """Return the points of a metric, if it is one that is known."""
        found = self._known.get((resource, len(raw), raw[:_BEGINNING]))
        return None if found is None else _cut(found, raw)

    def whole(self, raw: bytes) -> Known | None:
        """Return the points of a resource with its metrics, if they are known."""
        found = self._known.get((b"", len(raw), raw[:_WHOLE_BEGINNING]))
        return None if found is None else _cut(found, raw)

    def learn_metric(
        self, context: Context, raw: bytes, points: list[bytes], slots: list[int]
    ) -> None:
        """Remember a metric, each of whose points is a head and attributes from `tail_at` on."""
        key = (context.raw_resource, len(raw), raw[:_BEGINNING])
        if not points or not self._again(key, len(raw), len(points)):
            return
        block = b"".join([b"\x0a" + varint(len(point)) + point for point in points])
        at = _only(block, raw)
        if at < 0:
            return
        head = context.tail_at
        sizes, fixed = [], at
        for point in points:
            sizes += [fixed + 1 + len(varint(len(point))), head]
            fixed = len(point) - head
        sizes.append(len(raw) - at - len(block) + fixed)
        before = NO_START if head == len(NO_START) * 2 else b""
        self._put(key, raw, sizes, [before] * len(points), slots)

    def learn_whole(self, raw: bytes, metrics: list[tuple[bytes, Template]]) -> None:
        """Remember a resource, all of whose metrics are known."""
        key = (b"", len(raw), raw[:_WHOLE_BEGINNING])
        points = sum(len(template.slots) for _, template in metrics)
        if not points or not self._again(key, len(raw), points):
            return
        sizes: list[int] = []
        fixed = end = 0
        for metric, template in metrics:
            at = _only(metric, raw)
            if at < end:
                return
            sizes += [fixed + at - end + template.sizes[0], *template.sizes[1:-1]]
            fixed, end = template.sizes[-1], at + len(metric)
        sizes.append(fixed + len(raw) - end)
        before = list(chain.from_iterable(template.before for _, template in metrics))
        slots = list(chain.from_iterable(template.slots for _, template in metrics))
        self._put(key, raw, sizes, before, slots)

    def _again(self, key: _Key, length: int, points: int) -> bool:
        """Say whether a key is worth a template: what comes but once is not, nor what changes."""
        if points > _MAX_POINTS:
            return False
        size = _bytes(key, length, points)
        found = self._known.get(key) or self._known.recall(key, size)
        if found is not _SEEN:
            self._known.put(key, _SEEN, size)
        return found is _SEEN

    def _put(
        self, key: _Key, raw: bytes, sizes: list[int], before: list[bytes], slots: Sequence[int]
    ) -> None:
        cut = struct.Struct("=" + "".join([f"{size}s" for size in sizes])).unpack
        template = Template(tuple(sizes), cut, cut(raw)[::2], tuple(before), tuple(slots))
        self._known.put(key, template, _bytes(key, len(raw), len(slots)))


def _bytes(key: _Key, length: int, points: int) -> int:
    return length + len(key[0]) + len(key[2]) + 256 * points + _ENTRY_BYTES


def _cut(template: Template, raw: bytes) -> Known | None:
    if template is _SEEN:
        return None
    parts = template.cut(raw)
    if parts[::2] != template.fixed:
        return None
    heads = b"".join(chain.from_iterable(zip(template.before, parts[1::2], strict=True)))
    return Known(template, heads)


def _only(part: bytes, raw: bytes) -> int:
    """Return where the part is; -1 if that is not certain."""
    at = raw.find(part)
    return -1 if at < 0 or raw.find(part, at + 1) >= 0 else at


def varint(number: int) -> bytes:
    """Return a number as protobuf writes lengths."""
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)
