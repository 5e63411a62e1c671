"""A bounded, even sample of all rows so far, whose draws need no state but the rows' number.

Source: algorithm R, Vitter (1985); splitmix64 (Steele, Lea and Flood, 2014) of the row's number
in place of a generator's state.
"""

import numpy as np

from models.jit import jit


@jit
def place(n: int, size: int, seed: np.uint64) -> int:
    """Return where row `n`, from 0, goes in a reservoir of `size` rows; -1: nowhere.

    >>> [place(n, 3, np.uint64(7)) for n in range(9)]
    [0, 1, 2, 2, -1, -1, -1, -1, -1]
    """
    if n < size:
        return n
    z = np.uint64(n) * np.uint64(0x9E3779B97F4A7C15) + seed
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    at = np.int64((z ^ (z >> np.uint64(31))) % np.uint64(n + 1))
    return int(at) if at < size else -1
