"""`make review-year`: which model finds what in simulated years, and how often it is wrong."""

import sys
from collections.abc import Sequence
from itertools import pairwise

from operators.review_models import SHIPPED
from operators.review_settings import ReviewSettings
from tests.review.judged import Found, judged, reviewed
from tests.review.year import KINDS, simulate

SEEDS = (201, 202, 203, 204)  # none of them was looked at while anything was set
BINS = (0.5, 0.7, 0.8, 0.9, 0.95, 1.01)  # of confidence


def main(seeds: Sequence[int]) -> None:
    """Print how each model does, and all together, over some years."""
    found: dict[str, list[Found]] = {name: [] for name in ("together", *(m.name for m in SHIPPED))}
    sure: list[tuple[float, bool]] = []
    for seed in seeds:
        year = simulate(seed)
        records, failures = reviewed(year, SHIPPED, ReviewSettings())
        if failures:
            raise RuntimeError(f"no model may fail, got {failures[0]!r}")
        for name, years in found.items():
            mine = [each for each in records if name in ("together", each.model)]
            years.append(judged(year, mine))
        for record in records:
            sure.append((record.confidence, judged(year, [record]).true_alarms == 1))
        sys.stderr.write(f"year {seed} is over\n")
    out = sys.stdout.write
    kinds = " ".join(f"{kind:>15}" for kind in KINDS)
    out(f"{'model':18}{'precision':>10}{'recall':>8}{'false/month':>12} {kinds}\n")
    for name, years in found.items():
        alarms, true = sum(y.alarms for y in years), sum(y.true_alarms for y in years)
        caught, of = sum(y.caught for y in years), sum(y.oddities for y in years)
        by_kind = " ".join(
            f"{sum(y.by_kind[k][0] for y in years):>9} of {sum(y.by_kind[k][1] for y in years):2}"
            for k in KINDS
        )
        out(f"{name:18}{true / max(alarms, 1):10.2f}{caught / of:8.2f}")
        out(f"{(alarms - true) / 12 / len(years):12.2f} {by_kind}\n")
    for low, high in pairwise(BINS):
        right = [was for confidence, was in sure if low <= confidence < high]
        if right:
            share = sum(right) / len(right)
            out(f"confidence {low:.2f} to {min(high, 1.0):.2f}: {len(right):4} records, ")
            out(f"{share:.2f} of them true\n")


if __name__ == "__main__":
    main([int(each) for each in sys.argv[1:]] or SEEDS)
