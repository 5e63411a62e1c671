"""Payloads of JSON lines to typed objects: all of them in one C call, or one by one."""

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

import msgspec
import numpy as np

from connectors.formats.reasons import (
    EMPTY,
    PARSE_ERRORS,
    TOO_LARGE,
    Fault,
    explain,
    fault,
    is_utf8,
)
from schema import I32

T = TypeVar("T")

_NEWLINE, _OPEN, _CLOSE = b"\n{}"
_SPACE = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"
_RAW = msgspec.json.Decoder(msgspec.Raw)


class Lines(NamedTuple, Generic[T]):
    """Objects in the order of the payloads, and what could not be read."""

    objects: list[T]
    payload: I32  # of each object
    rejects: list[tuple[int, str, str]]


class LineReader(Generic[T]):
    """Reads payloads that hold one JSON object a line, or one that spans several lines.

    `salvage` is asked for the parts of a document that does not decode as a whole, such as an
    envelope with one bad record; it returns what is good and a fault for each that is not.
    """

    def __init__(
        self,
        type_: type[T],
        max_payload_bytes: int,
        salvage: Callable[[bytes, Fault], list[T | Fault]] | None = None,
    ) -> None:
        self._decoder = msgspec.json.Decoder(type_)
        self._max_bytes = max_payload_bytes
        self._salvage = salvage

    def __call__(self, payloads: Sequence[bytes]) -> Lines[T]:
        """Read every line of every payload; never raise on input."""
        if not payloads or max(map(len, payloads)) > self._max_bytes:
            return self._apart(payloads)
        fast = self._together(payloads)
        if fast is None:
            fast = self._together([payload.strip(_SPACE) for payload in payloads])
        return self._apart(payloads) if fast is None else fast

    def _together(self, payloads: Sequence[bytes]) -> Lines[T] | None:
        """Decode all payloads in one call, if it is certain that the result is that of one by one.

        Every line break must stand between `}` and `{`. In JSON these cannot follow each other
        inside an array or an object, and a string cannot hold a bare line break; so each is a
        border between two objects, and as many objects as lines means one object a line.
        """
        joined = b"\n".join(payloads)
        lines = _lines(joined)
        if lines == 0 or not is_utf8(joined):
            return None
        try:
            objects = self._decoder.decode_lines(joined)
        except PARSE_ERRORS:
            return None
        if len(objects) != lines:
            return None
        owner = np.arange(len(payloads), dtype=np.int32)
        if len(objects) != len(payloads):
            owner = np.repeat(owner, [payload.count(b"\n") + 1 for payload in payloads])
        return Lines(objects, owner, [])

    def _apart(self, payloads: Sequence[bytes]) -> Lines[T]:
        objects: list[T] = []
        owner: list[int] = []
        rejects: list[tuple[int, str, str]] = []
        for i, payload in enumerate(payloads):
            for item in self.read_one(payload):
                if isinstance(item, Fault):
                    rejects.append((i, *item))
                else:
                    objects.append(item)
                    owner.append(i)
        return Lines(objects, np.array(owner, np.int32), rejects)

    def read_one(self, payload: bytes) -> list[T | Fault]:
        """Read one payload; return at least one object or fault."""
        if len(payload) > self._max_bytes:
            return [fault(TOO_LARGE, f"{len(payload)} bytes, at most {self._max_bytes}")]
        text = payload.removeprefix(_BOM).strip(_SPACE)
        if not text:
            return [fault(EMPTY, "nothing but white space")]
        whole = self._document(text)
        if b"\n" not in text or not isinstance(whole[0], Fault) or _is_document(text):
            return whole
        lines = [line.strip(_SPACE) for line in text.split(b"\n")]
        parts = [self._document(line) if line else [_BLANK] for line in lines]
        if any(not isinstance(part[0], Fault) for part in parts) or any(map(_is_object, lines)):
            return [item for part in parts for item in part]
        return whole  # one broken document that spans lines

    def _document(self, text: bytes) -> list[T | Fault]:
        try:
            found = self._decoder.decode(text)
        except PARSE_ERRORS as ex:
            verdict = explain(text, ex)
        else:
            if is_utf8(text):
                return [found]
            verdict = explain(text, ValueError())
        if self._salvage is None:
            return [verdict]
        return self._salvage(text, verdict) or [verdict]


def _lines(joined: bytes) -> int:
    """Return the number of lines if each starts with `{` and ends with `}`, else 0."""
    if not (joined.startswith(b"{") and joined.endswith(b"}")):
        return 0
    octets = np.frombuffer(joined, np.uint8)
    breaks = np.flatnonzero(octets == _NEWLINE)
    if (octets[breaks - 1] != _CLOSE).any() or (octets[breaks + 1] != _OPEN).any():
        return 0
    return len(breaks) + 1


_BLANK = fault(EMPTY, "a blank line")


def _is_document(text: bytes) -> bool:
    try:
        _RAW.decode(text)
    except PARSE_ERRORS:
        return False
    return True


def _is_object(line: bytes) -> bool:
    return line.startswith(b"{") and _is_document(line)
