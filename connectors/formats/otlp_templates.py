"""Metrics whose bytes are known: all but their times and values is as it was before.

An exporter sends the same series in the same order every interval. So a metric of known length and
beginning is cut at the known places, and if what lies between the points' first bytes is the same,
its points are those of the same series. No message is parsed, and no point is looked up.
"""

import struct
from collections.abc import Callable
from typing import NamedTuple

from connectors.formats.generations import Generations
from connectors.formats.otlp_book import Context
from connectors.formats.settings import DecodeSettings

_MAX_POINTS = 1_000  # of a metric with a template
_BEGINNING = 48  # bytes, by which most metrics of a resource differ
_ENTRY_BYTES = 512  # of a template beside its bytes, about
NO_START = b"\x11" + bytes(8)  # a start of 0, which is not said

_Key = tuple[bytes, int, bytes]


class Template(NamedTuple):
    """How to cut a metric: into fixed parts and, between them, the heads of its points."""

    cut: Callable[[bytes], tuple[bytes, ...]]
    fixed: tuple[bytes, ...]
    between: bytes  # that stands before each head, for heads without a start
    slots: tuple[int, ...]


_SEEN = Template(lambda raw: (), (b"",), b"", ())


class Templates:
    """Templates of the metrics that came twice. Memory: bounded by the cache's settings."""

    def __init__(self, settings: DecodeSettings) -> None:
        self._known: Generations[_Key, Template] = Generations(
            settings.cache_entries, settings.cache_bytes
        )

    def clear(self) -> None:
        """Forget everything."""
        self._known.clear()

    def match(self, resource: bytes, raw: bytes) -> tuple[tuple[int, ...], bytes] | None:
        """Return slots and heads of a metric's points, if it is one that is known."""
        found = self._known.get((resource, len(raw), raw[:_BEGINNING]))
        if found is None:
            return None
        parts = found.cut(raw)
        if parts[::2] != found.fixed:
            return None
        between = found.between
        return found.slots, between + between.join(parts[1::2])

    def learn(self, context: Context, raw: bytes, points: list[bytes], slots: list[int]) -> None:
        """Remember a metric, each of whose points is a head and attributes from `tail_at` on."""
        if not 0 < len(points) <= _MAX_POINTS:
            return
        key = (context.raw_resource, len(raw), raw[:_BEGINNING])
        size = 2 * len(raw) + len(context.raw_resource) + 64 * len(points) + _ENTRY_BYTES
        found = self._known.get(key) or self._known.recall(key, size)
        if found is None or found is not _SEEN:  # a series set that comes once is not worth it
            self._known.put(key, _SEEN, size)
            return
        block = b"".join([b"\x0a" + varint(len(point)) + point for point in points])
        at = raw.find(block)
        if at < 0 or raw.find(block, at + 1) >= 0:
            return
        head = context.tail_at
        form, fixed = "=", at  # bytes since the last head
        for point in points:
            fixed += 1 + len(varint(len(point)))
            form += f"{fixed}s{head}s"
            fixed = len(point) - head
        cut = struct.Struct(f"{form}{len(raw) - at - len(block) + fixed}s").unpack
        between = NO_START if head == len(NO_START) * 2 else b""
        self._known.put(key, Template(cut, cut(raw)[::2], between, tuple(slots)), size)


def varint(number: int) -> bytes:
    """Return a number as protobuf writes lengths."""
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)
