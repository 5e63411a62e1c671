"""The reservoir is an even sample, and draws what plain integers would."""

import numpy as np
import pytest

from models.reservoir import place

MASK = (1 << 64) - 1


def place_slowly(n: int, size: int, seed: int) -> int:
    if n < size:
        return n
    z = (n * 0x9E3779B97F4A7C15 + seed) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    at = (z ^ (z >> 31)) % (n + 1)
    return at if at < size else -1


@pytest.mark.parametrize("seed", [0, 7, 2**64 - 1])
def test_draws_are_those_of_plain_integers(seed: int) -> None:
    for n in [*range(300), 10**6, 2**40]:
        assert place(n, 50, np.uint64(seed)) == place_slowly(n, 50, seed)


def test_every_row_is_as_likely_to_be_kept() -> None:
    counts = np.zeros(400)
    for seed in range(300):
        kept = np.zeros(20, np.int64)
        for n in range(400):
            at = place(n, 20, np.uint64(seed * 7919))
            if at >= 0:
                kept[at] = n
        counts[kept] += 1
    by_tenth = counts.reshape(10, 40).sum(axis=1)  # 600 each
    assert by_tenth.min() > 500
    assert by_tenth.max() < 700
