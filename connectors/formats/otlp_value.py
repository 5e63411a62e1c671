"""Attribute values of OTLP as text: the same text for the same value, by whichever encoding."""

import base64
import math
from collections.abc import Mapping

import msgspec

Plain = str | bool | int | float | bytes | list["Plain"] | dict[str, "Plain"] | None

_ENCODER = msgspec.json.Encoder(order="sorted")


def value_text(value: Plain) -> str:
    """Return text as it is, all else as compact JSON: `true`, `200`, `0.5`, `["a","b"]`.

    Keys are sorted, bytes are base64, and a value of no type is the empty text.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return _ENCODER.encode(_writable(value)).decode()


def texts(members: Mapping[str, Plain]) -> dict[str, str]:
    """Return the values of attributes as text."""
    return {key: value_text(value) for key, value in members.items()}


def _writable(value: Plain) -> Plain:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON would say null for all three
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, list):
        return [_writable(member) for member in value]
    if isinstance(value, dict):
        return {key: _writable(member) for key, member in value.items()}
    return value
