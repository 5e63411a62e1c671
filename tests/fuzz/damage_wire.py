"""Damage to protobuf messages: inside a point, to what points share, or to the encoding."""

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass

from tests.fuzz.cases import MANY, Case, Unit, bounds
from tests.fuzz.wire import FIXED32, FIXED64, LEN, VARINT, VERBATIM, Field, Node, Shape, varint

_DOUBLES = (0.0, -0.0, 1.0, -1.0, 1e308, -1e308, 5e-324, float("nan"), float("inf"), -float("inf"))
_FIXED = (
    *(struct.pack("<d", value) for value in _DOUBLES),
    *(struct.pack("<Q", value) for value in (0, 1, 2**32, 2**63, 2**64 - 1, 10**15)),
    struct.pack("<Q", 0x7FF0000000000002),  # Prometheus' stale marker
)
_VARINTS = (0, 1, 2, 127, 128, 2**31, 2**32 - 1, 2**63, 2**64 - 1, 253_402_300_799_999, 10**15)
_TEXTS = (
    b"", b" ", b"x" * 5_000, "日本語".encode(), b"a\x00b", b"\xff\xfe", b"\xed\xa0\x80", b"|=#",
    b"__name__", b"\xc3", b"service.name", b"host.name", b"0", b"NaN",
)  # fmt: skip
# Bytes that are no field; some make a decoder look far beyond the end.
_INVALID = (
    b"\xff" * 11, b"\x08" + b"\xff" * 11, b"\x08" + b"\x80" * 10 + b"\x01", b"\x00", b"\x01\x02",
    b"\x0e", b"\x0f", b"\x0c", b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\xff\xff\xff\xff\x07",
    b"\x0a" + b"\xff" * 9 + b"\x01", b"\x0b" * 300, b"\x09\x00", b"\x0d\x00", b"\x80", b"\x0a",
    b"\x0b\x14", b"\x0a\x05ab",
)  # fmt: skip

_HOW = ("unknown", "missing", "twice", "order", "renumbered", "type", "odd", "odd")


def _unknown(rng: random.Random) -> Field:
    """Return a field that no message has."""
    number = rng.choice((100, 4_000, 18_999, 2**29 - 1))
    kind = rng.randrange(5)
    if kind == 0:
        return Field(number, VARINT, rng.choice(_VARINTS))
    if kind == 1:
        return Field(number, FIXED64, rng.randbytes(8))
    if kind == 2:
        return Field(number, FIXED32, rng.randbytes(4))
    if kind == 3:
        return Field(number, LEN, rng.choice(_TEXTS))
    groups = varint(number << 3 | 3), varint(number << 3 | 4)
    return Field(0, VERBATIM, groups[0] + b"\x08\x01" + groups[1])


def _damage(rng: random.Random, node: Node, keep: frozenset[int]) -> str:
    """Damage a message in one place, in place; what stays is protobuf."""
    fields = node.fields
    here = [each for each in fields if each.number not in keep and each.kind != VERBATIM]
    while here:
        one = rng.choice(here)
        if not isinstance(one.value, Node) or not one.value.fields or rng.random() < 0.3:
            break
        fields = one.value.fields
        here = [each for each in fields if each.kind != VERBATIM]
    how = rng.choice(_HOW) if here else "unknown"
    if (how == "twice" and one.kind == LEN) or (how == "order" and keep):
        how = "odd"  # points must not be doubled, nor leave their place
    if how == "unknown":
        fields.insert(rng.randrange(len(fields) + 1), _unknown(rng))
    elif how == "missing":
        fields.remove(one)
    elif how == "twice":
        again = Field(one.number, one.kind, one.value)
        fields.insert(rng.randrange(len(fields) + 1), again)
    elif how == "order":
        rng.shuffle(fields)
    elif how == "renumbered":
        one.number = rng.choice((100, 16_000, 2**29 - 1))
    elif how == "type":
        wrong = _unknown(rng)
        if wrong.kind not in {one.kind, VERBATIM}:
            one.kind, one.value = wrong.kind, wrong.value
    else:
        _rewrite(rng, one)
    return how


def _rewrite(rng: random.Random, one: Field) -> None:
    if one.kind == FIXED64:
        one.value = rng.choice(_FIXED)
    elif one.kind == VARINT and isinstance(one.value, int):
        one.value = rng.choice(_VARINTS)
        if rng.random() < 0.3:
            tag = varint(one.number << 3 | VARINT)
            one.kind, one.value = VERBATIM, tag + varint(one.value, 10)  # longer than it need be
    elif one.kind == FIXED32:
        one.value = rng.randbytes(4)
    elif isinstance(one.value, bytes):
        if rng.random() < 0.3:
            tag = varint(one.number << 3 | LEN)
            one.kind, one.value = VERBATIM, tag + varint(len(one.value), 4) + one.value
        else:
            one.value = rng.choice(_TEXTS)
    elif isinstance(one.value, Node):
        one.value = b""


@dataclass(slots=True)
class WireDraft:
    """Messages of one shape; `frame` makes a payload of them."""

    messages: list[bytes]
    shape: Shape
    units: list[Unit]  # in order; their nodes are found when they are wanted
    frame: Callable[[list[bytes]], bytes]
    headers: Callable[[Node], list[tuple[Node, frozenset[int]]]]  # and numbers of points in them
    more: int = 0  # samples beside those of points
    broken_frames: tuple[bytes, ...] = ()  # to stand among messages

    def case(self, how: str, least: int, most: int, samples: int | None = None) -> Case:
        """See Draft."""
        whole = None if samples is None else samples + self.more
        return Case(self.frame(self.messages), how, least, most + self.more, whole)

    def damaged(self, rng: random.Random) -> Case:
        """See Draft."""
        nodes = [Node(message, self.shape) for message in self.messages]
        kind = rng.random()
        if kind < 0.82:
            points = [point for node in nodes for point in node.units()]
            units = [
                unit._replace(node=point) for unit, point in zip(self.units, points, strict=True)
            ]
            if kind < 0.7:
                touched = [rng.choice(units) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
                how = [_damage(rng, unit.node, frozenset()) for unit in touched]
            else:
                touched = units
                how = ["shared", _damage(rng, *rng.choice(self.headers(rng.choice(nodes))))]
            case = Case(b"", "wire: " + " ".join(how), *bounds(units, touched))
            case = case._replace(most=case.most + self.more)
        elif self.broken_frames and kind < 0.9:
            case = Case(b"", "wire: frame", len(self.units), MANY)
            data = self.frame(self.messages) + rng.choice(self.broken_frames)
            return case._replace(data=data)
        else:
            node = rng.choice(nodes)
            while inner := [each for _, each in node.nodes()]:
                node = rng.choice(inner)
                if rng.random() < 0.3:
                    break
            fields = node.fields
            invalid = Field(0, VERBATIM, rng.choice(_INVALID))
            fields.insert(rng.randrange(len(fields) + 1), invalid)
            case = Case(b"", "wire: invalid", 1, MANY)
        return case._replace(data=self.frame([node.encoded() for node in nodes]))
