"""Protobuf's wire format as a tree: read with a shape that says what is a message, and written.

A message is read when someone looks inside; until then it is the bytes that came.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Union

VARINT, FIXED64, LEN, FIXED32 = 0, 1, 2, 5
_GROUP, _GROUP_END = 3, 4
VERBATIM = -1  # the value is bytes that are written as they are, tag and all
_SIZES = {FIXED64: 8, FIXED32: 4}


@dataclass(slots=True, eq=False)
class Field:
    """A field: a number, bytes or a message."""

    number: int
    kind: int
    value: Union[int, bytes, "Node"]


class Shape(NamedTuple):
    """Which fields of a message are messages; a unit is a message that is a point."""

    messages: Mapping[int, "Shape"]
    is_unit: bool = False
    holds_units: bool = False


class BadWire(ValueError):
    """Bytes are no message."""


class Node:
    """A message."""

    __slots__ = ("_fields", "_raw", "shape")

    def __init__(self, raw: bytes, shape: Shape) -> None:
        self._raw = raw
        self._fields: list[Field] | None = None
        self.shape = shape

    @property
    def fields(self) -> list[Field]:
        """The fields, to be changed in place.

        Raises: BadWire.
        """
        if self._fields is None:
            self._fields = list(_read(self._raw, self.shape))
        return self._fields

    def nodes(self) -> Iterator[tuple[int, "Node"]]:
        """Yield the messages inside, with their fields' numbers."""
        for field in self.fields:
            if isinstance(field.value, Node):
                yield field.number, field.value

    def units(self) -> Iterator["Node"]:
        """Yield the points inside, in order.

        Raises: BadWire.
        """
        if self.shape.is_unit:
            yield self
            return
        for _, node in self.nodes():
            if node.shape.is_unit or node.shape.holds_units:
                yield from node.units()

    def encoded(self) -> bytes:
        """Return the bytes."""
        if self._fields is None:
            return self._raw
        parts: list[bytes] = []
        for field in self._fields:
            value = field.value
            if isinstance(value, int):
                parts += (varint(field.number << 3 | field.kind), varint(value))
                continue
            content = value if isinstance(value, bytes) else value.encoded()
            if field.kind == LEN:
                parts += (varint(field.number << 3 | LEN), varint(len(content)))
            elif field.kind != VERBATIM:
                parts.append(varint(field.number << 3 | field.kind))
            parts.append(content)
        return b"".join(parts)


def varint(value: int, size: int = 0) -> bytes:
    """Return a varint, filled up to `size` bytes."""
    if value < 0x80 and not size:
        return bytes((value,))
    found = bytearray()
    while value > 0x7F or len(found) < size - 1:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def _read(text: bytes, shape: Shape) -> Iterator[Field]:
    at, end = 0, len(text)
    while at < end:
        start = at
        tag, at = _varint(text, at)
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise BadWire("field 0")
        if kind == VARINT:
            value, at = _varint(text, at)
            yield Field(number, VARINT, value)
        elif kind == _GROUP:
            at = _group_end(text, at, number)
            yield Field(number, VERBATIM, text[start:at])
        else:
            start, at = _content(text, at, kind)
            content = text[start:at]
            inner = shape.messages.get(number) if kind == LEN else None
            yield Field(number, kind, content if inner is None else Node(content, inner))


def _content(text: bytes, at: int, kind: int) -> tuple[int, int]:
    """Return where a field's content begins and ends."""
    size = _SIZES.get(kind)
    if kind == LEN:
        size, at = _varint(text, at)
    if size is None or at + size > len(text):
        raise BadWire(f"kind {kind}, {size} bytes")
    return at, at + size


def _group_end(text: bytes, at: int, number: int) -> int:
    """Return where a group of unknown fields ends."""
    open_groups = [number]
    while open_groups:
        tag, at = _varint(text, at)
        kind = tag & 7
        if kind == _GROUP:
            open_groups.append(tag >> 3)
        elif kind == _GROUP_END:
            if open_groups.pop() != tag >> 3:
                raise BadWire("the end of another group")
        elif kind == VARINT:
            _, at = _varint(text, at)
        else:
            _, at = _content(text, at, kind)
    return at


def _varint(text: bytes, at: int) -> tuple[int, int]:
    found = 0
    for shift in range(0, 70, 7):
        if at >= len(text):
            raise BadWire("cut short")
        byte = text[at]
        at += 1
        found |= (byte & 0x7F) << shift
        if byte < 0x80:
            return found & (1 << 64) - 1, at
    raise BadWire("a varint of more than ten bytes")
