"""Key groups: the unit in which state is held, snapshotted and moved between workers."""

from functools import cache
from itertools import count

import numpy as np

from schema import I64, U64

MAX_GROUPS = 1024
_SPREAD = 24  # the names spread evenly over every number of workers that divides it
_MASK = (1 << 64) - 1


def worker_hash(key: str) -> int:
    """Return Bytewax 0.21's hash of a key: the key lives on worker `hash % workers`.

    Source: SipHash-1-3 (Aumasson and Bernstein, 2012) with zero keys over the key's UTF-8 bytes
    and 0xff, as Rust's DefaultHasher computes it.

    >>> worker_hash("00") % 2, worker_hash("01") % 2
    (0, 0)
    """
    data = key.encode() + b"\xff"
    v0, v1, v2, v3 = 0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573

    def rotl(x: int, n: int) -> int:
        return ((x << n) | (x >> (64 - n))) & _MASK

    def mix() -> None:
        nonlocal v0, v1, v2, v3
        v0 = (v0 + v1) & _MASK
        v1 = rotl(v1, 13) ^ v0
        v0 = rotl(v0, 32)
        v2 = (v2 + v3) & _MASK
        v3 = rotl(v3, 16) ^ v2
        v0 = (v0 + v3) & _MASK
        v3 = rotl(v3, 21) ^ v0
        v2 = (v2 + v1) & _MASK
        v1 = rotl(v1, 17) ^ v2
        v2 = rotl(v2, 32)

    size = len(data)
    padded = data + b"\0" * (7 - size % 8) + bytes([size & 255])
    for i in range(0, len(padded), 8):
        word = int.from_bytes(padded[i : i + 8], "little")
        v3 ^= word
        mix()
        v0 ^= word
    v2 ^= 0xFF
    mix()
    mix()
    mix()
    return v0 ^ v1 ^ v2 ^ v3


@cache
def group_names(groups: int) -> tuple[str, ...]:
    """Return the Bytewax keys of `groups` key groups, chosen so that workers get equal shares.

    >>> from collections import Counter
    >>> sorted(Counter(worker_hash(n) % 2 for n in group_names(16)).values())
    [8, 8]
    """
    if not 1 <= groups <= MAX_GROUPS:
        raise ValueError(f"groups must be in [1, {MAX_GROUPS}], got {groups!r}")
    return tuple(
        next(name for j in count() if worker_hash(name := f"g{i:04d}.{j}") % _SPREAD == i % _SPREAD)
        for i in range(groups)
    )


def group_of(resource_ids: U64, groups: int) -> I64:
    """Return the key group of each resource id, `(n,) int64` in [0, groups)."""
    return (resource_ids % np.uint64(groups)).astype(np.int64)
