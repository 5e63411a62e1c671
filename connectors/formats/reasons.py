"""Why a point is rejected: the constants, and how a parser's error becomes one of them.

`docs/formats.md` says what each means; dashboards and dead letters count by them.
"""

import re
from typing import NamedTuple

import msgspec

EMPTY = "empty"
NOT_UTF8 = "not_utf8"
MALFORMED_JSON = "malformed_json"
WRONG_SHAPE = "wrong_shape"
MISSING_FIELD = "missing_field"
WRONG_TYPE = "wrong_type"
NOT_FINITE = "not_finite"
BAD_TIME = "bad_time"
COUNT_ZERO = "count_zero"
NO_STATISTIC = "no_statistic"
UNSUPPORTED = "unsupported"
TOO_LARGE = "too_large"
BAD_ENCODING = "bad_encoding"
MALFORMED_PROTOBUF = "malformed_protobuf"
STALE = "stale"  # of `schema.NO_VALUE`, as is the next
NO_OBSERVATION = "no_observation"
UNKNOWN_FORMAT = "unknown_format"

REASONS = (
    EMPTY,
    NOT_UTF8,
    MALFORMED_JSON,
    WRONG_SHAPE,
    MISSING_FIELD,
    WRONG_TYPE,
    NOT_FINITE,
    BAD_TIME,
    COUNT_ZERO,
    NO_STATISTIC,
    UNSUPPORTED,
    TOO_LARGE,
    BAD_ENCODING,
    MALFORMED_PROTOBUF,
    STALE,
    NO_OBSERVATION,
    UNKNOWN_FORMAT,
)

PARSE_ERRORS = (ValueError, RecursionError)  # all that msgspec raises on input; see `explain`

_MAX_DETAIL = 200  # characters: a detail may quote a hostile producer's keys
_AT_ROOT = re.compile(r"Expected `[a-z]+`, got `[a-z]+`(?: - at `\$\[\.\.\.\]`)?")
_BARE = re.compile(rb"[:,\[]\s*(-?(?:NaN|Infinity))\b")


class Fault(NamedTuple):
    """A rejected point or payload."""

    reason: str
    detail: str


class BadPoint(Exception):
    """Leaves the nested parsing of one point with the reason to reject it."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.fault = fault(reason, detail)


def fault(reason: str, detail: str) -> Fault:
    """Return a fault whose detail is bounded in length."""
    return Fault(reason, detail if len(detail) <= _MAX_DETAIL else detail[:_MAX_DETAIL] + "...")


def is_utf8(text: bytes) -> bool:
    """Say whether every byte is UTF-8; msgspec checks only the strings that it hands over."""
    if text.isascii():
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def explain(text: bytes, error: Exception) -> Fault:
    """Name the reason for which msgspec refused `text`."""
    if not is_utf8(text):
        return fault(NOT_UTF8, "the bytes are not UTF-8")
    if b"\0" in text[:2]:
        return fault(NOT_UTF8, "NUL among the first bytes: UTF-16 or UTF-32?")
    message = str(error)
    if isinstance(error, RecursionError):
        return fault(MALFORMED_JSON, "nested too deeply")
    if not isinstance(error, msgspec.ValidationError):
        bare = _BARE.search(text)  # Python and JavaScript write them; JSON has no such word
        if bare is not None:
            return fault(NOT_FINITE, f"{bare[1].decode()} is not JSON: {message}")
        return fault(MALFORMED_JSON, message)
    return fault(_of_validation(message), message)


def _of_validation(message: str) -> str:
    if message.startswith("Number out of range"):
        return NOT_FINITE
    # Times are the only integers and the only numbers with bounds.
    if message.startswith(("Integer value out of range", "Expected `int` >=", "Expected `int` <=")):
        return BAD_TIME
    if message.startswith("Object missing required field"):
        return MISSING_FIELD
    if _AT_ROOT.fullmatch(message):
        return WRONG_SHAPE
    return WRONG_TYPE
