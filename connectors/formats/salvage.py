"""The good members of a JSON document that does not decode as a whole."""

from typing import TypeVar

import msgspec

from connectors.formats.reasons import EMPTY, NOT_UTF8, PARSE_ERRORS, Fault, explain, fault, is_utf8

T = TypeVar("T")

NO_MEMBERS = fault(EMPTY, "an envelope without points")

_RAWS = msgspec.json.Decoder(list[msgspec.Raw])
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


def members(text: bytes, key: str) -> list[bytes] | None:
    """Return the raw members of the array at `key` of an object; None if there is none."""
    try:
        return elements(bytes(_OBJECT.decode(text)[key]))
    except (*PARSE_ERRORS, KeyError):
        return None


def elements(text: bytes) -> list[bytes] | None:
    """Return the raw members of an array; None if `text` is something else."""
    try:
        return [bytes(raw) for raw in _RAWS.decode(text)]
    except PARSE_ERRORS:
        return None


def decode_one(decoder: "msgspec.json.Decoder[T]", raw: bytes) -> T | Fault:
    """Decode one member."""
    if not is_utf8(raw):
        return fault(NOT_UTF8, "the bytes are not UTF-8")
    try:
        return decoder.decode(raw)
    except PARSE_ERRORS as ex:
        return explain(raw, ex)
