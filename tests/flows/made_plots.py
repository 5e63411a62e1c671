"""Plots as the flow keeps them, for tests of what shows them."""

import math

from flows.sample_incidents import ONSET_MS, WHOLE
from schema import Plot

MINUTE_MS = 60_000


def plot(
    *, name: str = "orders-db", metric: str = "latency", unit: str = "ms", before: int = 90,
    after: int = 20, banded: bool = True, high: float = 820.0,
) -> Plot:  # fmt: skip
    """Return a metric that stays in its band, and leaves it at the onset of the sample incident."""
    minutes = range(-before, after)
    usual = [180.0 + 25 * math.sin(at / 14) + 9 * math.sin(at * 2.3) for at in minutes]
    rise = [max(0.0, min(1.0, (at + 1) / 4)) for at in minutes]
    value = [low + (high - low) * share for low, share in zip(usual, rise, strict=True)]
    none: tuple[float | None, ...] = (None,) * len(value)
    return Plot(
        WHOLE.members[0].resource.key, name, "aws.rds", metric, (), unit, "metrics",
        ONSET_MS + 2 * MINUTE_MS, ONSET_MS, None, ONSET_MS + after * MINUTE_MS, MINUTE_MS,
        tuple(ONSET_MS + at * MINUTE_MS for at in minutes), tuple(value),
        tuple(180.0 + 25 * math.sin(at / 14) for at in minutes) if banded else none,
        tuple(130.0 + 25 * math.sin(at / 14) for at in minutes) if banded else none,
        tuple(235.0 + 25 * math.sin(at / 14) for at in minutes) if banded else none,
        tuple(range(before + 1, before + after)), 1.0, (("statistical", 1.0),),
    )  # fmt: skip
