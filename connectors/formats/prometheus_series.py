"""TimeSeries of remote write, most of them read without parsing them.

Nearly all are labels and one sample: `label* 0x12 0x10 0x09 value 0x10 time`, of which the last 18
bytes are the sample (9 where the value is 0, which protobuf leaves out). What stands before is the
same bytes at every scrape: the key to what has been learnt of the labels. Keys are made of whole
labels and nothing else, so what follows one begins at a field's border, and 18 bytes there that
begin as a sample of 16 are one.
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from google.protobuf.message import DecodeError

from connectors.formats.lean_proto import declare
from connectors.formats.reasons import MALFORMED_PROTOBUF, NOT_UTF8, BadPoint
from schema import F64, I64

NO_SERIES = "no TimeSeries"
TAIL_BYTES = 18
TAIL = b"\x12\x10\x09"  # begins with: field 2 of 16 bytes, which begins with its field 1, a double
ZERO_BYTES = 9
ZERO = b"\x12\x07\x10"  # begins with: field 2 of 7 bytes, which begins with its field 2, a varint
ZERO_HEAD = TAIL + bytes(8)  # what a zero's last 7 bytes lack to be a tail
_AT_VALUE, _AT_TAG, _AT_TIME = 3, 11, 12
_TIME_TAG = 0x10
_MORE = 0x80  # of a varint's byte: another one follows
_VARINT = np.int64(1) << np.arange(0, 42, 7)  # weights of its six bytes: years 1971 to 2109
# A tail of ours, of what was parsed, begins with zeros and has the time as a plain number.
_OURS = bytes(3)
_PLAIN = np.int64(1) << np.arange(0, 48, 8)
_NO_TIME = (1 << 48) - 1  # beyond the year 9999

_CLASSES = declare(
    "foreshock.prometheus",
    {
        "WriteRequest": {
            "timeseries": (1, "repeated bytes"),
            "metadata": (3, "repeated bytes"),
            "symbols_of_2_0": (4, "repeated bytes"),
            "timeseries_of_2_0": (5, "repeated bytes"),
        },
        "TimeSeries": {
            "labels": (1, "repeated Label"),
            "samples": (2, "repeated Sample"),
            "histograms": (4, "repeated bytes"),
        },
        "Label": {"name": (1, "bytes"), "value": (2, "bytes")},
        "Sample": {"value": (1, "double"), "timestamp": (2, "int64")},
    },
)


class WriteRequest(Protocol):
    """A request of remote write 1.0; of 2.0 only what shows that it is one."""

    timeseries: Sequence[bytes]
    metadata: Sequence[bytes]
    symbols_of_2_0: Sequence[bytes]
    timeseries_of_2_0: Sequence[bytes]


class Parsed(NamedTuple):
    """A TimeSeries that was parsed."""

    key: bytes  # its labels, as they come with a single sample
    samples: list[bytes]  # as tails
    histograms: int


def parse_request(plain: bytes) -> WriteRequest:
    """Return a request, its TimeSeries raw.

    Raises: BadPoint.
    """
    try:
        request: WriteRequest = _CLASSES["WriteRequest"].FromString(plain)
    except DecodeError as ex:
        raise BadPoint(MALFORMED_PROTOBUF, "no WriteRequest") from ex
    return request


def parse_series(raw: bytes) -> Parsed:
    """Return a TimeSeries, however it is written.

    Raises: BadPoint.
    """
    try:
        found = _CLASSES["TimeSeries"].FromString(raw)
    except DecodeError as ex:
        raise BadPoint(MALFORMED_PROTOBUF, NO_SERIES) from ex
    samples = [_tail(sample.value, sample.timestamp) for sample in found.samples]
    histograms = len(found.histograms)
    found.ClearField("samples")
    found.ClearField("histograms")
    found.DiscardUnknownFields()  # exemplars
    return Parsed(found.SerializeToString(), samples, histograms)


def labels_of(key: bytes) -> dict[str, str]:
    """Return the labels of a key.

    Raises: BadPoint.
    """
    pairs = _CLASSES["TimeSeries"].FromString(key).labels
    try:
        return {pair.name.decode(): pair.value.decode() for pair in pairs}
    except UnicodeDecodeError as ex:
        raise BadPoint(NOT_UTF8, "a label is not UTF-8") from ex


def _tail(value: float, ts_ms: int) -> bytes:
    time = ts_ms if 0 <= ts_ms < _NO_TIME else _NO_TIME
    return _OURS + struct.pack("<dx", value) + time.to_bytes(6, "little")


def columns(tails: Sequence[bytes]) -> tuple[F64, I64]:
    """Return values and times of tails; a time of -1 where the sample is broken."""
    octets = np.frombuffer(b"".join(tails), np.uint8).reshape(-1, TAIL_BYTES)
    value = octets[:, _AT_VALUE:_AT_TAG].copy().view("<f8").ravel()  # a lone row is a view else
    time = octets[:, _AT_TIME:].astype(np.int64)
    ours = octets[:, 0] == 0
    ts_ms = np.where(ours, time @ _PLAIN, (time & ~_MORE) @ _VARINT)
    usual = (octets[:, _AT_TAG] == _TIME_TAG) & (time[:, -1] < _MORE)
    usual &= (time[:, :-1] >= _MORE).all(axis=1)
    for row in np.flatnonzero(~(usual | ours)).tolist():
        try:
            sample = _CLASSES["Sample"].FromString(tails[row][2:])
        except DecodeError:
            ts_ms[row] = -1
        else:
            tail = _tail(sample.value, sample.timestamp)
            ts_ms[row] = int.from_bytes(tail[_AT_TIME:], "little")
            value[row] = sample.value
    return value, ts_ms
