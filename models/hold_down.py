"""Hold-down: what follows a high score says that again only if it is higher still.

A person wants one word about a fault, not one a row. So of the scores above the threshold only
those stand that are a new maximum of the hours before; the others are put just below the
threshold, in their order, where they still rank above all that is normal. Fails on two faults
within the hours of which the second is the smaller: it is taken for the echo of the first.
"""

import math

import msgspec
import numpy as np

from models.jit import jit
from schema import F64, I64

_CLOSE = 8  # samples in a hold, at least


class HoldDownSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long and how low scores are held, where scores are told (`foreshock score`)."""

    hold_h: float = 5.0  # hours after a higher score; samples must come eight times in it
    from_ratio: float = 0.8  # of the threshold: higher scores are held just below that
    depth: float = 0.1  # below it, for a score that is barely above it
    reach: float = 4.0  # score above it by which the depth shrinks e-fold

    def __post_init__(self) -> None:
        if not 0 <= self.hold_h <= 8_760:
            raise ValueError(f"hold_h must be in [0, 8760] h, got {self.hold_h!r}")
        if not 0 < self.from_ratio <= 1:
            raise ValueError(f"from_ratio must be in (0, 1], got {self.from_ratio!r}")
        for name in ("depth", "reach"):
            value = getattr(self, name)
            if not 0 < value <= 16:
                raise ValueError(f"{name} must be in (0, 16], got {value!r}")


@jit
def hold_down(
    tick: I64, score: F64, hold: float, threshold: float, depth: float, reach: float
) -> F64:
    """Return the scores of a series, `(n,)`, those held that are no new maximum of `hold` ticks.

    `tick` rises strictly; NaN is no sample. A sample that comes after an eighth of the hold or more
    is never held: so rare, it is a word of its own.
    Time and memory: linear, whatever `hold` is.

    >>> import numpy as np
    >>> tick, score = np.array([0, 1, 2, 3, 4, 19]), np.array([1.0, 5.0, 4.5, 6.0, 1.0, 5.0])
    >>> hold_down(tick, score, 8.0, 4.0, 0.1, 4.0).round(3).tolist()
    [1.0, 5.0, 3.912, 6.0, 1.0, 5.0]
    """
    held = score.copy()
    # Samples of the time that counts, their scores falling: the first has the highest, the last is
    # the newest (a monotonic queue).
    queue = np.empty(score.size, np.int64)
    first = last = 0
    before = -np.inf
    for i in range(score.size):
        if math.isnan(score[i]):
            continue
        while last > first and tick[queue[first]] < tick[i] - hold:
            first += 1
        close = (tick[i] - before) * _CLOSE <= hold
        before = tick[i]
        if close and last > first and threshold < score[i] and score[i] <= score[queue[first]]:
            held[i] = threshold - depth * math.exp((threshold - score[i]) / reach)
        while last > first and score[queue[last - 1]] <= score[i]:
            last -= 1
        queue[last] = i
        last += 1
    return held
