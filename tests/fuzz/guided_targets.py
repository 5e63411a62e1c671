"""What a coverage-guided run calls with each input: it raises if what must hold does not."""

import zlib
from collections.abc import Callable
from functools import partial

import cramjam
import numpy as np

from connectors.formats import encodings, registry
from schema import SeriesTable
from tests.fuzz.cases import MANY, Case
from tests.fuzz.formats import FUZZED
from tests.fuzz.outcomes import LIMITS, catalogue, check, outcome

BINARY = ("cloudwatch-otel", "prometheus-remote-write", "otlp-proto")
TABLE_INPUTS = 1_000  # that share a table
FRESH = 8  # one input in so many is read by a new decoder too


def decoding(name: str) -> Callable[[bytes], None]:
    """Return what decodes an input and raises if what must hold does not."""
    decoder = registry.create_decoder(name, catalogue(), LIMITS)
    table, seen = SeriesTable(), 0
    is_empty = FUZZED[name].is_empty
    is_write = name == "prometheus-remote-write"

    def one(data: bytes) -> None:
        nonlocal table, seen
        if is_write:  # the block form is Snappy's matter: what is inside is ours
            data = bytes(cramjam.snappy.compress_raw(data))
        seen += 1
        if seen % TABLE_INPUTS == 0:
            table = SeriesTable()
        found = outcome(decoder([data], table), table)
        check(Case(data, "guided", 0, MANY), found, is_empty)
        if zlib.crc32(data) % FRESH == 0:
            new, fresh = SeriesTable(), registry.create_decoder(name, catalogue(), LIMITS)
            assert outcome(fresh([data], new), new) == found, "what was learnt changes the outcome"

    return one


def unpacking() -> Callable[[bytes], None]:
    """Return what undoes every encoding of an input."""
    size = LIMITS.max_payload_bytes

    def one(data: bytes) -> None:
        for encoding in ("gzip", "zstd", "lz4", "snappy"):
            found = encodings.unpacked(data, encoding, size)
            if isinstance(found, bytes):
                assert len(found) <= size, f"{len(found)} bytes of {encoding}"

    return one


def any_of_all() -> Callable[[bytes], None]:
    """Return what gives an input to the target that its first byte says."""
    made = [*map(decoding, BINARY), unpacking()]

    def one(data: bytes) -> None:
        made[data[0] % len(made) if data else 0](data[1:])

    return one


def trapped(data: bytes) -> None:
    """Raise on one kind of input: the test of the tests."""
    if data[:1] == b"\x0a" and len(np.unique(np.frombuffer(data, np.uint8))) > 3:
        raise ZeroDivisionError


def target(name: str) -> Callable[[bytes], None]:
    """Return a target by name: a binary format's, "encodings", "all" or "trap"."""
    made: dict[str, Callable[[], Callable[[bytes], None]]]
    made = {"trap": lambda: trapped, "encodings": unpacking, "all": any_of_all}
    one = made.get(name, partial(decoding, name))()
    one(b"")  # what is loaded at first sight is loaded before the clock runs
    return one
