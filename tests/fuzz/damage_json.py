"""Damage to JSON documents: inside a point, to what points share, or to the text."""

import base64
import json
import random
from dataclasses import dataclass, field
from typing import Any

from tests.fuzz.cases import Case, Unit, bounds

# What `json.dumps` cannot write; a string "@@3@@" stands for the third.
_TOKENS = (
    b"1e999", b"-1e999", b"1E400", b"-0", b"1e-400", b"123456789012345678901234567890", b"0e0",
    b"1.00000000000000000000000000000000000001", b"9007199254740993", b"1e5", b"-1e-5",
    b'"\\u0000"', b'"\\ud83d\\ude00"', b'"\\/\\b\\f\\n\\r\\t"', b"9" * 400,
    b"18446744073709551615", b"18446744073709551616", b"-9223372036854775809",
)  # fmt: skip
_MARK = "@@{}@@"
_AGAIN = "@@again@@"  # before a key: it is there twice
# No JSON, at any place of a value.
_BROKEN = (
    b"NaN", b"Infinity", b"-Infinity", b"nan", b"undefined", b"01", b"+1", b".5", b"1.", b"0x10",
    b"'a'", b'"\x01"', b'"\\x"', b'"\\ud8"', b"tru", b"{", b"[", b"]", b"}", b"", b",", b"1 2",
    b'"\xff"', b'"\xed\xa0\x80"', b'"\xc3"', b"[" * 3_000, b"[" * 3_000 + b"]" * 3_000,
    b'{"a":' * 3_000, b'"\n"', b"/* */1", b"1,}", b"\x00",
)  # fmt: skip
_NUMBERS = (0, -1, 1, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63), 10**25, 1e308, -1e308, 5e-324, 0.1)
_TEXTS = (
    "", " ", "0", "-1", "1.5", "1e5", "1e999", " 1 ", "1_0", "٣", "NaN", "Infinity", "-Infinity",
    "true", "null", "x" * 5_000, "é", "\u202e", "日本語", "a\x00b", "a\nb", "|", "=", "#", "p99",
)  # fmt: skip
_TIMES = (
    "2026-03-01T10:00:00", "2026-03-01T10:00:00Z", "2026-03-01t10:00:60.999999999z",
    "2026-02-30T10:00:00Z", "2026-03-01T24:00:00Z", "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59-23:59", "1969-12-31T23:59:59Z",
    "2026-03-01T10:00:00.1234567890Z", "2026-03-01T10:00:00+24:00", "2026-03-01T10:00:00,5Z",
    "2026-03-01", "20260301T100000Z", "٢٠٢٦-03-01T10:00:00Z", "1772359200000", -1, 0, 1,
    253_402_300_799_999, 253_402_300_800_000, 1_772_359_200, 1_772_359_200_000_000,
    1_772_359_200_000_000_000, 1_772_359_200_000.5, 2**63 - 1, 2**64 - 1, "-1",
    "18446744073709551615", "253402300800000000000", 1e20,
)  # fmt: skip
_ENCODE = {
    ascii_only: json.JSONEncoder(separators=(",", ":"), ensure_ascii=ascii_only).encode
    for ascii_only in (True, False)
}
_SHAPES: tuple[object, ...] = ((), {}, None, True, False)
_ODD: tuple[tuple[object, ...], ...] = (_NUMBERS, _TEXTS, _TIMES, _SHAPES)

_HOW_LIST = ("missing", "swapped", "nested", "odd", "odd")
_HOW = (*_HOW_LIST, "renamed", "twice", "more")


def _odd(rng: random.Random) -> object:
    """Return a value that may be of another type, or beyond all measure."""
    kind = rng.randrange(7)
    if kind < len(_ODD):
        return rng.choice(_ODD[kind])
    if kind == 4:
        return _MARK.format(rng.randrange(len(_TOKENS)))
    if kind == 5:
        deep: Any = rng.choice(_NUMBERS)
        for _ in range(rng.choice((1, 2, 50, 200))):
            deep = [deep] if rng.random() < 0.5 else {"a": deep}
        return deep
    return {rng.choice(_TEXTS): _odd(rng) for _ in range(rng.randrange(4))}


