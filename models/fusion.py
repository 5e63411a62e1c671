"""From several detectors' surprises to one score and a confidence.

The mean beats the maximum: detectors that agree are worth more than one that shouts. A detector
that has no score yet (NaN) has no vote.
"""

import math

import msgspec

from models.jit import jit
from schema import F64

DETECTORS = (
    "statistical",
    "temporal",
    "isolation_forest",
    "half_space_trees",
    "discord",
    "forecast",
)


class FusionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The detectors' votes, 0 switches one off, and how a fused score becomes a confidence."""

    # Beside `discord`, of samples an hour apart or more; of samples `fine_min` apart none.
    statistical: float = 3.0
    temporal: float = 4.0
    isolation_forest: float = 0.5
    half_space_trees: float = 0.25
    discord: float = 1.0
    forecast: float = 0.8  # its surprise times this is a score of its own: the larger one counts
    fine_min: float = 5.0  # minutes between samples up to which what is new says all
    coarse_min: float = 60.0  # and from which on the value has its whole say
    rate_share: float = 1.0  # of a decade less that a decade of rarer samples must be odd by
    smooth_samples: float = 6.0  # fused scores are averaged over about so many
    threshold: float = 4.1  # smoothed score from which an alert opens
    even_at: float = 4.1  # smoothed score at which the confidence is a half
    steepness: float = 0.9

    def __post_init__(self) -> None:
        votes = [getattr(self, name) for name in DETECTORS]
        if any(not 0 <= vote <= 100 for vote in votes):
            raise ValueError(f"votes must be in [0, 100], got {votes!r}")
        if not sum(votes) > 0:
            raise ValueError(f"at least one vote must be above 0, got {votes!r}")
        if not 1 <= self.smooth_samples <= 1000:
            raise ValueError(f"smooth_samples must be in [1, 1000], got {self.smooth_samples!r}")
        if not 0 < self.fine_min < self.coarse_min <= 10_080:
            raise ValueError(
                "fine_min must be above 0 and below coarse_min, and that at most 10080, "
                f"got {(self.fine_min, self.coarse_min)!r}"
            )
        for name in ("threshold", "even_at"):
            value = getattr(self, name)
            if not 0 < value <= 16:
                raise ValueError(f"{name} must be in (0, 16], got {value!r}")
        if not 0 < self.steepness <= 100:
            raise ValueError(f"steepness must be in (0, 100], got {self.steepness!r}")

    @property
    def votes(self) -> tuple[float, ...]:
        """Votes in the order of DETECTORS."""
        return tuple(getattr(self, name) for name in DETECTORS)


@jit
def fuse(surprises: F64, votes: F64) -> float:
    """Return the voted mean of the surprises, >= 0; NaN where nobody has one.

    >>> import numpy as np
    >>> fuse(np.array([2.0, np.nan, 5.0]), np.array([2.0, 9.0, 1.0]))
    3.0
    """
    total = 0.0
    weight = 0.0
    for i in range(surprises.size):
        if surprises[i] == surprises[i] and votes[i] > 0.0:
            total += votes[i] * surprises[i]
            weight += votes[i]
    return total / weight if weight > 0.0 else math.nan


@jit
def confidence(score: float, even_at: float, steepness: float) -> float:
    """Return the fused score as a confidence in [0, 1], a half at `even_at`.

    >>> confidence(4.0, 4.0, 1.5), round(confidence(6.0, 4.0, 1.5), 3)
    (0.5, 0.953)
    """
    return 1.0 / (1.0 + math.exp(-steepness * (score - even_at)))
