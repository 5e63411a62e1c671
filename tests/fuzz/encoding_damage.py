"""Payloads as producers compress them, and compressed bytes that are damaged."""

import gzip
import random
from collections.abc import Callable

import cramjam
import lz4.frame
import zstandard

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, 1, mtime=0),
    "zstd": zstandard.ZstdCompressor(level=1).compress,
    "lz4": lz4.frame.compress,
    "snappy": lambda data: bytes(cramjam.snappy.compress(data)),
}


def compressed(rng: random.Random, data: bytes) -> tuple[str, bytes]:
    """Return an encoding and a payload in it, at times in two members or frames."""
    encoding = rng.choice(list(COMPRESS))
    compress = COMPRESS[encoding]
    if encoding == "gzip" and rng.random() < 0.2:
        cut = rng.randrange(len(data) + 1)
        return encoding, compress(data[:cut]) + compress(data[cut:])
    return encoding, compress(data)
