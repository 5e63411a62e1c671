"""Microseconds a row of both forests, beside scikit-learn and River, by batch size, in one run.

Run `python -m benchmarks.forests` from the checkout. The best of some rounds, on one thread.
"""

import platform
import time
from collections.abc import Callable

import numpy as np
from river import anomaly
from sklearn.ensemble import IsolationForest

from models.half_space_trees import HalfSpaceTreesSettings, grow, score_and_learn_rows
from models.isolation_forest import (
    IsolationForestSettings,
    attribute_row,
    fit_forest,
    flatten,
    score_rows,
)
from schema import F64

BATCHES = (1, 64, 4096)
FEATURES = 20
ROUND_S = 0.2
ROUNDS = 3


def best_us_a_row(call: Callable[[F64], object], rows: F64) -> float:
    """Return the least time a row among rounds, each of as many calls as fill its time."""
    call(rows)  # compiles
    best = float("inf")
    for _ in range(ROUNDS):
        calls = 0
        spent = 0.0
        start = time.perf_counter()
        while spent < ROUND_S:
            call(rows)
            calls += 1
            spent = time.perf_counter() - start
        best = min(best, spent / calls / len(rows))
    return best * 1e6


def main() -> None:
    """Print the table and how far the scores lie apart."""
    rows = np.random.default_rng(7).normal(size=(max(BATCHES), FEATURES))
    squashed = 1.0 / (1.0 + np.exp(-rows))

    forests = IsolationForestSettings()
    sklearn_forest = IsolationForest(
        n_estimators=forests.trees, max_samples=forests.max_samples, random_state=forests.seed
    ).fit(rows)
    flat = flatten(sklearn_forest)

    spaces = HalfSpaceTreesSettings()
    river = anomaly.HalfSpaceTrees(
        n_trees=spaces.trees, height=spaces.height, window_size=spaces.window, seed=spaces.seed
    )
    trees = grow(spaces, FEATURES)

    def score_and_learn_in_river(batch: F64) -> list[float]:
        scores = []
        for row in batch.tolist():
            keyed = dict(enumerate(row))
            scores.append(river.score_one(keyed))
            river.learn_one(keyed)
        return scores

    first = squashed[: 3 * spaces.window]
    apart = np.nan_to_num(score_and_learn_rows(trees, first)) - score_and_learn_in_river(first)
    sk_apart = score_rows(flat, rows) + sklearn_forest.score_samples(rows)

    calls: list[tuple[str, Callable[[F64], object], F64]] = [
        ("isolation forest, flat", lambda batch: score_rows(flat, batch), rows),
        ("isolation forest, scikit-learn", sklearn_forest.score_samples, rows),
        (
            "half-space trees, flat, score and learn",
            lambda b: score_and_learn_rows(trees, b),
            squashed,
        ),
        ("half-space trees, River, score and learn", score_and_learn_in_river, squashed),
    ]
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    print(
        f"{FEATURES} features; {forests.trees} trees of {forests.max_samples} rows; "
        f"{spaces.trees} half-space trees of height {spaces.height}"
    )
    print(f"{'us a row, by batch size':42}" + "".join(f"{size:>12,}" for size in BATCHES))
    for name, call, source in calls:
        times = [best_us_a_row(call, source[:size]) for size in BATCHES]
        print(f"{name:42}" + "".join(f"{us:12,.2f}" for us in times))
    shares = best_us_a_row(lambda batch: attribute_row(flat, batch[0]), rows[:1])
    start = time.perf_counter()
    fit_forest(rows[: forests.reservoir_rows], seed=forests.seed)
    print(f"{'attribution of a row':42}{shares:12,.2f}")
    print(f"{'fitting a forest, ms':42}{(time.perf_counter() - start) * 1e3:12,.0f}")
    print(f"{'largest difference to scikit-learn':42}{np.abs(sk_apart).max():12.1e}")
    print(f"{'largest difference to River':42}{np.abs(apart).max():12.1e}")


if __name__ == "__main__":
    main()
