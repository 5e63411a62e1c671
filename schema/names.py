"""Types of columns, identities, severities: what every other record is made of."""

import hashlib
from enum import IntEnum

import numpy as np
import numpy.typing as npt

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]
F64 = npt.NDArray[np.float64]
Labels = tuple[tuple[str, str], ...]  # sorted by name
NO_VALUE = frozenset(("stale", "no_observation"))  # reasons of points without value or error


def stable_id(text: str) -> int:
    """Return 64 bits that name `text` on every machine and in every process (BLAKE2b)."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


class Severity(IntEnum):
    """How bad; a higher number is worse."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4
