"""A hash table from 64-bit ids to row numbers, searched a column at a time."""

import numpy as np

from models.jit import jit
from schema import I32, U64

_EMPTY = -1


@jit
def _insert(keys: U64, rows: I32, key: np.uint64, row: int) -> None:
    mask = np.uint64(keys.size - 1)
    at = (key ^ (key >> np.uint64(32))) & mask
    while rows[at] != _EMPTY and keys[at] != key:
        at = (at + np.uint64(1)) & mask
    keys[at] = key
    rows[at] = row


@jit
def _find(keys: U64, rows: I32, wanted: U64, out: I32) -> None:
    mask = np.uint64(keys.size - 1)
    for i in range(wanted.size):
        key = wanted[i]
        at = (key ^ (key >> np.uint64(32))) & mask
        while rows[at] != _EMPTY and keys[at] != key:
            at = (at + np.uint64(1)) & mask
        out[i] = rows[at]


class Lookup:
    """Open addressing, never more than half full; the ids are hashes already."""

    def __init__(self, ids: U64) -> None:
        self._count = 0
        size = 64
        while size < 4 * len(ids):
            size *= 2
        self._keys: U64 = np.zeros(size, np.uint64)
        self._rows: I32 = np.full(size, _EMPTY, np.int32)
        for row, key in enumerate(ids):
            self._put(key, row)

    def _put(self, key: np.uint64, row: int) -> None:
        _insert(self._keys, self._rows, key, row)
        self._count += 1

    def add(self, key: int, row: int) -> None:
        """Add a key that is not there yet."""
        if 2 * (self._count + 1) > self._keys.size:
            taken = self._rows != _EMPTY
            keys, rows = self._keys[taken], self._rows[taken]
            self._keys = np.zeros(2 * self._keys.size, np.uint64)
            self._rows = np.full(self._keys.size, _EMPTY, np.int32)
            for old_key, old_row in zip(keys, rows, strict=True):
                _insert(self._keys, self._rows, old_key, old_row)
        self._put(np.uint64(key), row)

    def find(self, wanted: U64) -> I32:
        """Return the row of each key, -1 where there is none."""
        out = np.empty(len(wanted), np.int32)
        _find(self._keys, self._rows, wanted, out)
        return out