def _damage(rng: random.Random, whole: dict[str, Any], keep: frozenset[str]) -> str:
    """Damage an object in one place, in place; what stays is JSON. Keys in `keep` stay."""
    node: Any = whole
    keys: list[Any] = [key for key in whole if key not in keep]
    while keys:
        key = rng.choice(keys)
        inside = node[key]
        if not isinstance(inside, dict | list) or not inside or rng.random() < 0.35:
            break
        node, keys = inside, [*inside] if isinstance(inside, dict) else [*range(len(inside))]
    if not keys:
        node["more"] = _odd(rng)
        return "more"
    how = rng.choice(_HOW if isinstance(node, dict) else _HOW_LIST)
    if how == "missing":
        del node[key]
    elif how == "swapped":
        other = rng.choice(keys)
        node[key], node[other] = node[other], node[key]
    elif how == "renamed":
        node[str(key) + rng.choice(("s", " ", "\u0301"))] = node.pop(key)
    elif how == "twice":  # of two the last counts
        good = node.pop(key)
        node[_AGAIN + str(key)] = _odd(rng)
        node[key] = good
    elif how == "more":
        node[rng.choice(("extra", "", "é" * 40, "__proto__"))] = _odd(rng)
    else:
        node[key] = [node[key]] if how == "nested" else _odd(rng)
    return how


@dataclass(slots=True)
class JsonDraft:
    """Documents, a line each; `lines` says that each holds one point of its own."""

    documents: list[Any]
    units: list[Unit]
    headers: list[tuple[Any, frozenset[str]]] = field(default_factory=list)  # keys of points
    lines: bool = False
    is_push: bool = False  # in a Pub/Sub push

    def _wrapped(self, texts: list[bytes]) -> bytes:
        text = b"\n".join(texts)
        if self.is_push:
            inner = base64.b64encode(text).decode()
            return json.dumps({"message": {"data": inner}, "subscription": "s"}).encode()
        return text

    def _texts(self, rng: random.Random | None = None) -> list[bytes]:
        ascii_only = rng is None or rng.random() < 0.5
        texts = [_ENCODE[ascii_only](document).encode() for document in self.documents]
        return [_told(text) if b"@@" in text else text for text in texts]

    def case(self, how: str, least: int, most: int, samples: int | None = None) -> Case:
        """See Draft."""
        return Case(self._wrapped(self._texts()), how, least, most, samples)

    def damaged(self, rng: random.Random) -> Case:
        """See Draft."""
        kind = rng.random()
        if kind < 0.75:
            touched = [rng.choice(self.units) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
            how = [_damage(rng, unit.node, frozenset()) for unit in touched]
        elif kind < 0.85 and self.headers:
            touched = self.units
            how = ["shared", _damage(rng, *rng.choice(self.headers))]
        else:
            return self._broken(rng)
        texts = self._texts(rng)
        least, most = bounds(self.units, touched)
        return Case(self._wrapped(texts), "json: " + " ".join(how), least, most)

    def _broken(self, rng: random.Random) -> Case:
        """Return a payload of which one document is no JSON."""
        texts = self._texts()
        if self.lines and rng.random() < 0.3:  # the end is missing
            whole = self._wrapped(texts)
            whole = whole[: rng.randrange(1, len(whole) + 1)]
            points = len(whole.strip().split(b"\n")) if not self.is_push else 0
            least, most = (points, points) if points else (1, len(self.units))
            return Case(whole, "json: truncated", least, most)
        at = rng.randrange(len(texts))
        colons = [i for i, byte in enumerate(texts[at]) if byte == b":"[0]]
        if not colons or rng.random() < 0.2:
            texts[at] = texts[at][: rng.randrange(1, len(texts[at]))]
            how = "json: truncated"
        else:
            colon = rng.choice(colons) + 1
            texts[at] = texts[at][:colon] + rng.choice(_BROKEN) + texts[at][colon:]
            how = "json: broken"
        if self.lines and texts[at].count(b"\n") == 0:
            return Case(self._wrapped(texts), how, len(texts), len(texts))
        most = sum(max(unit.most, unit.samples) for unit in self.units)
        return Case(self._wrapped(texts), how, 1, max(most, len(texts)) + 2)


def _told(text: bytes) -> bytes:
    for i, token in enumerate(_TOKENS):
        text = text.replace(b'"' + _MARK.format(i).encode() + b'"', token)
    return text.replace(_AGAIN.encode(), b"")
