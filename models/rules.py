"""Rules: a threshold, held for so many samples in a row. What people know and data do not say.

State of a series and rule: one number, its *run*: samples in a row beyond the limit, or below 0
while the rule is open, then counting up to 0 with each calm sample. Fails on what no one thought
of, and on limits that were right for another season or size.

Source: the `for` of Prometheus' alerting rules, in samples instead of seconds.
"""

import math

import msgspec

from models.jit import jit


class Threshold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Limits that a value must stay within; beyond them for `for_ticks` samples it is wrong."""

    above: float | None = None
    below: float | None = None
    for_ticks: int = 1

    def __post_init__(self) -> None:
        if self.above is None and self.below is None:
            raise ValueError("a threshold must have above or below")
        for limit in (self.above, self.below):
            if limit is not None and not math.isfinite(limit):
                raise ValueError(f"limits must be finite, got {limit!r}")
        if not 1 <= self.for_ticks <= 100_000:
            raise ValueError(f"for_ticks must be in [1, 100000], got {self.for_ticks!r}")


class RulesSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The thresholds of a series, and how long a rule stays open."""

    thresholds: tuple[Threshold, ...] = ()
    calm_samples: int = 5  # within the limits, which close it

    def __post_init__(self) -> None:
        if not 1 <= self.calm_samples <= 100_000:
            raise ValueError(f"calm_samples must be in [1, 100000], got {self.calm_samples!r}")


@jit
def run_on(run: int, value: float, above: float, below: float, needed: int, calm: int) -> int:
    """Return a rule's run after one more sample; a limit that is NaN is none.

    It opens where the run falls below 0 and closes where it comes back to 0.

    >>> run, runs = 0, []
    >>> for value in (5.0, 9.0, 9.5, 9.9, 5.0, 5.0, 5.0):
    ...     run = run_on(run, value, 8.0, math.nan, 2, 2)
    ...     runs.append(run)
    >>> runs
    [0, 1, -2, -2, -1, 0, 0]
    """
    hit = value > above or value < below
    if run < 0:
        return -calm if hit else run + 1
    if not hit:
        return 0
    return -calm if run + 1 >= needed else run + 1
